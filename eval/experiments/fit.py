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
from pathlib import Path

import numpy as np

from eval.protocol import REFRESH_DAYS
from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.clock import local_span, moments
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.fingerprint import fingerprint
from genrec.rankers.habit_weights import FitData, FittedWeights, HabitWeights
from genrec.rankers.habits import Situation, situation, weigh
from genrec.reading.reader import read_checkins
from genrec.trajectories import training

# Where the random search looks; positive weights on a logarithmic scale, shares (`transition`, `novelty`) evenly.
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
RANDOM_TRIES = 40
FIRST_STEP, LAST_STEP = 0.25, 0.01  # of a range, in the coordinate search


@dataclass(frozen=True)
class FitSet:
    """Targets of one set of check-ins, with all that their probability depends on but the weights."""

    situations: tuple[tuple[Situation, int], ...]  # and the POI visited
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
    situations = []
    for as_of, group in groupby((examples[i] for i in chosen), key=lambda example: example.as_of):
        evidence = Evidence(checkins, as_of)
        for example in group:
            habits = evidence.habits(example.user_id)
            seen = situation(habits, evidence.city, checkins.pois, at=example.time, prefix=example.prefix)
            situations.append((seen, example.target))
    data = FitData(
        name=name,
        sha256=fingerprint(checkins),
        examples=len(chosen),
        first=examples[chosen[0]].time,
        last=end,
    )
    return FitSet(tuple(situations), data)


def mean_log_probability(sets: Sequence[FitSet], weights: HabitWeights) -> float:
    """Mean natural log-probability of the targets; every set counts the same."""
    return float(
        np.mean([np.mean([np.log(weigh(seen, weights)[target]) for seen, target in each.situations]) for each in sets])
    )


def fit(
    sets: Sequence[FitSet], *, command: str, seed: int = 0, progress: Callable[[float], None] = lambda score: None
) -> FittedWeights:
    """Search for the weights of the highest `mean_log_probability`: at random, then a coordinate at a time.

    `progress` is called with the best score after each try.
    """
    search = _Search(sets, progress)
    before = search.best_score
    generator = random.Random(seed)
    for _ in range(RANDOM_TRIES):
        search.attempt({name: generator.random() for name in RANGES})
    step = FIRST_STEP
    while step >= LAST_STEP:
        improved = False
        for name in RANGES:
            for direction in (step, -step):
                moved = min(max(search.best[name] + direction, 0.0), 1.0)
                improved |= search.attempt(search.best | {name: moved})
        if not improved:
            step /= 2
    return FittedWeights(
        weights=_weights(search.best),
        command=command,
        seed=seed,
        data=[each.data for each in sets],
        score_before=before,
        score=search.best_score,
    )


class _Search:
    """The best point so far of the unit cube that `RANGES` spans, from the default weights on."""

    def __init__(self, sets: Sequence[FitSet], progress: Callable[[float], None]) -> None:
        self._sets, self._progress = sets, progress
        self.best = {name: _position(name, value) for name, value in HabitWeights().model_dump().items()}
        self.best_score = mean_log_probability(sets, HabitWeights())

    def attempt(self, point: dict[str, float]) -> bool:
        """Move to a point if it is better."""
        score = mean_log_probability(self._sets, _weights(point))
        better = score > self.best_score
        if better:
            self.best, self.best_score = point, score
        self._progress(self.best_score)
        return better


def _weights(point: dict[str, float]) -> HabitWeights:
    """Rounded to three digits: more would pretend a precision that no fit has."""
    values = {}
    for name, position in point.items():
        low, high = RANGES[name]
        value = low + position * (high - low) if name in SHARES else low * (high / low) ** position
        values[name] = float(f"{value:.3g}")
    return HabitWeights(**values)


def _position(name: str, value: float) -> float:
    low, high = RANGES[name]
    return (value - low) / (high - low) if name in SHARES else float(np.log(value / low) / np.log(high / low))


def synthetic_city(seed: int) -> Checkins:
    """The check-ins of a synthetic city of the default size."""
    with tempfile.TemporaryDirectory() as folder:
        build_city(CityConfig(seed=seed)).write(Path(folder))
        return read_checkins(Path(folder) / "checkins.csv")
