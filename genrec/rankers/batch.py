"""A batch of queries and candidates, with all that several fields of features look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrec.rankers.asked import Asked
from genrec.rankers.candidates import Candidates, kernel, kind_fit
from genrec.rankers.sparse import find
from genrec.rankers.steps import DAY
from genrec.rankers.tables import ALL, DECAYS, NEVER, Tables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LONG_AGO = 24 * 400.0  # hours


@dataclass(frozen=True)
class Situation:
    """A batch with all that several fields look at.

    `row`, `known`: the candidate's row of the person's own places, and whether there is one. `later`: visits since the
    tables were counted. `shares`: of the person's visits that were there, a row a decay. `gap`: hours since the person
    was last seen. `fit`: of the candidate's category with the hour.
    """

    tables: Tables
    asked: Asked
    found: Candidates
    user: Ints  # (queries, 1)
    poi: Ints
    row: Ints
    known: Bools
    later: "Later"
    shares: list[Floats]
    counts: list[Floats]
    here: Ints  # (queries, 1)
    seen: Bools  # (queries, 1)
    gap: Floats  # (queries,)
    around: Floats  # (queries, 24)
    fit: Floats

    @classmethod
    def of(cls, tables: Tables, asked: Asked, found: Candidates) -> "Situation":
        """Look up what fields share."""
        user, poi = asked.user[:, None], np.maximum(found.poi, 0)
        row, known = find(tables.own.keys, user * tables.places.count + poi)
        later = Later(tables, asked, poi)
        shares, counts = _shares(tables, asked, row, known, later)
        gap = np.where(asked.last >= 0, np.clip((asked.time - asked.last_time) / 3600, 0, LONG_AGO), LONG_AGO)
        fit = np.take_along_axis(kind_fit(tables, asked), tables.places.category[poi], axis=1)
        return cls(
            tables, asked, found, user, poi, row, known, later, shares, counts,
            np.maximum(asked.last, 0)[:, None], (asked.last >= 0)[:, None], gap, kernel(asked.hour), fit,
        )  # fmt: skip

    @property
    def visited(self) -> Bools:
        """Whether the person has been there."""
        return self.shares[ALL] > 0

    @property
    def tells_hours(self) -> Bools:
        """Whether hours mean anything. Shape: (queries, 1)."""
        return (self.asked.timed & self.tables.tells_hours)[:, None]


class Later:
    """Sums over the visits since the tables were counted, of each candidate."""

    def __init__(self, tables: Tables, asked: Asked, poi: Ints) -> None:
        query, visited, self.time = asked.later
        self.query, self._size = query, len(asked)
        self._keys, self._pair = np.unique(query * tables.places.count + visited, return_inverse=True)
        self._row, self._known = find(self._keys, np.arange(len(asked))[:, None] * tables.places.count + poi)

    def sum(self, weights: Floats) -> Floats:
        """Weights of the visits to each candidate, added up."""
        return self._look(np.bincount(self._pair, weights, minlength=len(self._keys)).astype(np.float64), 0.0)

    def total(self, weights: Floats) -> Floats:
        """Weights of all visits of each query. Shape: (queries,)."""
        return np.bincount(self.query, weights, minlength=self._size).astype(np.float64)

    def last(self) -> Floats:
        """When each candidate was visited last."""
        last = np.full(len(self._keys), NEVER)
        np.maximum.at(last, self._pair, self.time)
        return self._look(last, NEVER)

    def _look(self, values: Floats, otherwise: float) -> Floats:
        if not len(values):
            return np.full(self._row.shape, otherwise)
        return np.where(self._known, values[self._row], otherwise)


def _shares(tables: Tables, asked: Asked, row: Ints, known: Bools, later: Later) -> tuple[list[Floats], list[Floats]]:
    age = np.maximum(asked.time - tables.as_of, 0) / DAY
    shares, counts = [], []
    for decay, days in enumerate(DECAYS):
        faded = np.exp(-age / days)[:, None]
        weights = np.exp(-np.maximum(asked.time[later.query] - later.time, 0) / DAY / days)
        mass = np.where(known, tables.own.mass[row, decay], 0.0)
        count = mass * faded + later.sum(weights)
        total = tables.own.total[asked.user, decay][:, None] * faded + later.total(weights)[:, None]
        counts.append(count)
        shares.append(count / np.maximum(total, 1e-12))
    return shares, counts
