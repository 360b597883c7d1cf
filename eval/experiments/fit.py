"""Fits the few weights of the habits ranker: what makes the visited places most probable.

Only visits of the second quarter of the check-ins are targets, with evidence refreshed every week from what came
before. No split of genrec.trajectories tests on them: the earliest test, `rolling`, begins with the second half.
"""

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from eval.protocol import REFRESH_DAYS
from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.clock import local_span, moments
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.fingerprint import fingerprint
from genrec.rankers.habit_weights import FitData, FittedWeights, HabitWeights
from genrec.rankers.habits import weigh
from genrec.rankers.ranker import Floats, Query
from genrec.rankers.situations import Situations, situations
from genrec.reading.reader import read_checkins
from genrec.trajectories import training

# Where the search looks; positive weights on a logarithmic scale, shares (`transition`, `novelty`) evenly.
RANGES = {
    "hour_width": (0.5, 6.0),
    "prior_visits": (0.1, 30.0),
    "weekday_prior": (0.5, 100.0),
    "recency_half_life": (5.0, 1000.0),
    "transition": (0.0, 1.0),
    "repeat": (0.02, 2.0),
    "novelty": (0.01, 0.99),
    "near_km": (0.05, 20.0),
}
SHARES = {"transition", "novelty"}
SEARCH = {"maxiter": 100, "eps": 1e-4}  # SciPy's L-BFGS-B: steps at most, and parts of a range to measure a slope over


@dataclass(frozen=True)
class FitSet:
    """Targets of one set of check-ins, with all that their probability depends on but the weights."""

    asked: tuple[tuple[Situations, NDArray[np.int64]], ...]  # of one moment's evidence each, and the POIs visited
    data: FitData


def fit_set(checkins: Checkins, name: str, *, limit: int, seed: int) -> FitSet:
    """Up to `limit` targets of the second quarter of the check-ins, drawn at random."""
    order, count = moments(checkins.frame), len(checkins.frame)
    first, rows = count // 4, order.search_sorted(order[count // 2], side="left")  # ties belong to the second half
    if not 0 < first < rows:
        raise GenRecError(f"{name}: {count} check-ins are too few to fit on")
    start, end = local_span(checkins.frame[first:rows])
    cutoffs = [start + timedelta(days=day) for day in range(0, (end - start).days + 1, REFRESH_DAYS)]
    examples = training(checkins, rows, cutoffs).examples
    if not examples:
        raise GenRecError(f"{name}: nobody in the second quarter of the check-ins has been seen before")
    chosen = sorted(random.Random(seed).sample(range(len(examples)), min(limit, len(examples))))
    asked = []
    for as_of, group in groupby((examples[i] for i in chosen), key=lambda example: example.as_of):
        evidence = Evidence(checkins, as_of)
        same = list(group)
        queries = [Query(example.user_id, example.time, example.prefix) for example in same]
        asked.append((situations(queries, evidence), np.array([example.target for example in same])))
    data = FitData(
        name=name,
        sha256=fingerprint(checkins),
        examples=len(chosen),
        first=examples[chosen[0]].time,
        last=end,
    )
    return FitSet(tuple(asked), data)


def mean_log_probability(sets: Sequence[FitSet], weights: HabitWeights) -> float:
    """Mean natural log-probability of the targets; every set counts the same."""

    def of_targets(asked: Situations, targets: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.log(weigh(asked, weights)[np.arange(len(targets)), targets]))

    return float(np.mean([np.mean(np.concatenate([of_targets(*each) for each in one.asked])) for one in sets]))


def fit(
    sets: Sequence[FitSet], *, command: str, seed: int = 0, progress: Callable[[float], None] = lambda score: None
) -> FittedWeights:
    """Search for the weights of the highest `mean_log_probability`, uphill from the default ones.

    `seed` is the one that the sets were drawn with. `progress` is called with the score after each step.
    """

    def report(intermediate_result: OptimizeResult) -> None:  # SciPy looks at the parameter's name
        progress(-intermediate_result.fun)

    start = HabitWeights()
    best = minimize(
        lambda point: -mean_log_probability(sets, _weights(point)),
        _point(start),
        method="L-BFGS-B",
        bounds=[(0, 1)] * len(RANGES),
        options=SEARCH,
        callback=report,
    )
    before = mean_log_probability(sets, start)
    # Three digits: more would pretend a precision that no fit has. What rounding can cost must not exceed the gain.
    rounded = HabitWeights(**{name: float(f"{value:.3g}") for name, value in _weights(best.x).model_dump().items()})
    score, weights = max(((mean_log_probability(sets, each), each) for each in (start, rounded)), key=itemgetter(0))
    return FittedWeights(
        weights=weights,
        command=command,
        seed=seed,
        data=[each.data for each in sets],
        score_before=before,
        score=score,
    )


def _weights(point: Floats) -> HabitWeights:
    """The weights at a point of the unit cube that `RANGES` spans."""
    values = {}
    for (name, (low, high)), position in zip(RANGES.items(), point.tolist(), strict=True):
        values[name] = low + position * (high - low) if name in SHARES else low * (high / low) ** position
    return HabitWeights(**values)


def _point(weights: HabitWeights) -> Floats:
    """Where weights lie in that cube."""
    values = weights.model_dump()
    return np.array(
        [
            (values[name] - low) / (high - low) if name in SHARES else np.log(values[name] / low) / np.log(high / low)
            for name, (low, high) in RANGES.items()
        ]
    )


def synthetic_city(seed: int) -> Checkins:
    """The check-ins of a synthetic city of the default size."""
    with tempfile.TemporaryDirectory() as folder:
        build_city(CityConfig(seed=seed)).write(Path(folder))
        return read_checkins(Path(folder) / "checkins.csv")
