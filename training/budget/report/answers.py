"""What a study's results say: the best split of each budget, how sure that is, and what cannot be told apart from it.

Intervals come from a paired bootstrap: users (or, without users or with a single one, test examples) are drawn with
replacement, and so are seeds; all splits are averaged over the same draws. A few seeds say little about seeds: then
these intervals are too narrow rather than too wide.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eval.measures.intervals import TAILS, user_draws
from genrec.errors import GenRecError
from training.budget.lattice import Cell, Lattice

RESAMPLES = 2000

Floats = NDArray[np.float64]
Point = tuple[int, int]  # (n_s, n_p)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of models: (points, seeds, examples), NaN where a run is not done; `groups` has a name an example."""

    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    groups: tuple[str, ...]
    values: Floats

    def usable(self) -> "Scores":
        """The seeds that all points are known of; if there are none yet, the points that are known of the first seed.

        Raises GenRecError if nothing is known.
        """
        known = np.isfinite(self.values[:, :, 0])  # (points, seeds)
        if seeds := [seed for seed, there in zip(self.seeds, known.T, strict=True) if there.all()]:
            return self.only(self.points, seeds)
        if points := [point for point, there in zip(self.points, known[:, 0], strict=True) if there]:
            return self.only(points, self.seeds[:1])
        raise GenRecError("there are no results yet: start with `genrec-train budget run`")

    def only(self, points: Collection[Point], seeds: Collection[int]) -> "Scores":
        """Those of some points and seeds."""
        rows = [row for row, point in enumerate(self.points) if point in points]
        columns = [column for column, seed in enumerate(self.seeds) if seed in seeds]
        return Scores(
            tuple(self.points[row] for row in rows),
            tuple(self.seeds[column] for column in columns),
            self.groups,
            self.values[np.ix_(rows, columns)],
        )


@dataclass(frozen=True)
class Split:
    """A split of a budget with its mean score, 95% interval and probability that it is the best measured one."""

    cell: Cell
    value: float
    low: float
    high: float
    p_best: float
    tied: bool  # the 95% interval of the best one's lead over it reaches 0

    @property
    def share(self) -> float:
        """Of the budget for SFT."""
        return self.cell.share


@dataclass(frozen=True)
class Base:
    """The base model's mean score, and the 95% interval of the best split's lead over it."""

    value: float
    lead_low: float
    lead_high: float


@dataclass(frozen=True)
class Answer:
    """All splits of one budget at one price ratio, largest share first, and the best of them.

    `base`: what there is without any annotation; None if it is not scored.
    """

    ratio: float
    budget: float
    splits: tuple[Split, ...]
    best: Split
    base: Base | None

    @property
    def tied(self) -> tuple[Split, ...]:
        """The splits that nothing tells apart from the best, without it."""
        return tuple(split for split in self.splits if split.tied and split is not self.best)


class Bootstrap:
    """Means of all points, and the same of resampled groups and seeds."""

    def __init__(self, scores: Scores, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        """`scores` has no NaN: see `Scores.usable`."""
        self.scores = scores
        self._row = {point: row for row, point in enumerate(scores.points)}
        names, group = np.unique(np.array(scores.groups), return_inverse=True)
        if len(names) == 1:
            names = group = np.arange(len(scores.groups))
        sums = np.zeros((len(names), *scores.values.shape[:2]))
        np.add.at(sums, group, np.moveaxis(scores.values, 2, 0))
        counts = np.bincount(group, minlength=len(names)).astype(np.float64)
        drawn = np.vstack(list(user_draws(len(names), resamples, seed)))
        seeds = np.random.default_rng([seed, 1]).multinomial(
            len(scores.seeds), np.full(len(scores.seeds), 1 / len(scores.seeds)), size=resamples
        )
        by_seed = np.tensordot(drawn, sums, axes=1) / (drawn @ counts)[:, None, None]
        self.values: Floats = scores.values.mean(axis=(1, 2))
        self.draws: Floats = (by_seed * seeds[:, None, :]).sum(axis=2) / len(scores.seeds)

    def knows(self, cell: Cell) -> bool:
        """Whether the cell's run is done."""
        return cell.point in self._row

    def value(self, cells: Sequence[Cell]) -> float:
        """Mean of the cells' mean scores."""
        return float(self.values[self._rows(cells)].mean())

    def drawn(self, cells: Sequence[Cell]) -> Floats:
        """The same of each resample. Shape: (resamples,)."""
        drawn: Floats = self.draws[:, self._rows(cells)].mean(axis=1)
        return drawn

    def interval(self, point: Point) -> tuple[float, float, float]:
        """Mean of a known point's score, and its 95% interval."""
        row = self._row[point]
        low, high = np.quantile(self.draws[:, row], TAILS)
        return float(self.values[row]), float(low), float(high)

    def _rows(self, cells: Sequence[Cell]) -> list[int]:
        return [self._row[cell.point] for cell in cells]

    @cached_property
    def noise(self) -> Floats:
        """Variance of each point's mean, but for what moves all points alike. Shape: (points,)."""
        variance: Floats = (self.draws - self.draws.mean(axis=1, keepdims=True)).var(axis=0)
        return variance

    @cached_property
    def shared_noise(self) -> float:
        """Variance of what moves all points alike."""
        return float(self.draws.mean(axis=1).var())


def answers(lattice: Lattice, boot: Bootstrap) -> list[Answer]:
    """The answer for each price ratio and budget of which two or more splits are known."""
    found = []
    for ratio, budget in dict.fromkeys((cell.ratio, cell.budget) for cell in lattice.cells):
        cells = [cell for cell in cells_of(lattice, ratio, budget) if boot.knows(cell)]
        if len(cells) > 1:
            found.append(_answer(ratio, budget, cells, boot))
    return found


def cells_of(lattice: Lattice, ratio: float, budget: float) -> list[Cell]:
    """The splits of a budget, largest share first."""
    return [cell for cell in lattice.cells if (cell.ratio, cell.budget) == (ratio, budget)]


def _answer(ratio: float, budget: float, cells: Sequence[Cell], boot: Bootstrap) -> Answer:
    estimates = [boot.interval(cell.point) for cell in cells]
    values = [value for value, _, _ in estimates]
    draws = np.column_stack([boot.drawn([cell]) for cell in cells])
    first = draws >= draws.max(axis=1, keepdims=True) - 1e-12
    p_best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    best = max(range(len(cells)), key=lambda i: (values[i], p_best[i]))
    splits = []
    for i, (cell, estimate) in enumerate(zip(cells, estimates, strict=True)):
        tied = i == best or bool(np.quantile(draws[:, best] - draws[:, i], TAILS[0]) <= 0)
        splits.append(Split(cell, *estimate, float(p_best[i]), tied))
    return Answer(ratio, budget, tuple(splits), splits[best], _base(boot, draws[:, best]))


def _base(boot: Bootstrap, best: Floats) -> Base | None:
    found = Cell(ratio=1, budget=0, share=0, sft=0, pairs=0)
    if not boot.knows(found):
        return None
    low, high = np.quantile(best - boot.drawn([found]), TAILS)
    return Base(boot.value([found]), float(low), float(high))
