"""Graphs of check-ins: who visited what, and the trees that places hang in. Arrays in, sparse matrices out."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, diags_array

from genrec.checkins import Checkins
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, POI, UNKNOWN, USER
from genrec.rankers.metadata import parent_of

Numbers = NDArray[np.intp]
Vocabulary = tuple[tuple[str, ...], ...]  # the nodes of each level, by name

# Squares of about 250 m, 1 km and 4.4 km from south to north, each made of 16 of the size before it.
CELL_DEGREES = (0.0025, 0.01, 0.04)
LEVELS = 2 + len(CELL_DEGREES)  # category, its parent, and cells
LINKED = (0, *range(2, LEVELS))  # the levels whose nodes people are linked to, beside places: all but parents


@dataclass(frozen=True)
class Trees:
    """What each place lies in: the nodes of two trees, category and parent, cell and larger cells.

    Attributes:
        above: the node of each level over each place, -1 where there is none. Shape: (pois, LEVELS).
        nodes: how many there are, of all levels.

    """

    above: Numbers
    nodes: int


def vocabulary_of(pois: pl.DataFrame) -> Vocabulary:
    """The nodes over these places, level by level; a place of an unknown category has no kind."""
    return tuple(tuple(sorted(set(names) - {UNKNOWN})) for names in _names(pois))


def trees(pois: pl.DataFrame, vocabulary: Vocabulary) -> Trees:
    """The trees over a catalogue, as far as the vocabulary goes."""
    above, nodes = [], 0
    for names, known in zip(_names(pois), vocabulary, strict=True):
        numbers = {name: number for number, name in enumerate(known, nodes)}
        above.append([numbers.get(name, -1) for name in names])
        nodes += len(known)
    return Trees(np.array(above, dtype=np.intp).T, nodes)


def _names(pois: pl.DataFrame) -> list[list[str]]:
    """The name of each level's node over each place."""
    categories = pois[CATEGORY].to_list()
    areas = [cells(pois[LATITUDE], pois[LONGITUDE], degrees) for degrees in CELL_DEGREES]
    return [categories, [parent_of(category) for category in categories], *([str(c) for c in area] for area in areas)]


def cells(latitude: ArrayLike, longitude: ArrayLike, degrees: float) -> Numbers:
    """The number of the square of `degrees` by `degrees` that each point lies in; squares of 4 times that nest them."""
    north = np.floor((np.asarray(latitude, dtype=np.float64) + 90) / degrees).astype(np.intp)
    east = np.floor((np.asarray(longitude, dtype=np.float64) + 180) / degrees).astype(np.intp)
    return np.asarray(north * (round(360 / degrees) + 1) + east)


def visits_by_user(checkins: Checkins) -> tuple[dict[str, int], csr_array]:
    """The row of each user, by first appearance, and how often they visited each place. Shape: (users, pois)."""
    users = checkins.frame[USER].unique(maintain_order=True).to_list()
    rows = {user: row for row, user in enumerate(users)}
    user = checkins.frame[USER].replace_strict(rows, return_dtype=pl.Int64)
    return rows, visit_counts(user, checkins.frame[POI], (len(rows), len(checkins.pois)))


def visit_counts(user: ArrayLike, poi: ArrayLike, shape: tuple[int, int]) -> csr_array:
    """How often each user (or session, or place before) was at each place. Shape: (users, pois)."""
    users, pois = np.asarray(user, dtype=np.intp), np.asarray(poi, dtype=np.intp)
    counts = csr_array((np.ones(len(users)), (users, pois)), shape=shape)
    counts.sum_duplicates()
    return counts


def grouped(visits: csr_array, group: Numbers, groups: int) -> csr_array:
    """Visits of places added up by what they lie in; places with group -1 are left out. Shape: (users, groups)."""
    inside = np.flatnonzero(group >= 0)
    member = csr_array((np.ones(len(inside)), (inside, group[inside])), shape=(visits.shape[1], groups))
    return csr_array(visits @ member)


def normalised(links: csr_array) -> csr_array:
    """Each link over the root of what both of its ends have: D^-1/2 A D^-1/2 of a graph between two sides."""
    left, right = (1 / np.sqrt(np.maximum(links.sum(axis=axis), 1e-12)) for axis in (1, 0))
    return csr_array(diags_array(left) @ links @ diags_array(right))


def link_concentration(visits: csr_array) -> csr_array:
    """Topological concentration of each link of a user and a place (Wang et al., arXiv 2310.04612).

    The share of the user's other places that somebody else visited as well as this one; 0 for a user's only place. The
    mean over a user's links is `eval.measures.concentration`. Shape: (users, pois), with a value for each link.
    """
    been = _ones(visits)
    together = csr_array(been.T @ been)
    together.data = (together.data > 1).astype(np.float64)  # by this user, and by another
    user, place = been.nonzero()
    linked = np.asarray((been @ together)[user, place]).ravel()
    linked -= together.diagonal()[place]  # a place with several visitors is not its own company
    others = np.maximum(np.diff(been.indptr)[user] - 1, 1)
    return csr_array((linked / others, (user, place)), shape=visits.shape)


def _ones(links: csr_array) -> csr_array:
    return csr_array((np.ones(links.nnz), links.indices, links.indptr), shape=links.shape)
