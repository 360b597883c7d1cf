"""The places that people have been to, for a batch of queries at once: in the evidence, or in the trajectory since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrec.evidence import Evidence
from genrec.habit_models import Habits
from genrec.rankers.ranker import Floats, Query
from genrec.tallies import STRANGER, Ints, ranges
from genrec.trajectories import Visit, since

LATER = 1 << 40  # ranks visits since the evidence after all rows of it
HOUR = 3600 * 10**6  # in microseconds
THURSDAY = 3  # 1 January 1970
NOWHERE = -1  # the POI of a user who has not been seen


@dataclass(frozen=True, eq=False)
class Known:
    """Places one after another: `row` is the query, ascending, and within it `poi` ascends. The others: (places,) each.

    Attributes:
        visits: how many.
        hours, weekdays: (places, 24) and (places, 7).
        last_time: local time of the last visit, microseconds since 1970.
        order: the larger the later in the user's visits the last one is; 0 where a profile does not tell.

    """

    row: Ints
    poi: Ints
    visits: Floats
    hours: NDArray[np.int32]
    weekdays: NDArray[np.int32]
    last_time: Ints
    order: Ints

    def places(self, row: Ints, poi: Ints, pois: int) -> Ints:
        """Where places of queries stand; they must be known."""
        return np.searchsorted(self.row * pois + self.poi, row * pois + poi)

    def latest(self, queries: int) -> Ints:
        """Where each query's user was last, or NOWHERE. Shape: (queries,)."""
        last = np.full(queries, NOWHERE, dtype=np.int64)
        by_time = np.lexsort((self.order, self.row))
        last[self.row[by_time]] = self.poi[by_time]  # of several the last one stays
        return last


def microseconds(times: Sequence[datetime]) -> Ints:
    """Local times since 1970."""
    return np.array(times, dtype="datetime64[us]").astype(np.int64)


def later_visits(queries: Sequence[Query], as_of: datetime) -> list[Sequence[Visit]]:
    """The visits of each query's trajectory that the evidence does not hold."""
    return [since(query.prefix, as_of) if query.prefix else () for query in queries]


def user_rows(queries: Sequence[Query], evidence: Evidence) -> Ints:
    """Each query's user in the evidence's tallies."""
    users = evidence.tallies.users
    return np.array([users.get(query.user_id, STRANGER) for query in queries], dtype=np.int64)


def known_places(queries: Sequence[Query], evidence: Evidence) -> Known:
    """The places of each query's user, until the query is asked."""
    tallies = evidence.tallies
    users = user_rows(queries, evidence)
    first = np.where(users == STRANGER, 0, tallies.spans[users])
    last = np.where(users == STRANGER, 0, tallies.spans[users + 1])
    row, found = ranges(first, last)
    counted = Known(
        row=row,
        poi=tallies.poi[found],
        visits=tallies.visits[found].astype(np.float64),
        hours=tallies.hours[found],
        weekdays=tallies.weekdays[found],
        last_time=tallies.last_time[found],
        order=tallies.last_row[found],
    )
    later = later_visits(queries, evidence.as_of)
    return _with_later(counted, later, len(evidence.past.pois), tells_hours=not evidence.past.dates_only)


def places_of(habits: Habits, prefix: Sequence[Visit], pois: int, *, tells_hours: bool) -> Known:
    """The places of one user by their habits; the order of the last visits is that of their times."""
    places = sorted(habits.places, key=lambda place: place.poi)
    hours, weekdays = np.zeros((len(places), 24), dtype=np.int32), np.zeros((len(places), 7), dtype=np.int32)
    for i, place in enumerate(places):
        hours[i, list(place.hours)] = list(place.hours.values())
        weekdays[i, list(place.weekdays)] = list(place.weekdays.values())
    counted = Known(
        row=np.zeros(len(places), dtype=np.int64),
        poi=np.array([place.poi for place in places], dtype=np.int64),
        visits=np.array([place.visits for place in places], dtype=np.float64),
        hours=hours,
        weekdays=weekdays,
        last_time=microseconds([place.last_visit for place in places]),
        order=np.zeros(len(places), dtype=np.int64),
    )
    return _with_later(counted, [since(prefix, habits.as_of)], pois, tells_hours=tells_hours)


def _with_later(counted: Known, later: Sequence[Sequence[Visit]], pois: int, *, tells_hours: bool) -> Known:
    """The places with the visits since the evidence counted, too."""
    times = microseconds([time for own in later for time, _ in own])
    if not len(times):
        return counted
    rows = np.repeat(np.arange(len(later)), [len(own) for own in later])
    reached = np.array([poi for own in later for _, poi in own], dtype=np.int64)
    keys, later_keys = counted.row * pois + counted.poi, rows * pois + reached
    merged = np.union1d(keys, later_keys)
    old, new = np.searchsorted(merged, keys), np.searchsorted(merged, later_keys)

    def spread(values: NDArray[Any]) -> NDArray[Any]:
        wider = np.zeros((len(merged), *values.shape[1:]), dtype=values.dtype)
        wider[old] = values
        return wider

    known = Known(
        row=merged // pois,
        poi=merged % pois,
        visits=spread(counted.visits),
        hours=spread(counted.hours),
        weekdays=spread(counted.weekdays),
        last_time=spread(counted.last_time),
        order=spread(counted.order),
    )
    np.add.at(known.visits, new, 1)
    np.add.at(known.hours, (new, times // HOUR % 24), int(tells_hours))
    np.add.at(known.weekdays, (new, (times // (24 * HOUR) + THURSDAY) % 7), 1)
    known.last_time[new] = times  # of several the last one stays
    known.order[new] = LATER + np.arange(len(new))
    return known
