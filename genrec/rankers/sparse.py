"""Counts by a whole-number key, and the largest entries of the rows of a sparse matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Keyed:
    """Values of ascending `keys`; any other key has 0."""

    keys: Ints
    values: Floats | Ints

    def __call__(self, keys: Ints) -> Floats:
        """Values of keys of any shape."""
        row, known = find(self.keys, keys)
        return np.where(known, self.values[row], 0.0) if len(self.keys) else np.zeros(keys.shape)


class KeptRows:
    """Rows of a sparse matrix that are made when first asked for; the latest `most` are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[int, csr_array] = {}

    def of(self, wanted: Ints, make: Callable[[Ints], csr_array]) -> csr_array:
        """The wanted rows in their order; `make` makes some of them, each without the others."""
        if not len(wanted):
            return make(wanted)
        missing = [number for number in dict.fromkeys(wanted.tolist()) if number not in self._rows]
        if missing:
            made = make(np.array(missing, dtype=np.int64))
            self._rows |= {number: csr_array(made[[place]]) for place, number in enumerate(missing)}
        rows = csr_array(vstack([self._rows[number] for number in wanted.tolist()], format="csr"))
        while len(self._rows) > self._most:
            del self._rows[next(iter(self._rows))]
        return rows


def counted(keys: Ints, weights: Floats | None = None) -> Keyed:
    """How often each key occurs, or its weights added up."""
    unique, inverse = np.unique(keys, return_inverse=True)
    return Keyed(unique, np.bincount(inverse, weights, minlength=len(unique)).astype(np.float64))


def find(keys: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The row of each wanted key among ascending keys, and whether it is there; row 0 where it is not."""
    if not len(keys):
        return np.zeros(wanted.shape, np.int64), np.zeros(wanted.shape, np.bool_)
    row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[row] == wanted
    return np.where(known, row, 0), known


def best_of_groups(group: Ints, value: Floats | Ints, item: Ints, groups: int, most: int) -> Ints:
    """The items of each group with the largest values, best first; -1 where there are fewer. Shape: (groups, most)."""
    order = np.lexsort((item, -value, group))
    group, item = group[order], item[order]
    place = np.arange(len(group)) - np.searchsorted(group, np.arange(groups))[group] if len(group) else group
    best = np.full((groups, most), -1, dtype=np.int64)
    kept = place < most
    best[group[kept], place[kept]] = item[kept]
    return best


def best_of_rows(matrix: csr_array, most: int) -> Ints:
    """The columns of each row with the largest entries, best first; -1 where there are fewer. Shape: (rows, most)."""
    matrix = with_best_of_rows(matrix, most)  # so that there is less to sort
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return best_of_groups(rows, matrix.data, matrix.indices.astype(np.int64), matrix.shape[0], most)


def with_best_of_rows(matrix: csr_array, most: int) -> csr_array:
    """The matrix with nothing but the `most` largest entries of each row; of equal ones the first."""
    if not matrix.nnz or np.diff(matrix.indptr).max() <= most:
        return matrix
    matrix.sort_indices()
    kept = np.ones(matrix.nnz, dtype=np.bool_)
    bounds = matrix.indptr.tolist()
    for first, end in pairwise(bounds):
        if end - first > most:
            row = matrix.data[first:end]
            floor = np.partition(row, -most)[-most]
            kept[first:end] = row > floor
            even = first + np.flatnonzero(row == floor)
            kept[even[: most - np.count_nonzero(kept[first:end])]] = True
    counts = np.concatenate([[0], np.cumsum(kept)])
    return csr_array((matrix.data[kept], matrix.indices[kept], counts[matrix.indptr]), shape=matrix.shape)
