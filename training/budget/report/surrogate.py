"""Scores between the measured points, and beyond them: a Gaussian process over the logarithms of n_s and n_p."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrec.errors import GenRecError
from training.budget.lattice import Lattice
from training.budget.report.answers import Bootstrap, Point
from training.budget.spec import NextPoi, Study

SHARES = np.linspace(0, 1, 101)
PILOT = 0.1  # of the budget, at most, for annotations of a pilot
LEAST_POINTS = 4  # that a surface through them says anything
ROUNDING = 1e-9  # 0.29 * 100 is a little less than 29

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Advice:
    """The best split of a budget by the surrogate, its expected score with a 95% interval, and what equals it.

    `tied_from` and `tied_to` bound the shares that the posterior does not tell apart from the best. `measured` says
    whether all splits lie within the measured numbers; beyond them, the surrogate extrapolates.
    """

    budget: float
    ratio: float
    share: float
    sft: int
    pairs: int
    value: float
    low: float
    high: float
    tied_from: float
    tied_to: float
    measured: bool


class Surrogate:
    """A linear trend with a smooth departure from it, given points with noise."""

    def __init__(self, points: Sequence[Point], values: Floats, noise: Floats) -> None:
        """`noise`: the variance of each value. Raises GenRecError for fewer than LEAST_POINTS points."""
        from sklearn.exceptions import ConvergenceWarning  # deferred: slow to import
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import (
            RBF,
            ConstantKernel,
            DotProduct,
        )

        if len(points) < LEAST_POINTS:
            raise GenRecError(f"{len(points)} results are too few for advice; {LEAST_POINTS} are needed at least")
        self.most_sft, self.most_pairs = map(max, zip(*points, strict=True))  # each by itself
        self._centre = float(values.mean())
        self._spread = float(values.std()) or 1.0
        logs = np.log1p(np.array(points, dtype=np.float64))
        self._scale = np.maximum(logs.max(axis=0), 1e-9)
        kernel = ConstantKernel(0.5, (1e-3, 1e2)) * RBF((0.3, 0.3), (0.05, 5.0)) + ConstantKernel(
            0.5, (1e-3, 1e2)
        ) * DotProduct(1.0, (1e-2, 1e2))
        self._process = GaussianProcessRegressor(
            kernel, alpha=noise / self._spread**2 + 1e-6, n_restarts_optimizer=2, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of a kernel's parameter is no trouble
            self._process.fit(logs / self._scale, (values - self._centre) / self._spread)

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and covariance of the scores at points (n, 2). Shapes: (n,), (n, n)."""
        mean, covariance = self._process.predict(np.log1p(points) / self._scale, return_cov=True)
        return mean * self._spread + self._centre, covariance * self._spread**2


def fit(boot: Bootstrap) -> Surrogate:
    """The surrogate of all that is known."""
    return Surrogate(boot.scores.points, boot.values, boot.noise)


def advise(surrogate: Surrogate, budget: float, ratio: float, *, price: float, shared_noise: float) -> Advice:
    """The best share of a budget, to the percent."""
    sft = SHARES * budget / price
    pairs = (1 - SHARES) * budget / price / ratio
    mean, covariance = surrogate.predict(np.column_stack([sft, pairs]))
    best = int(mean.argmax())
    error = 1.96 * float(np.sqrt(max(covariance[best, best], 0) + shared_noise))
    lead = mean[best] - mean
    doubt = np.sqrt(np.maximum(covariance[best, best] + covariance.diagonal() - 2 * covariance[best], 0))
    tied = np.flatnonzero(lead <= 1.96 * doubt + 1e-12)
    return Advice(
        budget=budget,
        ratio=ratio,
        share=float(SHARES[best]),
        sft=int(sft[best] + ROUNDING),
        pairs=int(pairs[best] + ROUNDING),
        value=float(mean[best]),
        low=float(mean[best]) - error,
        high=float(mean[best]) + error,
        tied_from=float(SHARES[tied.min()]),
        tied_to=float(SHARES[tied.max()]),
        measured=bool(sft.max() <= surrogate.most_sft and pairs.max() <= surrogate.most_pairs),
    )


def pilot_points(study: Study, lattice: Lattice, ratio: float, budget: float) -> tuple[Point, ...]:
    """The points of the largest pilot whose annotations, for one seed, cost at most a tenth of the budget.

    Demonstrations are bought once. So are the pairs of a file; but where each model proposes its own, those of
    different n_s are paid for separately. Empty if even the smallest pilot costs more.
    """
    budgets = sorted({cell.budget for cell in lattice.cells if cell.ratio == ratio}, reverse=True)
    for most in budgets:
        points = _up_to(lattice, ratio, most)
        if pilot_cost(study, points, ratio) <= PILOT * budget:
            return points
    return ()


def cheapest_pilot(study: Study, lattice: Lattice, ratio: float) -> float:
    """What the pilot of the smallest budget costs, all shares together. Raises GenRecError for a ratio it lacks."""
    budgets = [cell.budget for cell in lattice.cells if cell.ratio == ratio]
    if not budgets:
        ratios = ", ".join(f"{one:g}" for one in study.price_ratios)
        raise GenRecError(f"the study has no pilot at a price ratio of {ratio:g}, only at {ratios}")
    return pilot_cost(study, _up_to(lattice, ratio, min(budgets)), ratio)


def pilot_cost(study: Study, points: Sequence[Point], ratio: float) -> float:
    """What a seed's annotations at these points cost."""
    bought = max(sft for sft, _ in points)
    by_start = [max(pairs for start, pairs in points if start == sft) for sft in {sft for sft, _ in points}]
    judged = sum(by_start) if isinstance(study.task, NextPoi) else max(by_start)
    return study.price * (bought + ratio * judged)


def _up_to(lattice: Lattice, ratio: float, most: float) -> tuple[Point, ...]:
    return tuple(sorted({cell.point for cell in lattice.cells if cell.ratio == ratio and cell.budget <= most}))
