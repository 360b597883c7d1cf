"""Who, when -> ranking with reasons: by the fusion or by habits from the check-ins alone, by a model from a profile."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from genrec.beside import Beside
from genrec.checkins import Checkins
from genrec.clock import before, local_span
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, POI_ID, TIME, USER
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.profiles.profile import Level, Profile, require_catalogue
from genrec.prompting import prompt_version
from genrec.rankers.asked import asked
from genrec.rankers.diary import DIARY
from genrec.rankers.diary_ranker import DiaryRanker
from genrec.rankers.habits import rank_habits
from genrec.rankers.llm import LlmRanker, ProfileQuery, TopK
from genrec.rankers.ranker import Bools, Floats, Pick, Query, best
from genrec.rankers.ranking_prompt import RANKING
from genrec.rankers.reasons import PersonFacts, Reason
from genrec.rankers.simple import CountingRanker
from genrec.rankers.tables import LatestTables
from genrec.rankers.why import habit_reasons, reasons
from genrec.ranking import Fused, Place, Prompted, Ranking
from genrec.steering import Shift
from genrec.trajectories import GAP_HOURS, Visit, sessionise

if TYPE_CHECKING:
    from genrec.rankers.fusion import Fusion

Ask = tuple[str, datetime | None]  # a user, and the local time of the visit; None if it is unknown


def trajectory(checkins: Checkins, user: str, at: datetime | None) -> tuple[Visit, ...]:
    """As `trajectory_of`, of a user among others."""
    return trajectory_of(checkins.frame.filter(pl.col(USER).cast(pl.String) == user), at)


def trajectory_of(visits: pl.DataFrame, at: datetime | None) -> tuple[Visit, ...]:
    """A user's trajectory that is going on at a time, or their latest if the time is unknown; empty if there is none.

    Nothing at or after that time is looked at.
    """
    if at is not None:
        visits = before(visits, at)
    over = at is not None and len(visits) and at - visits[-1, TIME] >= timedelta(hours=GAP_HOURS)
    if over or visits.is_empty():
        return ()
    trajectories = sessionise(visits)
    return tuple(visits.filter(trajectories == trajectories[-1]).select(TIME, POI).iter_rows())


def query(checkins: Checkins, profile: Profile, at: datetime | None) -> ProfileQuery:
    """Ask a model about a user at a time, during the trajectory of then.

    Raises GenRecError, before any model is loaded, if the profile was written for other data or knows later visits.
    """
    require_catalogue([profile], checkins.pois)
    return ProfileQuery(profile, at, trajectory(checkins, profile.user_id, at))


class Recommender:
    """Ranks the places of one catalogue from the check-ins before the time asked about.

    `rankers`: a folder of trained rankers whose fusion ranks, instead of the one that comes with GenRec. `beside`: a
    language model that may be asked, too; without it, none is loaded.
    """

    def __init__(self, checkins: Checkins, rankers: Path | None = None, beside: Beside | None = None) -> None:
        self._checkins = checkins
        self._folder, self._beside = rankers, beside
        self._habits = CountingRanker("habits")
        self._end = local_span(checkins.frame)[1] + timedelta(seconds=1)
        self._tables = LatestTables()
        self._earlier: Evidence | None = None

    @cached_property
    def fusion(self) -> "Fusion":
        """The fusion; raises InputError for a folder with none, a damaged one, or another than `beside` is for."""
        from genrec.rankers.fusion import Fusion  # deferred: loads torch, which habits do without

        fusion = Fusion(self._folder, tables=self._tables)
        if self._beside:
            self._beside.require(fusion.identity())
        return fusion

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
            queries = [Query(user, at, trajectory(self._checkins, user, at)) for user, at in (asks[i] for i in rows)]
            rankings |= zip(rows, self.rank_as_of(moment, queries, by, k=k, words=words), strict=True)
        return [rankings[row] for row in range(len(asks))]

    def rank_as_of(
        self,
        moment: datetime | None,
        queries: Sequence[Query],
        by: Literal["fusion", "habits"],
        *,
        k: int = 10,
        words: Shift | None = None,
        among: Bools | None = None,
    ) -> list[Ranking]:
        """Rank for queries from what was before a moment (None: from all); `among`: which places may be named."""
        # The fusion is loaded before the clock starts.
        rank = self._by_habits if by == "habits" else partial(self._by_fusion, self.fusion, words)
        start = time.perf_counter()
        made = rank(queries, self.evidence(moment), Pick(k, among))
        seconds = (time.perf_counter() - start) / len(queries)
        return [replace(ranking, seconds=seconds) for ranking in made]

    def evidence(self, moment: datetime | None = None) -> Evidence:
        """All that was before a moment, or all; what is counted of all, and of the moment asked about last, is kept."""
        if moment is None or moment >= self._end:
            return self._latest
        if self._earlier is None or self._earlier.as_of != moment:
            self._earlier = Evidence(self._checkins, moment)
        return self._earlier

    @cached_property
    def _latest(self) -> Evidence:
        return Evidence(self._checkins, self._end)

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
            self._checkins.pois,
            reason.poi,
            distance_km=reason.facts.km,
            probability=reason.probability,
            habits_probability=float(case.habits[reason.poi]),
            reasons=reasons(reason, self._checkins.pois, case.query.at),
            fields=reason.fields,
        )


@dataclass(frozen=True)
class _Case:
    """One query with what is known of its person; `habits`: probabilities by habits alone. Shape: (pois,)."""

    query: Query
    evidence: Evidence
    person: PersonFacts
    habits: Floats


class LlmRecommender:
    """Ranks the places of one catalogue by a model that reads a profile, beside what its habits alone would say.

    `prompt`: the hash of the words that it is asked in.
    """

    def __init__(self, scorer: AnswerScorer, checkins: Checkins, over: Over = "catalogue") -> None:
        """Ask as the model's adapter has learned to be asked; without one, by diaries. `over`: see `Over`.

        Raises GenRecError if the adapter was trained for another catalogue or prompt.
        """
        numbers = scorer.adapter and scorer.adapter.ranking_prompt == prompt_version(RANKING)
        self.prompt = prompt_version(RANKING if numbers else DIARY)
        made = LlmRanker(scorer, checkins, over=over) if numbers else DiaryRanker(scorer, checkins, over)
        self._ranker: LlmRanker | DiaryRanker = made
        self._over = over
        self._pois = checkins.pois

    def cache_use(self) -> CacheUse:
        """How much of the prompts the model's prefix cache has spared so far."""
        return self._ranker.cache_use()

    def recommend(self, query: ProfileQuery, *, k: int = 10, level: Level = "full") -> Ranking:
        """As `recommend_all`, for one."""
        return self.recommend_all([query], k=k, level=level)[0]

    def recommend_all(self, queries: Sequence[ProfileQuery], *, k: int = 10, level: Level = "full") -> list[Ranking]:
        """Rank all places for each query and say what speaks for them; errors as in `LlmRanker.rank`."""
        start = time.perf_counter()
        ranked = self._ranker.rank(queries, k=k, level=level)
        seconds = (time.perf_counter() - start) / max(len(queries), 1)
        return [self._explain(query, top, k, level, seconds) for query, top in zip(queries, ranked, strict=True)]

    def _explain(self, query: ProfileQuery, top: TopK, k: int, level: Level, seconds: float) -> Ranking:
        profile = query.profile
        city = self._ranker.city(profile.as_of)
        habits = rank_habits(profile.habits, city, self._pois, at=query.at, prefix=query.prefix)

        def place(poi: int, probability: float) -> Place:
            return described(
                self._pois,
                poi,
                distance_km=self._distance(query, poi),
                probability=probability,
                habits_probability=float(habits[poi]),
                reasons=habit_reasons(profile.habits, city, self._pois, poi, at=query.at, prefix=query.prefix),
            )

        [usual] = best(habits[None], k)
        return Ranking(
            user_id=profile.user_id,
            at=query.at,
            by="llm",
            as_of=profile.as_of,
            checkins=profile.habits.checkins,
            places=[place(poi, p) for poi, p in zip(top.pois, top.probabilities, strict=True)],
            by_habits=[place(poi, float(habits[poi])) for poi in usual.tolist()],
            seconds=seconds,
            how=Prompted(self._ranker.name, level, top.prompt_tokens, top.dropped_lines, self._over),
        )

    def _distance(self, query: ProfileQuery, poi: int) -> float | None:
        recent = query.profile.habits.recent
        if query.prefix:
            last = query.prefix[-1][1]
        elif recent:
            last = recent[-1].poi
        else:
            return None
        here, there = self._pois.row(last, named=True), self._pois.row(poi, named=True)
        return float(haversine_km(here[LATITUDE], here[LONGITUDE], there[LATITUDE], there[LONGITUDE]))


def described(pois: pl.DataFrame, poi: int, **said: Any) -> Place:
    """A place of a ranking, described from the catalogue; `said`: the other fields of `Place`."""
    row = pois.row(poi, named=True)
    return Place(poi=poi, poi_id=row[POI_ID], name=row.get(NAME), category=row[CATEGORY], **said)
