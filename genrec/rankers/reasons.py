"""What is known of a person and a place, in plain data: what a reason can be written from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from genrec.geo import Positions
from genrec.rankers.asked import Asked
from genrec.rankers.sparse import Floats, Ints
from genrec.rankers.steps import GAP
from genrec.rankers.tables import Tables, clock

AROUND = 1  # hours before and after that count as this hour
NEAR_KM = 0.5


@dataclass(frozen=True)
class Facts:
    """Facts about one place in one situation: of the person's visits before it, and of everybody's before the evidence.

    Attributes:
        visits: of the person there.
        checkins: of the person, anywhere.
        at_hour: how many of the visits were within an hour of this time of day; None if no hour is told.
        on_day: how many of them were on this weekday; None if no time is told.
        last_visit: the last of them, on the local clock; None if there is none.
        last: where the person was last seen; None if nowhere.
        here: whether that is this place.
        steps: how often the person went on to there, within a day, from `last`.
        departures: how often they went on from there to anywhere.
        crowd_steps: how often others did.
        kind_visits: of the person to other places of its category.
        visitors: other persons who have been there.
        alike: persons with like habits who have been there, as a sum of likenesses from 0 to 1.
        near_visits: of the person to other places within `NEAR_KM` of it.
        km: distance from `last`.

    """

    visits: int
    checkins: int
    at_hour: int | None
    on_day: int | None
    last_visit: datetime | None
    last: int | None
    here: bool
    steps: int
    departures: int
    crowd_steps: int
    kind_visits: int
    visitors: int
    alike: float
    near_visits: int
    km: float | None


@dataclass(frozen=True)
class Reason:
    """Why a place is where it is in a ranking.

    Attributes:
        poi: the place.
        probability: of a visit there next.
        fields: which part of the place's probability each field brought, the largest first; they sum to 1. Empty for
            a place that was not looked at, but shares the remainder.
        facts: what is known of the person and the place.

    """

    poi: int
    probability: float
    fields: dict[str, float]
    facts: Facts


class PersonFacts:
    """The facts that one query of a batch can tell of any place."""

    def __init__(self, tables: Tables, asked: Asked, number: int, positions: Positions) -> None:
        self._tables, self._positions = tables, positions
        self._user = int(asked.user[number])
        self._hour = float(asked.hour[number]) if asked.timed[number] and tables.tells_hours else None
        self._day = int(asked.day[number]) if asked.timed[number] else None
        own = tables.rows_of(self._user)
        query, later_poi, later_time = asked.later
        self._before = len(own)  # visits that the evidence holds
        self._poi = np.concatenate([tables.visits.poi[own], later_poi[query == number]])
        self._time = np.concatenate([tables.visits.time[own], later_time[query == number]])
        self.checkins = len(self._poi)
        self._last = int(self._poi[-1]) if self.checkins else -1
        near = np.diff(self._time) < GAP
        self._left = np.flatnonzero(near & (self._poi[:-1] == self._last))  # where the person went on from `last`

    @cached_property
    def _alike(self) -> Floats:
        """How much alike persons go to each place. Shape: (places,)."""
        return np.asarray(self._tables.alike_of(np.array([self._user])).toarray()[0])

    def about(self, poi: int) -> Facts:
        """The facts about a place."""
        tables, last = self._tables, self._last
        there = self._poi == poi
        times = self._time[there]
        known = there[: self._before]
        km = self._positions.km(poi, self._poi)
        category = tables.places.category
        went_on = self._left[self._poi[self._left + 1] == poi]
        counted = int((went_on < self._before - 1).sum())  # that everybody's steps hold, too
        return Facts(
            visits=len(times),
            checkins=self.checkins,
            at_hour=None if self._hour is None else _around(times, self._hour),
            on_day=None if self._day is None else int((clock(times)[1] == self._day).sum()),
            last_visit=datetime(1970, 1, 1) + timedelta(seconds=float(times.max())) if len(times) else None,
            last=last if last >= 0 else None,
            here=poi == last,
            steps=len(went_on),
            departures=len(self._left),
            crowd_steps=_steps(tables, last, poi) - counted if last >= 0 else 0,
            kind_visits=int((category[self._poi[~there]] == category[poi]).sum()),
            visitors=int(tables.crowd.visitors[poi]) - int(known.any()),
            alike=float(self._alike[poi]),
            near_visits=int((km[~there] <= NEAR_KM).sum()),
            km=float(km[-1]) if last >= 0 else None,
        )


def _around(times: Floats, hour: float) -> int:
    """How many times of day are within `AROUND` of an hour, across midnight."""
    away = np.abs(clock(times)[0] - hour)
    return int((np.minimum(away, 24 - away) <= AROUND).sum())


def _steps(tables: Tables, before: int, after: int) -> int:
    key: Ints = np.array([before * tables.places.count + after])
    return int(tables.steps.crowd(key)[0])
