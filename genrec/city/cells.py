"""The places of a large city in cells, so that one is drawn by its pull and distance without looking at all of them.

A cell is drawn by the pull of all its places, taken to lie at its middle, then a kind of place in it, then a place of
that kind by popularity. The smaller the cells, the nearer this is to drawing among all places one by one.
"""

import numpy as np
from numpy.typing import NDArray

from genrec.city.world import CATEGORIES, Floats, Ints, World

CELLS, PLACES_PER_CELL = 512, 8
STRETCH = 32  # cells that are passed over together
SURELY_BELOW = 1 - 1e-6  # so that rounding never leads past the last weight

Singles = NDArray[np.float32]


class Cells:
    """The places of a world, sorted by cell and category.

    Attributes:
        world: the world.
        of: the cell of each place. Shape: (places,).
        distance: km between the middles of cells. Shape: (cells, cells).

    """

    def __init__(self, world: World) -> None:
        kinds = len(CATEGORIES)
        self.world = world
        self.of = _split(world.east, world.north)
        self.count = int(self.of.max()) + 1
        members = np.bincount(self.of)
        middle = [np.bincount(self.of, axis) / members for axis in (world.east, world.north)]
        self.distance = np.hypot(*(axis[:, None] - axis for axis in middle)).astype(np.float32)
        key = self.of * kinds + world.category
        self._order = np.argsort(key, kind="stable")
        self._start = np.searchsorted(key[self._order], np.arange(self.count * kinds + 1))
        self._until = np.concatenate([[0.0], np.cumsum(world.popularity[self._order])])
        mass = np.diff(self._until[self._start]).reshape(self.count, kinds)
        self._mass = np.where(np.diff(self._start).reshape(mass.shape) > 0, mass, 0).astype(np.float32)
        self._by_kind = np.ascontiguousarray(self._mass.T)

    def proximity(self, origin: Ints, reach_km: Floats | float) -> Singles:
        """As `World.proximity`, of all cells from the cell of each origin. Shape: (origins, cells)."""
        reach = np.broadcast_to(np.asarray(reach_km, np.float32), origin.shape)
        far: Singles = self.distance[self.of[origin]] / reach[:, None]
        far += 1
        np.square(far, out=far)
        np.reciprocal(far, out=far)
        return far

    def draw(self, taste: Singles, near: Singles, rng: np.random.Generator) -> Ints:
        """A place for each row, by taste (rows, categories), popularity, and nearness (rows, cells)."""
        chance = rng.random((3, len(taste)))
        cell = pick_of_many((taste @ self._by_kind) * near, chance[0])
        kind = pick(taste * self._mass[cell], chance[1])
        key = cell * len(CATEGORIES) + kind
        first, end = self._start[key], self._start[key + 1]
        target = self._until[first] + chance[2] * (self._until[end] - self._until[first])
        place = np.searchsorted(self._until, target, side="right") - 1
        return np.asarray(self._order[np.clip(place, first, end - 1)])


def pick(weights: NDArray[np.floating], chance: Floats) -> Ints:
    """The column of each row where the cumulative weight passes a fraction; never one without weight."""
    return _passed(weights, chance * weights.sum(axis=1))[0]


def pick_of_many(weights: NDArray[np.floating], chance: Floats) -> Ints:
    """As `pick`, of so many columns that it pays to find the stretch of columns first."""
    width = STRETCH if weights.shape[1] % STRETCH == 0 else weights.shape[1]
    stretches = weights.reshape(len(weights), weights.shape[1] // width, width)
    sums = stretches.sum(axis=2)
    stretch, rest = _passed(sums, chance * sums.sum(axis=1))
    return stretch * width + _passed(stretches[np.arange(len(weights)), stretch], rest)[0]


def _passed(weights: NDArray[np.floating], threshold: Floats) -> tuple[Ints, Floats]:
    """The column of each row where the cumulative weight passes a threshold, and what is left of that there."""
    cumulative = weights.cumsum(axis=1)
    threshold = np.minimum(threshold, cumulative[:, -1] * SURELY_BELOW).astype(cumulative.dtype)
    column = (cumulative <= threshold[:, None]).sum(axis=1)
    row = np.arange(len(weights))
    return np.asarray(column), np.asarray(threshold - cumulative[row, column] + weights[row, column])


def _split(east: Floats, north: Floats) -> Ints:
    """The cell of each place: the places are halved again and again, across their wider side."""
    cells = [np.arange(len(east))]
    while len(cells) < min(CELLS, len(east) // PLACES_PER_CELL):
        halves = []
        for members in cells:
            wide = east if np.ptp(east[members]) >= np.ptp(north[members]) else north
            sorted_ = members[np.argsort(wide[members], kind="stable")]
            halves += [sorted_[: len(sorted_) // 2], sorted_[len(sorted_) // 2 :]]
        cells = halves
    of = np.empty(len(east), dtype=np.int64)
    for cell, members in enumerate(cells):
        of[members] = cell
    return of
