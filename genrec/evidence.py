"""What is known as of a moment: every method gets its knowledge from here, so none can look further."""

from dataclasses import replace
from datetime import datetime
from functools import cached_property

import polars as pl

from genrec.by_person import ByPerson
from genrec.checkins import Checkins
from genrec.clock import before
from genrec.columns import LATITUDE, LONGITUDE, POI, TIME, USER
from genrec.fingerprint import fingerprint
from genrec.geo import Positions
from genrec.habit_models import Habits
from genrec.habits import CityHabits, city_habits, habits_of
from genrec.tallies import Tallies, tally
from genrec.trajectories import Visit, steps


def positions_of(pois: pl.DataFrame) -> Positions:
    """Where the POIs of a catalogue are."""
    return Positions(pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy())


class Evidence:
    """The check-ins before a moment, and what follows from them; later ones are not reachable from here.

    Attributes:
        as_of: the moment.
        past: the check-ins before it, with the whole catalogue.

    """

    def __init__(self, checkins: Checkins, as_of: datetime) -> None:
        self.as_of = as_of
        self.past = replace(checkins, frame=before(checkins.frame, as_of))
        self._habits: dict[str, Habits] = {}
        self._visits: dict[str, list[Visit]] = {}

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the check-ins that everything here rests on."""
        return fingerprint(self.past)

    @cached_property
    def city(self) -> CityHabits:
        """The habits of all users together."""
        return city_habits(self.past, self.as_of)

    def habits(self, user_id: str) -> Habits:
        """The habits of one user."""
        if user_id not in self._habits:
            own = replace(self.past, frame=self._by_person.of([user_id]))
            self._habits[user_id] = habits_of(own, user_id, self.as_of)
        return self._habits[user_id]

    @cached_property
    def positions(self) -> Positions:
        """Where the POIs are."""
        return positions_of(self.past.pois)

    @cached_property
    def tallies(self) -> Tallies:
        """The check-ins counted, for rankers that answer many queries at once."""
        return tally(self.past, self._steps)

    def visits(self, user_id: str) -> list[Visit]:
        """A user's visits in order."""
        if user_id not in self._visits:
            self._visits[user_id] = self._by_person.of([user_id]).select(TIME, POI).rows()
        return self._visits[user_id]

    @cached_property
    def _by_person(self) -> ByPerson:
        return ByPerson(self.past.frame)

    @cached_property
    def steps(self) -> dict[int, dict[int, int]]:
        """How often anybody went from one POI straight to another, within trajectories: {from: {to: count}}."""
        counts: dict[int, dict[int, int]] = {}
        for poi, after, count in self._steps.group_by(POI, "after").len().iter_rows():
            counts.setdefault(poi, {})[after] = count
        return counts

    def steps_of(self, user_id: str) -> list[tuple[int, int]]:
        """Each time that a user went from one POI straight to another, within trajectories, in order."""
        return self._user_steps.get(user_id, [])

    @cached_property
    def _steps(self) -> pl.DataFrame:
        return steps(self.past.frame)

    @cached_property
    def _user_steps(self) -> dict[str, list[tuple[int, int]]]:
        groups = self._steps.group_by(USER).agg(POI, "after")
        return {user: list(zip(pois, after, strict=True)) for user, pois, after in groups.iter_rows()}
