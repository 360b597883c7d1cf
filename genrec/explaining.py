"""Rankings with reasons by the fusion or by habits, whoever looks up what was known: of check-ins, or of a folder."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from genrec.beside import Beside
from genrec.columns import CATEGORY, NAME, POI_ID
from genrec.evidence import Evidence
from genrec.rankers.asked import asked
from genrec.rankers.ranker import Floats, Pick, Query
from genrec.rankers.reasons import PersonFacts, Reason
from genrec.rankers.simple import CountingRanker
from genrec.rankers.tables import LatestTables
from genrec.rankers.why import reasons
from genrec.ranking import By, Fused, Place, Ranking
from genrec.steering import Shift

if TYPE_CHECKING:
    from genrec.rankers.fusion import Fusion

Ask = tuple[str, datetime | None]  # a user, and the local time of the visit; None if it is unknown


class Explaining(ABC):
    """Ranks the places of one catalogue from the check-ins before the time asked about.

    `rankers`: a folder of trained rankers whose fusion ranks, instead of the one that comes with GenRec. `beside`: a
    language model that may be asked, too; without it, none is loaded. `end`: just after the latest check-in.
    """

    def __init__(self, rankers: Path | None, beside: Beside | None, end: datetime, tables: LatestTables) -> None:
        self._folder, self._beside = rankers, beside
        self._end, self._tables = end, tables
        self._habits = CountingRanker("habits")

    @cached_property
    def fusion(self) -> "Fusion":
        """The fusion; raises InputError for a folder with none, a damaged one, or another than `beside` is for."""
        from genrec.rankers.fusion import Fusion  # deferred: loads torch, which habits do without

        fusion = Fusion(self._folder, tables=self._tables)
        if self._beside:
            self._beside.require(fusion.identity())
        return fusion

    def identity(self, by: By) -> dict[str, Any]:
        """What ranks, in plain types: of the fusion, and of the model beside it."""
        if by != "fusion":
            return {}
        return self.fusion.identity() | (self._beside.identity() if self._beside else {})

    def rank(
        self, asks: Sequence[Ask], by: Literal["fusion", "habits"], *, k: int = 10, words: Shift | None = None
    ) -> list[Ranking]:
        """Rank all places for users at times, together where the evidence is the same; a stranger has none.

        `words`: what was said, which counts with the fusion. Raises InputError if the fusion was trained for another
        catalogue.
        """
        moments = [self._end if at is None else min(at, self._end) for _, at in asks]
        rankings: dict[int, Ranking] = {}
        for moment in dict.fromkeys(moments):
            rows = [row for row, other in enumerate(moments) if other == moment]
            queries, evidence = self._looked_up([asks[row] for row in rows], moment)
            rankings |= zip(rows, self._ranked(evidence, queries, by, Pick(k, None), words), strict=True)
        return [rankings[row] for row in range(len(asks))]

    @abstractmethod
    def _looked_up(self, asks: Sequence[Ask], moment: datetime) -> tuple[list[Query], Evidence]:
        """What is asked, with the trajectories of then, and what was before a moment."""

    def _ranked(
        self,
        evidence: Evidence,
        queries: Sequence[Query],
        by: Literal["fusion", "habits"],
        pick: Pick,
        words: Shift | None,
    ) -> list[Ranking]:
        # The fusion is loaded before the clock starts.
        rank = self._by_habits if by == "habits" else partial(self._by_fusion, self.fusion, words)
        start = time.perf_counter()
        made = rank(queries, evidence, pick)
        seconds = (time.perf_counter() - start) / len(queries)
        return [replace(ranking, seconds=seconds) for ranking in made]

    def _by_fusion(
        self, fusion: "Fusion", words: Shift | None, queries: Sequence[Query], evidence: Evidence, pick: "Pick"
    ) -> list[Ranking]:
        habits = np.exp(self._habits.score(queries, evidence))
        made: list[Ranking] = []
        for looked in fusion.look(queries, evidence):
            batch = queries[len(made) :][: len(looked.rest)]
            mixture = self._beside and self._beside.mixed(looked.scores, batch, evidence)
            before = mixture.scores if mixture else looked.scores
            scores = words.applied(before) if words else before
            for row, pois in enumerate(pick.of(scores)):
                case = _Case(queries[len(made)], evidence, looked.person(row), habits[len(made)])
                explained = looked.explain(row, pois.tolist())
                ranking = self._ranking(case, pick, explained.places, Fused(explained.gate, explained.rest))
                ranking = mixture.explained(ranking, row) if mixture else ranking
                made.append(words.explained(ranking, before[row], scores[row]) if words else ranking)
        return made

    def _by_habits(self, queries: Sequence[Query], evidence: Evidence, pick: "Pick") -> list[Ranking]:
        tables = self._tables.of(evidence)
        questions = asked(queries, tables, evidence.as_of)
        persons = [PersonFacts(tables, questions, row, evidence.positions) for row in range(len(queries))]
        habits = np.exp(self._habits.score(queries, evidence))
        cases = zip(queries, persons, habits, strict=True)
        return [self._ranking(_Case(query, evidence, person, scores), pick) for query, person, scores in cases]

    def _ranking(
        self, case: "_Case", pick: "Pick", chosen: Sequence[Reason] | None = None, how: Fused | None = None
    ) -> Ranking:
        """What was chosen, or else what habits alone say, described."""
        usual = [
            Reason(poi, float(case.habits[poi]), {"habits": 1.0}, case.person.about(poi))
            for poi in pick.of(case.habits[None])[0].tolist()
        ]
        return Ranking(
            user_id=case.query.user_id,
            at=case.query.at,
            by="habits" if how is None else "fusion",
            as_of=case.evidence.as_of,
            checkins=case.person.checkins,
            places=[self._place(case, reason) for reason in (usual if chosen is None else chosen)],
            by_habits=[self._place(case, reason) for reason in usual],
            seconds=0.0,
            how=how,
        )

    def _place(self, case: "_Case", reason: Reason) -> Place:
        return described(
            case.evidence.past.pois,
            reason.poi,
            distance_km=reason.facts.km,
            probability=reason.probability,
            habits_probability=float(case.habits[reason.poi]),
            reasons=reasons(reason, case.evidence.past.pois, case.query.at),
            fields=reason.fields,
        )


@dataclass(frozen=True)
class _Case:
    """One query with what is known of its person; `habits`: probabilities by habits alone. Shape: (pois,)."""

    query: Query
    evidence: Evidence
    person: PersonFacts
    habits: Floats


def described(pois: pl.DataFrame, poi: int, **said: Any) -> Place:
    """A place of a ranking, described from the catalogue; `said`: the other fields of `Place`."""
    row = pois.row(poi, named=True)
    return Place(poi=poi, poi_id=row[POI_ID], name=row.get(NAME), category=row[CATEGORY], **said)
