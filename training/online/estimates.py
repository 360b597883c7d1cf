"""What a policy would have earned on feedback that another one gathered: off-policy evaluation.

Inverse propensity scoring counts each visited place with how much more often the new policy names it than the old one
did. The doubly robust estimate (Dudik, Langford and Li, ICML 2011) starts from what a model believes and corrects it
by that: its mean is right if either propensities or model are, and it varies less.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.measures.intervals import percentiles, user_draws
from training.online.buffer import Buffer

Floats = NDArray[np.float64]
RESAMPLES = 1000


class Estimate(NamedTuple):
    """A mean over feedbacks, with a 95 % bootstrap interval over people (None from fewer than two)."""

    value: float
    low: float | None
    high: float | None


def ips(gain: Floats, log: Buffer) -> Floats:
    """Each feedback's estimate of what a policy earns; `gain` as in `Plan`. Shape: (feedbacks,)."""
    return np.asarray((_at(gain, log) * log.reward / log.propensity).sum(axis=1))


def doubly_robust(gain: Floats, believed: Floats, log: Buffer) -> Floats:
    """The same, beginning with the probability that a model gives each candidate to be visited."""
    wrong = (log.reward - _at(believed, log)) / log.propensity
    return np.asarray((gain * believed).sum(axis=1) + (_at(gain, log) * wrong).sum(axis=1))


def mean_of(values: Floats, people: NDArray[np.int64], seed: int = 0) -> Estimate:
    """The mean of values of feedbacks, `people` being who gave each, as numbers."""
    _, person = np.unique(people, return_inverse=True)
    count = int(person.max(initial=0)) + 1
    sums, sizes = np.bincount(person, values, minlength=count), np.bincount(person, minlength=count)
    drawn = np.concatenate([(draws @ sums) / (draws @ sizes) for draws in user_draws(count, RESAMPLES, seed)])
    return Estimate(float(values.mean()), *percentiles(drawn, count))


def _at(values: Floats, log: Buffer) -> Floats:
    """Values of the named candidates, 0 where there is none. Shape: (feedbacks, lines)."""
    return np.where(log.shown >= 0, np.take_along_axis(values, np.maximum(log.shown, 0), axis=1), 0.0)
