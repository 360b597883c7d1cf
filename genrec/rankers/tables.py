"""What is counted as of a moment: of each person, of everybody, and who and what goes together.

All of it follows from an `Evidence`; times are seconds of the local clock. Persons are numbered; the last number is a
stranger's, of whom nothing is known.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from genrec.columns import POI, TIME, USER
from genrec.evidence import Evidence
from genrec.rankers.places import Places, places_of
from genrec.rankers.sparse import Floats, Ints, KeptRows, Keyed, best_of_groups, counted, with_best_of_rows

DAY = 86_400.0
DECAYS = (1.5, 7.0, 30.0, 120.0, 1e6)  # days in which a visit's weight falls to 1/e; the last forgets nothing
MONTH, SEASON, ALL = 2, 3, 4  # in DECAYS
CROWD_DECAY = 30.0
HOURS_DECAY = 180.0
GAP = DAY  # between visits that follow each other
RECENT = 6  # places a person has been to last
OWN, NEIGHBOURS, STEPS = 120, 60, 30  # places kept of a person, of alike persons, and of those gone on to
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


@dataclass(frozen=True)
class Visits:
    """The visits before a moment, in order: who, where, when."""

    user: Ints
    poi: Ints
    time: Floats


class Tables:
    """Counts as of a moment. `users` gives a person's number, `stranger` is that of all others."""

    def __init__(self, evidence: Evidence, places: Places) -> None:
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
        self.crowd = Crowd(self.visits, self.as_of, places)
        self.steps = Steps(self.visits, places)
        self._together_rows = KeptRows(places.count)
        self._alike_rows = KeptRows(ROWS_KEPT)

    @cached_property
    def together(self) -> csr_array:
        """How much the visitors of two places are the same: cosine, the busy ones' votes discounted."""
        return self._together_of(np.arange(self.places.count))

    def together_of(self, pois: Ints) -> csr_array:
        """The rows of `together` of some places, which are found without the others. Shape: (pois, places)."""
        return self._together_rows.of(pois, self._together_of)

    def _together_of(self, pois: Ints) -> csr_array:
        went = self._went
        visitors, distinct = np.maximum(self.crowd.visitors, 1), np.maximum(self.own.distinct, 1)
        norm = 1 / np.sqrt(visitors)
        votes = csr_array(self._visitors[pois])
        votes.sort_indices()  # sums of rounded numbers depend on their order
        votes.data *= (1 / np.sqrt(distinct))[votes.indices]
        pairs = csr_array(votes @ went)
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
        taste, tasters = self._taste
        pairs = csr_array(taste[users] @ tasters)
        pairs.data[pairs.indices == np.repeat(users, np.diff(pairs.indptr))] = 0  # of a person with themselves
        pairs.eliminate_zeros()
        pairs.sort_indices()
        return csr_array(with_best_of_rows(pairs, ALIKE) @ self._went)

    @cached_property
    def _taste(self) -> tuple[csr_array, csr_array]:
        """Unit vector of each person's places, rare ones weighing more, and the transpose. Shape: (persons, places)."""
        own = self.own
        rare = np.log((1 + len(own.distinct)) / (1 + self.crowd.visitors))
        taste = csr_array(
            (np.sqrt(own.mass[: len(own.user), ALL]), (own.user, own.poi)), shape=self._went.shape
        ) @ diags_array(rare)
        length = np.sqrt(np.asarray(taste.multiply(taste).sum(axis=1)).ravel())
        taste = csr_array(diags_array(1 / np.maximum(length, 1e-9)) @ taste)
        return taste, csr_array(taste.T)

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

    @cached_property
    def _visitors(self) -> csr_array:
        """The transpose of `_went`."""
        return csr_array(self._went.T)

    @cached_property
    def _went(self) -> csr_array:
        """Who has been where: 1. Shape: (persons, places)."""
        own = self.own
        shape = (len(own.distinct), self.places.count)
        return csr_array((np.ones(len(own.user)), (own.user, own.poi)), shape=shape)


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
        # The busiest places, so that asking what is popular at an hour need not look at all.
        self.busiest = np.argsort(-self.popularity @ np.array([1.0, 0.05]), kind="stable")[:1000]


class Steps:
    """Where people go on to within a day: each person and everybody, from places and from categories."""

    def __init__(self, visits: Visits, places: Places) -> None:
        order = np.argsort(visits.user, kind="stable")
        user, poi, time = visits.user[order], visits.poi[order], visits.time[order]
        same = user[1:] == user[:-1]
        near = same & (np.diff(time) < GAP)
        size, kinds, category = places.count, places.categories, places.category
        who, before, after = user[1:][same], poi[:-1][same], poi[1:][same]
        self.own = counted((who * size + before) * size + after)
        self.own_from = counted(who * size + before)
        self.own_kind = counted((who * kinds + category[before]) * kinds + category[after])
        self.own_kind_from = counted(who * kinds + category[before])
        before, after = poi[:-1][near], poi[1:][near]
        self.crowd: Keyed = counted(before * size + after)
        self.crowd_from = np.bincount(before, minlength=size).astype(np.float64)
        self.kind = np.zeros((kinds, kinds))
        np.add.at(self.kind, (category[before], category[after]), 1.0)
        self.best = best_of_groups(self.crowd.keys // size, self.crowd.values, self.crowd.keys % size, size, STEPS)
