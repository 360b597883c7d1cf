"""What is counted as of a moment: of each person, of everybody, and who and what goes together.

All of it follows from an `Evidence`; times are seconds of the local clock. Persons are numbered; the last number is a
stranger's, of whom nothing is known.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from genrec.columns import POI, TIME, USER
from genrec.evidence import Evidence
from genrec.rankers.places import Places, places_of
from genrec.rankers.sparse import Floats, Ints, KeptRows, best_of_groups, with_best_of_rows
from genrec.rankers.steps import DAY, CrowdSteps, Steps, Visits

DECAYS = (1.5, 7.0, 30.0, 120.0, 1e6)  # days in which a visit's weight falls to 1/e; the last forgets nothing
MONTH, SEASON, ALL = 2, 3, 4  # in DECAYS
CROWD_DECAY = 30.0
HOURS_DECAY = 180.0
RECENT = 6  # places a person has been to last
OWN, NEIGHBOURS = 120, 60  # places kept of a person, and of alike persons
ALIKE = 40  # persons
ROWS_KEPT = 64  # persons: one answer asks several times about the same
TOGETHER = 100  # places kept that are visited by the same persons as another
NEVER = -1e15


def seconds(time: datetime) -> float:
    """A local time as a number, in the same seconds as the tables'."""
    return (time - datetime(1970, 1, 1)).total_seconds()


def clock(times: Floats) -> tuple[Floats, Ints]:
    """Hour of the day (0 to 24) and weekday (0 = Monday) of local times."""
    return np.mod(times, DAY) / 3600, np.mod(np.floor(times / DAY).astype(np.int64) + 3, 7)


class Others(Protocol):
    """What the visits of all persons say, where the evidence of the tables holds those of some only.

    Attributes:
        crowd, steps: of all persons.
        went: (persons, places) who has been where: 1; the last row is a stranger's.
        visitors: its transpose.
        distinct: (persons,) places of each.
        tasters: (places, persons) see `Tables.alike`.
        together_rows: rows of `Tables.together` that were made.

    """

    crowd: "Crowd"
    steps: "CrowdSteps"
    went: csr_array
    visitors: csr_array
    distinct: Ints
    tasters: csr_array
    together_rows: KeptRows

    def numbers(self, users: Sequence[str]) -> Ints:
        """The rows of persons in `went`, and of a stranger behind them."""


class Tables:
    """Counts as of a moment. `users` gives a person's number, `stranger` is that of all others.

    With `others`, the evidence holds the visits of some persons only: what all say comes from there.
    """

    def __init__(self, evidence: Evidence, places: Places, others: Others | None = None) -> None:
        frame = evidence.past.frame
        names = frame[USER].unique(maintain_order=True).to_list()
        self.users = {name: number for number, name in enumerate(names)}
        self.stranger = len(names)
        self.places = places
        self.tells_hours = not evidence.past.dates_only
        self.as_of = seconds(evidence.as_of)
        user = frame[USER].replace_strict(self.users, return_dtype=pl.Int64).to_numpy() if names else np.zeros(0, int)
        time = frame[TIME].dt.epoch("us").to_numpy() / 1e6
        self.visits = Visits(user.astype(np.int64), frame[POI].to_numpy().astype(np.int64), time)
        self.own = OwnPlaces(self.visits, self.as_of, len(names) + 1, places.count)
        self.kinds = OwnKinds(self.visits, self.as_of, places)
        self.crowd = others.crowd if others else Crowd(self.visits, self.as_of, places)
        self.steps = Steps(self.visits, places, others.steps if others else None)
        self._others = others
        self._names = names
        self._together_rows = others.together_rows if others else KeptRows(places.count)
        self._alike_rows = KeptRows(ROWS_KEPT)

    @property
    def by_rows(self) -> bool:
        """Whether there are so many persons and places that nothing is counted for all of them together."""
        return self._others is not None

    @cached_property
    def together(self) -> csr_array:
        """How much the visitors of two places are the same: cosine, the busy ones' votes discounted."""
        return self._together_of(np.arange(self.places.count))

    def together_of(self, pois: Ints) -> csr_array:
        """The rows of `together` of some places, which are found without the others. Shape: (pois, places)."""
        return self._together_rows.of(pois, self._together_of)

    def _together_of(self, pois: Ints) -> csr_array:
        went, visitors = np.maximum(self._distinct, 1), np.maximum(self.crowd.visitors, 1)
        norm = 1 / np.sqrt(visitors)
        votes = csr_array(self._visitors[pois])
        votes.sort_indices()  # sums of rounded numbers depend on their order
        votes.data *= (1 / np.sqrt(went))[votes.indices]
        pairs = csr_array(votes @ self._went)
        pairs.data *= np.repeat(norm[pois], np.diff(pairs.indptr))
        pairs.data *= norm[pairs.indices]
        pairs.data[pairs.indices == np.repeat(pois, np.diff(pairs.indptr))] = 0  # of a place with itself
        pairs.eliminate_zeros()
        return with_best_of_rows(pairs, TOGETHER)

    @cached_property
    def alike(self) -> csr_array:
        """How much the persons most alike each one go to each place. Shape: (persons, places)."""
        return self._alike_of(np.arange(len(self.own.distinct)))

    def alike_of(self, users: Ints) -> csr_array:
        """The rows of `alike` of some persons, which are found without the others. Shape: (users, places)."""
        return self._alike_rows.of(users, self._alike_of)

    def _alike_of(self, users: Ints) -> csr_array:
        pairs = csr_array(self._taste[users] @ self._tasters)
        itself = self._numbers[users]
        pairs.data[pairs.indices == np.repeat(itself, np.diff(pairs.indptr))] = 0  # of a person with themselves
        pairs.eliminate_zeros()
        pairs.sort_indices()
        return csr_array(with_best_of_rows(pairs, ALIKE) @ self._went)

    @cached_property
    def _numbers(self) -> Ints:
        """The row of each person in `_went`."""
        return self._others.numbers(self._names) if self._others else np.arange(len(self.own.distinct))

    @cached_property
    def _taste(self) -> csr_array:
        """Unit vector of each person's places, rare ones weighing more. Shape: (persons, places)."""
        own = self.own
        shape = (len(own.distinct), self.places.count)
        taste = csr_array((np.sqrt(own.mass[: len(own.user), ALL]), (own.user, own.poi)), shape=shape)
        return unit_tastes(taste, self.crowd.visitors, self._distinct)

    @cached_property
    def _tasters(self) -> csr_array:
        """The transpose of everybody's `_taste`."""
        return self._others.tasters if self._others else csr_array(self._taste.T)

    @cached_property
    def words(self) -> NDArray[np.float32]:
        """Unit vector of the words of each person's places. Shape: (persons, buckets)."""
        own = self.own
        shape = (len(own.distinct), self.places.count)
        weights = csr_array((np.sqrt(own.mass[: len(own.user), SEASON]), (own.user, own.poi)), shape=shape)
        vectors = weights @ self.places.words
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)

    def rows_of(self, user: int) -> Ints:
        """Which of the visits are a person's, in order."""
        order, bounds = self._by_user
        return order[bounds[user] : bounds[user + 1]]

    @cached_property
    def _by_user(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.visits.user, kind="stable")
        return order, np.searchsorted(self.visits.user[order], np.arange(self.stranger + 2))

    @property
    def _distinct(self) -> Ints:
        """How many places each of all persons has been to."""
        return self._others.distinct if self._others else self.own.distinct

    @cached_property
    def _visitors(self) -> csr_array:
        """The transpose of `_went`."""
        return self._others.visitors if self._others else csr_array(self._went.T)

    @cached_property
    def _went(self) -> csr_array:
        """Who of all persons has been where: 1. Shape: (persons, places)."""
        if self._others:
            return self._others.went
        own = self.own
        shape = (len(own.distinct), self.places.count)
        return csr_array((np.ones(len(own.user)), (own.user, own.poi)), shape=shape)


def unit_tastes(mass: csr_array, visitors: Ints, distinct: Ints) -> csr_array:
    """Roots of visits (persons, places) as unit vectors, rare places weighing more.

    `distinct`: places of each of all persons, of a stranger behind them.
    """
    rare = np.log((2 + np.count_nonzero(distinct)) / (1 + visitors))
    taste = mass @ diags_array(rare)
    length = np.sqrt(np.asarray(taste.multiply(taste).sum(axis=1)).ravel())
    return csr_array(diags_array(1 / np.maximum(length, 1e-9)) @ taste)


class LatestTables:
    """The tables of the evidence asked about last; what the catalogue alone says is kept as long as it stays."""

    def __init__(self) -> None:
        self._catalogue: tuple[pl.DataFrame, Places] | None = None
        self._latest: tuple[Evidence, Tables] | None = None

    def of(self, evidence: Evidence) -> Tables:
        """The tables of this evidence."""
        if self._latest is None or self._latest[0] is not evidence:
            pois = evidence.past.pois
            if self._catalogue is None or self._catalogue[0] is not pois:
                self._catalogue = pois, places_of(pois)
            self._latest = evidence, Tables(evidence, self._catalogue[1])
        return self._latest[1]


class OwnPlaces:
    """Each person's visits to each of their places, and in all."""

    def __init__(self, visits: Visits, as_of: float, users: int, places: int) -> None:
        self.keys, pair = np.unique(visits.user * places + visits.poi, return_inverse=True)
        self.user, self.poi = self.keys // places, self.keys % places
        count = max(len(self.keys), 1)  # a row to look up where there is none
        weights = [np.exp(-(as_of - visits.time) / DAY / decay) for decay in DECAYS]
        self.mass = np.stack([np.bincount(pair, weight, minlength=count) for weight in weights], axis=1)
        self.total = np.stack([np.bincount(visits.user, weight, minlength=users) for weight in weights], axis=1)
        self.last = np.full(count, NEVER)
        np.maximum.at(self.last, pair, visits.time)
        hour, day = clock(visits.time)
        faded = np.exp(-(as_of - visits.time) / DAY / HOURS_DECAY)
        # Hours of working days, then of weekends.
        cell = pair * 48 + (day >= 5) * 24 + hour.astype(np.int64)
        self.hours = np.bincount(cell, faded, minlength=count * 48).reshape(count, 48).astype(np.float32)
        self.days = np.bincount(pair * 7 + day, minlength=count * 7).reshape(count, 7).astype(np.float32)
        self.visits = np.bincount(visits.user, minlength=users)
        self.distinct = np.bincount(self.user, minlength=users)
        first = np.full(count, np.inf)
        np.minimum.at(first, pair, visits.time)
        new = np.bincount(visits.user, (visits.time == first[pair]) * weights[MONTH], minlength=users)
        self.explores = new / np.maximum(self.total[:, MONTH], 1e-9)
        lately = self.last[: len(self.user)]
        self.recent = best_of_groups(self.user, lately, self.poi, users, RECENT)
        self.last_time = np.full(users, NEVER)
        np.maximum.at(self.last_time, self.user, lately)
        often = (self.mass[:, MONTH] + 0.05 * self.mass[:, ALL])[: len(self.user)]
        self.best = best_of_groups(self.user, often, self.poi, users, OWN)


class OwnKinds:
    """Each person's visits to each category."""

    def __init__(self, visits: Visits, as_of: float, places: Places) -> None:
        self.keys, pair = np.unique(visits.user * places.categories + places.category[visits.poi], return_inverse=True)
        count = max(len(self.keys), 1)
        weights = [np.exp(-(as_of - visits.time) / DAY / DECAYS[decay]) for decay in (MONTH, ALL)]
        self.mass = np.stack([np.bincount(pair, weight, minlength=count) for weight in weights], axis=1)
        hour = clock(visits.time)[0].astype(np.int64)
        self.hours = np.bincount(pair * 24 + hour, minlength=count * 24).reshape(count, 24).astype(np.float32)


class Crowd:
    """Everybody's visits."""

    def __init__(self, visits: Visits, as_of: float, places: Places) -> None:
        faded = np.exp(-(as_of - visits.time) / DAY / CROWD_DECAY)
        weights = (faded, np.ones(len(faded)))
        self.popularity = np.stack([np.bincount(visits.poi, weight, minlength=places.count) for weight in weights], 1)
        pairs = np.unique(visits.user * places.count + visits.poi)
        self.visitors = np.bincount(pairs % places.count, minlength=places.count)
        hour = clock(visits.time)[0].astype(np.int64)
        size = places.count * 24
        self.hours = np.bincount(visits.poi * 24 + hour, minlength=size).reshape(-1, 24).astype(np.float32)
        self.kind_hours = np.zeros((places.categories, 24))
        np.add.at(self.kind_hours, (places.category[visits.poi], hour), 1.0)

    @cached_property
    def busiest(self) -> Ints:
        """The busiest places, so that asking what is popular at an hour need not look at all."""
        return np.argsort(-self.popularity @ np.array([1.0, 0.05]), kind="stable")[:1000]

    def add(self, crowd: "Crowd") -> None:
        """Count the visits of other persons, too."""
        self.popularity = self.popularity + crowd.popularity
        self.visitors = self.visitors + crowd.visitors
        self.hours = self.hours + crowd.hours
        self.kind_hours = self.kind_hours + crowd.kind_hours
