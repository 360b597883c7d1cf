"""Rankings and habits of people of a prepared folder in parts: a city that need not fit into memory.

What everybody's check-ins say is counted once, part by part; then the check-ins of the people who are asked about are
read, and nobody else's.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

from genrec.checkins import Checkins
from genrec.columns import USER
from genrec.evidence import Evidence
from genrec.explaining import Ask, Explaining
from genrec.fingerprint import fingerprint_of
from genrec.habit_models import Habits
from genrec.habits import CityHabits, all_habits
from genrec.parted import Gathered, Parted
from genrec.rankers.everybody import Everybody, count_everybody
from genrec.rankers.places import Places, places_of
from genrec.rankers.ranker import Query
from genrec.rankers.tables import LatestTables, Tables
from genrec.recommender import trajectory_of
from genrec.streaming.ordered import ordered
from genrec.tallies import Tallies


class SomeEvidence(Evidence):
    """The evidence about some people, and what everybody's says; `past`: their check-ins before its moment."""

    def __init__(self, past: Checkins, everybody: Everybody) -> None:
        super().__init__(replace(past, frame=past.frame.clear()), everybody.as_of)
        self.past = past  # which are cut as everybody's are, and not where these people's clocks say so
        self.everybody = everybody

    @cached_property
    def city(self) -> CityHabits:
        """See `Evidence`."""
        return self.everybody.habits

    @cached_property
    def tallies(self) -> Tallies:
        """See `Evidence`."""
        own = super().tallies
        return replace(own, place_hours=self.everybody.place_hours, all_steps=self.everybody.all_steps)


class _SomeTables(LatestTables):
    """Tables of some people beside everybody's."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places
        self._kept: tuple[Evidence, Tables] | None = None

    def of(self, evidence: Evidence) -> Tables:
        """See `LatestTables`."""
        assert isinstance(evidence, SomeEvidence)  # noqa: S101 - `InParts` has no other
        if self._kept is None or self._kept[0] is not evidence:
            self._kept = evidence, Tables(evidence, self._places, evidence.everybody)
        return self._kept[1]


class InParts(Explaining):
    """Ranks the places of a folder in parts for its people, from what was before the time asked about.

    What everybody's check-ins say is counted for the moment asked about last, in a folder below `home`: about 30 bytes
    a check-in. `order`: the people who will be asked about, those who are asked about together side by side.
    `rankers`: as of `Explaining`. `fingerprint`: of all check-ins, if it is known already.
    """

    def __init__(
        self,
        parted: Parted,
        home: Path,
        order: Sequence[str],
        rankers: Path | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self._places = places_of(parted.pois)
        super().__init__(rankers, None, parted.last() + timedelta(seconds=1), _SomeTables(self._places))
        self.parted, self._home = parted, home
        self._gathered = Gathered(parted, order)
        self._counted: tuple[Everybody, Path] | None = None
        self._fingerprint = fingerprint

    @cached_property
    def fingerprint(self) -> str:
        """That of all check-ins, which are brought into order for it."""
        return self._fingerprint or fingerprint_of(ordered(self.parted, self._home), self.parted.pois)

    def everybody(self, moment: datetime | None = None) -> Everybody:
        """What all say before a moment (None: in all)."""
        moment = moment or self._end
        if self._counted is None or self._counted[0].as_of != moment:
            if self._counted:
                shutil.rmtree(self._counted[1])
            self._home.mkdir(parents=True, exist_ok=True)
            folder = Path(mkdtemp(dir=self._home, prefix="tables-"))
            self._counted = count_everybody(self.parted, self._places, folder, moment), folder
        return self._counted[0]

    def _looked_up(self, asks: Sequence[Ask], moment: datetime) -> tuple[list[Query], Evidence]:
        everybody = self.everybody(moment)
        rows = self._gathered.rows([user for user, _ in asks])
        evidence = SomeEvidence(self.parted.checkins(everybody.known(rows)), everybody)
        frame = self.parted.checkins(rows).frame
        visits, none = frame.partition_by(USER, as_dict=True), frame.clear()
        return [Query(user, at, trajectory_of(visits.get((user,), none), at)) for user, at in asks], evidence


class HabitsInParts:
    """The habits of people of a folder in parts, as `genrec.habits.all_habits` gives those of check-ins in memory.

    `order`: as of `InParts`.
    """

    def __init__(self, parted: Parted, order: Sequence[str], as_of: datetime | None) -> None:
        self._parted, self._gathered = parted, Gathered(parted, order)
        self._as_of = as_of or parted.last() + timedelta(seconds=1)
        self._cut = parted.cut(as_of) if as_of else None

    def __call__(self, users: Sequence[str]) -> Mapping[str, Habits]:
        """Of some of these people."""
        rows = self._gathered.rows(users)
        known = self._cut.before(rows) if self._cut else rows
        return all_habits(self._parted.checkins(known), self._as_of, users)
