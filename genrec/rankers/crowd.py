"""Rankers that go by other people: "people who go where you go".

Everything is counted anew from the evidence of a moment, in sparse matrices. Each ranker proposes the places that
somebody links to the user's own; it has nothing to say of all others.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from genrec.columns import POI
from genrec.evidence import Evidence
from genrec.rankers.graphs import visit_counts, visits_by_user
from genrec.rankers.ranker import Floats, Query
from genrec.trajectories import sessionise, since

Numbers = NDArray[np.intp]

NEIGHBOURS = 50  # users who are most like the one who asks
BACK_OFF = 5.0  # steps from the last place alone that weigh against those from the last two
HERE = 5.0  # visits that each one of the current trajectory counts for


def co_visits(visits: csr_array) -> csr_array:
    """How alike any two places are by who was there: cosine of their columns, 0 of a place with itself.

    Each row (a user, a session) counts for less the more places it holds. Shape: (rows, pois) -> (pois, pois).
    """
    been = csr_array((np.ones(visits.nnz), visits.indices, visits.indptr), shape=visits.shape)
    places = been.sum(axis=1)
    weighted = csr_array(diags_array(1 / np.sqrt(np.maximum(places, 1))) @ been)
    norms = np.sqrt(np.maximum((weighted.multiply(weighted)).sum(axis=0), 1e-12))
    columns = csr_array(weighted @ diags_array(1 / norms))
    together = csr_array(columns.T @ columns)
    together.setdiag(0)
    together.eliminate_zeros()
    return together


def user_vectors(visits: csr_array) -> csr_array:
    """Users as unit vectors of places: log(1 + visits), places that everybody knows count less. (users, pois)."""
    been = np.bincount(visits.indices, minlength=visits.shape[1])
    rarity = np.log1p(visits.shape[0] / np.maximum(been, 1))
    return unit_rows(csr_array(visits.log1p() @ diags_array(rarity)))


def unit_rows(matrix: csr_array) -> csr_array:
    """Each row over its length; empty ones stay."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)))
    return csr_array(diags_array(1 / np.maximum(lengths, 1e-12)) @ matrix)


def shares(matrix: csr_array) -> csr_array:
    """Each row over its sum; empty ones stay."""
    return csr_array(diags_array(1 / np.maximum(matrix.sum(axis=1), 1e-12)) @ matrix)


def largest(matrix: csr_array, count: int) -> csr_array:
    """The largest `count` values of each row."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    rank = np.arange(len(order)) - matrix.indptr[row[order]]
    kept = order[rank < count]
    return csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)


def transitions(frame: pl.DataFrame, pois: int) -> tuple[csr_array, Numbers, csr_array]:
    """Everybody's steps within trajectories: from each place, and from each two places one after the other.

    Returns:
        (pois, pois) counts; the pairs of places as before * pois + last, ascending; (pairs, pois) counts.

    """
    own = pl.col(POI).cast(pl.Int64)
    before = frame.select(POI, sessionise(frame)).select(
        after=own, last=own.shift(1).over("trajectory"), before=own.shift(2).over("trajectory")
    )
    ones = before.drop_nulls("last")
    single = visit_counts(ones["last"], ones["after"], (pois, pois))
    twos = before.drop_nulls()
    pairs, row = np.unique(twos["before"].to_numpy() * pois + twos["last"].to_numpy(), return_inverse=True)
    return single, pairs, visit_counts(row, twos["after"], (len(pairs), pois))


class Crowd:
    """What everybody's check-ins before a moment say, each part counted when it is first needed."""

    def __init__(self, evidence: Evidence) -> None:
        self.frame, self.pois = evidence.past.frame, len(evidence.past.pois)
        self.row, self.visits = visits_by_user(evidence.past)

    @cached_property
    def together(self) -> csr_array:
        """How alike places are by the users and by the sessions that they share. (pois, pois)."""
        sessions = sessionise(self.frame)
        counts = visit_counts(sessions, self.frame[POI], (sessions.n_unique(), self.pois))
        return csr_array(co_visits(self.visits) + co_visits(counts))

    @cached_property
    def vectors(self) -> csr_array:
        """See `user_vectors`."""
        return user_vectors(self.visits)

    @cached_property
    def habits(self) -> csr_array:
        """How each user's visits are spread over places. (users, pois)."""
        return shares(self.visits)

    @cached_property
    def steps(self) -> tuple[csr_array, Numbers, csr_array]:
        """See `transitions`."""
        return transitions(self.frame, self.pois)

    def rows(self, queries: Sequence[Query]) -> Numbers:
        """The row of each query's user; -1 for who has no check-in."""
        return np.array([self.row.get(query.user_id, -1) for query in queries], dtype=np.intp)

    def history(self, queries: Sequence[Query], evidence: Evidence, here: float) -> csr_array:
        """Visits of those who ask: those known as of the evidence, and `here` times those of the trajectory since."""
        rows = self.rows(queries)
        known = np.flatnonzero(rows >= 0)
        own = csr_array((np.ones(len(known)), (known, rows[known])), shape=(len(rows), len(self.row))) @ self.visits
        later = [(i, poi) for i, query in enumerate(queries) for _, poi in since(query.prefix, evidence.as_of)]
        i, poi = np.array(later, dtype=np.intp).reshape(-1, 2).T
        return csr_array(own + here * visit_counts(i, poi, own.shape))


@lru_cache(maxsize=2)
def crowd_of(evidence: Evidence) -> Crowd:
    """The crowd as of a moment. Only the last two are kept: ask in the order of the moments."""
    return Crowd(evidence)


def item_item(evidence: Evidence, queries: Sequence[Query]) -> csr_array:
    """Places that share users and sessions with the user's own, those of the current trajectory first of all."""
    crowd = crowd_of(evidence)
    return csr_array(shares(crowd.history(queries, evidence, HERE).log1p()) @ crowd.together)


def user_user(evidence: Evidence, queries: Sequence[Query]) -> csr_array:
    """Where those go who are most like the user."""
    crowd = crowd_of(evidence)
    own = unit_rows(crowd.history(queries, evidence, 1.0).log1p())
    alike = csr_array(own @ crowd.vectors.T).tolil()
    rows = crowd.rows(queries)
    known = np.flatnonzero(rows >= 0)
    alike[known, rows[known]] = 0  # nobody is their own neighbour
    return csr_array(largest(csr_array(alike), NEIGHBOURS) @ crowd.habits)


def crowd_markov(evidence: Evidence, queries: Sequence[Query]) -> csr_array:
    """Where anybody went on to from the last place, and more so from the last two; nothing at the start."""
    crowd = crowd_of(evidence)
    single, pairs, double = crowd.steps
    size = crowd.pois
    last = np.array([q.prefix[-1][1] if q.prefix else -1 for q in queries], dtype=np.intp)
    before = np.array([q.prefix[-2][1] if len(q.prefix) > 1 else -1 for q in queries], dtype=np.intp)
    coarse = shares(_picked(single, last))
    key = np.where(before >= 0, before * size + last, -1)
    place = np.searchsorted(pairs, key)
    found = place < len(pairs)
    found[found] = pairs[place[found]] == key[found]
    return csr_array(_picked(double, np.where(found, place, -1)) + BACK_OFF * coarse)


def _picked(matrix: csr_array, rows: Numbers) -> csr_array:
    """Rows of a matrix by number, an empty one for -1."""
    known = np.flatnonzero(rows >= 0)
    pick = csr_array((np.ones(len(known)), (known, rows[known])), shape=(len(rows), matrix.shape[0]))
    return csr_array(pick @ matrix)


CROWD: dict[str, Callable[[Evidence, Sequence[Query]], csr_array]] = {
    "item-item": item_item,
    "user-user": user_user,
    "crowd-markov": crowd_markov,
}


class CrowdRanker:
    """One of `CROWD`, by its name, as a ranker."""

    def __init__(self, name: str) -> None:
        self.name = name

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""
        return {}

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(shares(CROWD[self.name](evidence, queries)).toarray()))
