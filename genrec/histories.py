"""The check-ins of many people counted at once, as arrays in which what belongs to a person lies side by side."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.anchors import OFFICE_HOURS
from genrec.columns import POI, TIME, USER
from genrec.trajectories import steps

MIN_TRANSITIONS = 2

Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]
Spans = Ints
"""(owners + 1,) where the part of each owner begins, and where the last one ends."""


@dataclass(frozen=True, eq=False)
class Cells:
    """How many visits of each owner fall on each value; an owner's values ascend."""

    spans: Spans
    value: NDArray[np.uint8]
    visits: NDArray[np.uint32]

    @classmethod
    def counted(cls, owner: Ints, values: Ints, owners: int, size: int) -> "Cells":
        """Count visits, given the owner and the value (below `size`) of each."""
        key, visits = np.unique(owner * size + values, return_counts=True)
        return cls(spans(key // size, owners), (key % size).astype(np.uint8), visits.astype(np.uint32))

    def of(self, owners: slice) -> list[dict[int, int]]:
        """Value -> visits, for each of the owners."""
        bounds = self.spans[owners.start : owners.stop + 1]
        values, visits = (column[bounds[0] : bounds[-1]].tolist() for column in (self.value, self.visits))
        parts = pairwise((bounds - bounds[0]).tolist())
        return [dict(zip(values[i:j], visits[i:j], strict=True)) for i, j in parts]


@dataclass(frozen=True, eq=False)
class Places:
    """Each person's places: most visited first, ties by the last visit, then by index.

    `first` and `last` are the first and the last visit in order; `at_work` are the visits within office hours; `hours`
    are those of nobody where the data have dates only.
    """

    spans: Spans
    poi: Ints
    visits: Ints
    first: Times
    last: Times
    at_work: Ints
    hours: Cells
    weekdays: Cells


@dataclass(frozen=True, eq=False)
class Transitions:
    """Each person's steps made at least MIN_TRANSITIONS times: most often made first, ties by index.

    `departures` are all steps from the place that a step leaves.
    """

    spans: Spans
    poi: Ints
    after: Ints
    count: Ints
    departures: Ints


@dataclass(frozen=True, eq=False)
class Histories:
    """What is counted of people: `users` gives each one's number; `poi` and `time` are their visits in order."""

    users: dict[str, int]
    spans: Spans
    poi: NDArray[np.uint32]
    time: Times
    places: Places
    transitions: Transitions


def spans(owner: Ints, owners: int) -> Spans:
    """Where the part of each owner begins in an ascending column of owners."""
    return np.searchsorted(owner, np.arange(owners + 1))


def part(spans: Spans, owner: int) -> slice:
    """The rows of one owner."""
    return slice(int(spans[owner]), int(spans[owner + 1]))


def hours_of(times: Times) -> Ints:
    """The hour of each time, 0 to 23."""
    return times.astype("datetime64[h]").astype(np.int64) % 24


def weekdays_of(times: Times) -> Ints:
    """The day of the week of each time, 0 being Monday."""
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970 began on a Thursday


def histories(past: pl.DataFrame, users: Collection[str], *, dates_only: bool) -> Histories:
    """Count the check-ins of `users` among `past`, which is in order."""
    numbers = {user: number for number, user in enumerate(dict.fromkeys(users))}
    person = past[USER].cast(pl.Enum(list(numbers)), strict=False).to_physical()
    rows = past.with_columns(person).filter(pl.col(USER).is_not_null()).sort(USER, maintain_order=True)
    return Histories(
        users=numbers,
        spans=spans(rows[USER].to_numpy(), len(numbers)),
        poi=rows[POI].to_numpy(),
        time=rows[TIME].to_numpy(),
        places=_places(rows, len(numbers), dates_only=dates_only),
        transitions=_transitions(rows, len(numbers)),
    )


def _places(rows: pl.DataFrame, users: int, *, dates_only: bool) -> Places:
    user, poi, time = rows[USER].to_numpy().astype(np.int64), rows[POI].to_numpy(), rows[TIME].to_numpy()
    pois = int(poi.max(initial=0)) + 1
    key = user * pois + poi
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    ends = np.append(starts, len(order))[1:]
    place, visits = key[order[starts]], ends - starts
    first, last = (time[order[at]] for at in (starts, ends - 1))
    ranked = np.lexsort((place % pois, -last.astype(np.int64), -visits, place // pois))
    row = np.empty(len(order), np.int64)  # of each visit's place among the ranked ones
    row[order] = np.repeat(np.argsort(ranked), visits)
    hour, weekday = hours_of(time), weekdays_of(time)
    told = np.full(len(row), not dates_only)
    in_office = told & np.isin(hour, list(OFFICE_HOURS)) & (weekday < 5)
    return Places(
        spans=spans(place[ranked] // pois, users),
        poi=place[ranked] % pois,
        visits=visits[ranked],
        first=first[ranked],
        last=last[ranked],
        at_work=np.bincount(row[in_office], minlength=len(ranked)),
        hours=Cells.counted(row[told], hour[told], len(ranked), 24),
        weekdays=Cells.counted(row, weekday, len(ranked), 7),
    )


def _transitions(rows: pl.DataFrame, users: int) -> Transitions:
    """The steps taken within trajectories."""
    count, departures = pl.len().alias("count"), pl.col("count").sum().over(USER, POI).alias("departures")
    taken = steps(rows).group_by(USER, POI, "after").agg(count).with_columns(departures)
    kept = taken.filter(pl.col("count") >= MIN_TRANSITIONS).sort(
        USER, "count", POI, "after", descending=[False, True, False, False]
    )
    columns = (kept[name].to_numpy() for name in (POI, "after", "count", "departures"))
    return Transitions(spans(kept[USER].to_numpy(), users), *columns)
