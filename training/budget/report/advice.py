"""Advice on any budget, from all results or from a pilot's alone.

Scores between the measured points, and beyond them, are those of a Gaussian process over the logarithms of n_s and n_p.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrec.errors import GenRecError
from training.budget.lattice import Lattice
from training.budget.report.answers import Bootstrap, Point
from training.budget.report.results import Results
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
        from sklearn import exceptions, gaussian_process  # deferred: slow to load, and plan needs no advice

        if len(points) < LEAST_POINTS:
            raise GenRecError(f"{len(points)} results are too few for advice; {LEAST_POINTS} are needed at least")
        self.most_sft, self.most_pairs = map(max, zip(*points, strict=True))  # each by itself
        self._centre = float(values.mean())
        self._spread = float(values.std()) or 1.0
        logs = np.log1p(np.array(points, dtype=np.float64))
        self._scale = np.maximum(logs.max(axis=0), 1e-9)
        kernels = gaussian_process.kernels
        smooth = kernels.ConstantKernel(0.5, (1e-3, 1e2)) * kernels.RBF((0.3, 0.3), (0.05, 5.0))
        trend = kernels.ConstantKernel(0.5, (1e-3, 1e2)) * kernels.DotProduct(1.0, (1e-2, 1e2))
        self._process = gaussian_process.GaussianProcessRegressor(
            smooth + trend, alpha=noise / self._spread**2 + 1e-6, n_restarts_optimizer=2, random_state=0
        )
        with warnings.catch_warnings():  # a bound of a kernel's parameter is no trouble
            warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
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


def advice_for(results: Results, budget: float, ratio: float, *, pilot: bool = False) -> Advice:
    """The best split of a budget where a pair costs `ratio` demonstrations.

    With `pilot`, only results count whose annotations cost at most a tenth of the budget. Raises GenRecError if there
    are too few results, or no pilot is that cheap.
    """
    study, scores = results.study, results.scores.usable()
    if budget <= 0 or ratio <= 0:
        raise GenRecError("a budget and the price of a pair must be above 0")
    if pilot:
        scores = scores.only(pilot_points(study, results.lattice, ratio, budget), scores.seeds)
        if not scores.points:
            cheapest = cheapest_pilot(study, results.lattice, ratio)
            raise GenRecError(
                f"a pilot may cost {PILOT:.0%} of {budget:,g}, and the study's smallest costs {cheapest:,g}, all "
                f"shares together: it serves budgets from {cheapest / PILOT:,g} on; add smaller budgets to the recipe"
            )
    boot = Bootstrap(scores)
    return advise(fit(boot), budget, ratio, price=study.price, shared_noise=boot.shared_noise)


def told(study: Study, advice: Advice) -> str:
    """Advice in words."""
    what = f"{advice.budget:,g} {study.currency} at a price ratio of {advice.ratio:g}"
    split = (
        f"{advice.sft:,} demonstrations and {advice.pairs:,} pairs (share {advice.share:.2f}); expected score "
        f"{advice.value:.3f} ({advice.low:.3f} to {advice.high:.3f}), by a smooth surface through the results"
    )
    beyond = "" if advice.measured else " The results do not reach that far: this is extrapolated."
    if (advice.tied_from, advice.tied_to) == (0, 1):
        return f"The results do not tell which share of {what} is best. At a guess: {split}.{beyond}"
    tied = f"Nothing tells it apart from shares between {advice.tied_from:.2f} and {advice.tied_to:.2f}."
    return f"For {what}: {split}. {tied}{beyond}"
