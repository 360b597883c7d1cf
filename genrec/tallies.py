"""Tables of the evidence: who has been where, how often and when, and went where from there, as sorted arrays.

Rankers read whole batches of queries off them. What belongs to one user, or to one user's steps from one place, lies
side by side under ascending keys.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.checkins import Checkins
from genrec.columns import POI, TIME, USER

Ints = NDArray[np.int64]

STRANGER = -1  # the index of a user without check-ins, and of no place


@dataclass(frozen=True, eq=False)
class Steps:
    """How often each step was taken: `key` is head * pois + the POI reached, ascending; `count` beside it."""

    key: Ints
    count: Ints
    pois: int

    @classmethod
    def counted(cls, heads: Ints, after: Ints, pois: int) -> "Steps":
        """Count steps from a head (a place, or a user at a place) to a POI."""
        key, count = np.unique(heads * pois + after, return_counts=True)
        return cls(key, count, pois)

    def after(self, heads: Ints) -> tuple[Ints, Ints, Ints]:
        """The steps from each head, negative ones having none: its position in `heads`, the POI reached, the count."""
        first, last = (np.searchsorted(self.key, (heads + shift) * self.pois) for shift in (0, 1))
        rows, found = ranges(first, last)
        return rows, self.key[found] % self.pois, self.count[found]


@dataclass(frozen=True, eq=False)
class Tallies:
    """The evidence counted by user and place, and by user, place and next place.

    Attributes:
        users: the row of each user in what follows; a stranger has none.
        spans: (users + 1,) user u's places are those from spans[u] up to spans[u + 1], ascending.
        poi, visits: (places,)
        hours, weekdays: (places, 24) and (places, 7) visits; no hours where the data have dates only.
        last_time: (places,) local time of the last visit, microseconds since 1970.
        last_row: (places,) the row of the last visit in the check-ins.
        place_hours: (pois, 24) everybody's visits.
        own_steps: from user * pois + place.
        all_steps: everybody's, from the place.

    """

    users: dict[str, int]
    spans: Ints
    poi: Ints
    visits: Ints
    hours: NDArray[np.int32]
    weekdays: NDArray[np.int32]
    last_time: Ints
    last_row: Ints
    place_hours: NDArray[np.int32]
    own_steps: Steps
    all_steps: Steps


def ranges(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """All positions from each `first` up to its `last`, and which range each belongs to."""
    lengths = last - first
    rows = np.repeat(np.arange(len(first)), lengths)
    starts = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - (starts - first)[rows]


def tally(past: Checkins, steps: pl.DataFrame) -> Tallies:
    """Count check-ins, and the steps between them (genrec.trajectories.steps)."""
    frame, pois = past.frame, len(past.pois)
    names = frame[USER].unique().sort()
    users = dict(zip(names, range(len(names)), strict=True))
    user, poi = _indices(frame, users), frame[POI].to_numpy().astype(np.int64)
    key, place, visits = np.unique(user * pois + poi, return_inverse=True, return_counts=True)
    last_row = np.argsort(place, kind="stable")[np.cumsum(visits) - 1]
    walkers, heads = _indices(steps, users), steps[POI].to_numpy().astype(np.int64)
    after = steps["after"].to_numpy().astype(np.int64)
    hours = np.zeros((len(key), 24), dtype=np.int32)
    if not past.dates_only:
        hours = _histogram(place, frame[TIME].dt.hour(), hours.shape)
    place_hours = np.zeros((pois, 24), dtype=np.int32)
    np.add.at(place_hours, key % pois, hours)
    return Tallies(
        users=users,
        spans=np.searchsorted(key, np.arange(len(users) + 1) * pois),
        poi=key % pois,
        visits=visits,
        hours=hours,
        weekdays=_histogram(place, frame[TIME].dt.weekday() - 1, (len(key), 7)),
        last_time=frame[TIME].dt.timestamp("us").to_numpy()[last_row],
        last_row=last_row,
        place_hours=place_hours,
        own_steps=Steps.counted(walkers * pois + heads, after, pois),
        all_steps=Steps.counted(heads, after, pois),
    )


def _indices(frame: pl.DataFrame, users: dict[str, int]) -> Ints:
    return frame[USER].replace_strict(users, return_dtype=pl.Int64).to_numpy().astype(np.int64)


def _histogram(place: NDArray[np.intp], values: pl.Series, shape: tuple[int, int]) -> NDArray[np.int32]:
    cells = place * shape[1] + values.to_numpy()
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int32)
