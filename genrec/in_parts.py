"""Rankings by the fusion for people of a prepared folder in parts: a city that need not fit into memory.

What everybody's check-ins say is counted once, part by part; then the check-ins of the people who are asked about are
read, and nobody else's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.columns import USER
from genrec.evidence import Evidence
from genrec.habits import CityHabits
from genrec.parted import Parted
from genrec.rankers.everybody import Everybody, count_everybody
from genrec.rankers.fusion import Fusion
from genrec.rankers.places import Places, places_of
from genrec.rankers.ranker import Pick, Query
from genrec.rankers.tables import LatestTables, Tables
from genrec.recommender import Ask, trajectory_of
from genrec.tallies import Tallies

CELLS = 1 << 24  # of the largest array of a batch, a number a person and place: 128 MB


@dataclass(frozen=True)
class Ranked:
    """The most probable next places of a user at a time, best first."""

    user_id: str
    at: datetime | None
    pois: list[int]
    probabilities: list[float]


class SomeEvidence(Evidence):
    """The evidence about some people, and what everybody's says; `past`: their check-ins before its moment."""

    def __init__(self, past: Checkins, everybody: Everybody) -> None:
        super().__init__(replace(past, frame=past.frame.clear()), everybody.as_of)
        self.past = past  # which are cut as everybody's are, and not where these people's clocks say so
        self._everybody = everybody

    @cached_property
    def city(self) -> CityHabits:
        """See `Evidence`."""
        return self._everybody.habits

    @cached_property
    def tallies(self) -> Tallies:
        """See `Evidence`."""
        own = super().tallies
        return replace(own, place_hours=self._everybody.place_hours, all_steps=self._everybody.all_steps)


class _SomeTables(LatestTables):
    """Tables of some people beside everybody's."""

    def __init__(self, places: Places, everybody: Everybody) -> None:
        super().__init__()
        self._places, self._everybody = places, everybody

    def of(self, evidence: Evidence) -> Tables:
        """See `LatestTables`."""
        return Tables(evidence, self._places, self._everybody)


class InParts:
    """Ranks the places of a folder in parts for its people, from what was before a moment.

    `home`: a work folder for tables, as large as about 30 bytes a check-in. `as_of`: a local time; all check-ins are
    evidence without. `rankers`: as of `Fusion`.
    """

    def __init__(self, folder: Path, home: Path, *, as_of: datetime | None = None, rankers: Path | None = None) -> None:
        self.parted = Parted(folder)
        places = places_of(self.parted.pois)
        self.everybody = count_everybody(self.parted, places, home, as_of)
        self._fusion = Fusion(rankers, tables=_SomeTables(places, self.everybody))

    def rank(self, asks: Sequence[Ask], k: int = 10) -> list[Ranked]:
        """Rank all places for users at times; those of one part are best asked about together."""
        most = max(1, CELLS // len(self.parted.pois))
        return [ranked for first in range(0, len(asks), most) for ranked in self._ranked(asks[first : first + most], k)]

    def _ranked(self, asks: Sequence[Ask], k: int) -> list[Ranked]:
        rows = self.parted.rows([user for user, _ in asks])
        evidence = SomeEvidence(self.parted.checkins(self.everybody.known(rows)), self.everybody)
        frame = self.parted.checkins(rows).frame
        visits, none = frame.partition_by(USER, as_dict=True), frame.clear()
        queries = [Query(user, at, trajectory_of(visits.get((user,), none), at)) for user, at in asks]
        found: list[Ranked] = []
        for looked in self._fusion.look(queries, evidence):
            scores = looked.scores
            for row, pois in enumerate(Pick(k, None).of(scores)):
                query = queries[len(found)]
                found.append(Ranked(query.user_id, query.at, pois.tolist(), np.exp(scores[row, pois]).tolist()))
        return found


def to_frame(ranked: Sequence[Ranked], pois: pl.DataFrame) -> pl.DataFrame:
    """Rankings as a table: a row a user, time and place."""
    rows = [
        (each.user_id, each.at, rank, poi, probability)
        for each in ranked
        for rank, (poi, probability) in enumerate(zip(each.pois, each.probabilities, strict=True), start=1)
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {USER: pl.String, "at": pl.Datetime("us"), "rank": pl.UInt16}
    schema |= {"poi": pl.UInt32, "probability": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pois["poi_id"].gather(frame["poi"]))
