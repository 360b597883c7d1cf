"""Rankings without a model: what any method has to beat.

Each baseline gives a probability to every POI from the evidence before `as_of` and the earlier visits of the current
trajectory, the same that a model is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.methods.method import Ranked
from eval.protocol import Cases, evidence_at
from genrec.columns import LATITUDE, LONGITUDE
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.rankers.habit_weights import fitted_weights
from genrec.rankers.habits import UNVISITED, rank_habits
from genrec.trajectories import GAP_HOURS, Example, Visit

Floats = NDArray[np.float64]
Baseline = Callable[[Evidence, Example, datetime | None], Floats]  # (evidence, example, time if known) -> (pois,)

# Visits that the next coarser distribution weighs against the counted ones (Dirichlet smoothing).
BACK_OFF = 1.0


def popularity(evidence: Evidence, _: Example, __: datetime | None) -> Floats:
    """By everybody's visits."""
    visits = evidence.city.visits + UNVISITED
    return np.asarray(visits / visits.sum())


def most_frequent(evidence: Evidence, example: Example, at: datetime | None) -> Floats:
    """By the user's own visits, backing off to popularity."""
    counts = np.zeros(len(evidence.past.pois))
    for _, poi in visits_until(evidence, example):
        counts[poi] += 1
    return _smoothed(counts, popularity(evidence, example, at))


def most_recent(evidence: Evidence, example: Example, at: datetime | None) -> Floats:
    """By how lately the user was there: the n-th latest place weighs 1/n, all new ones together as the next."""
    places = list(dict.fromkeys(poi for _, poi in reversed(visits_until(evidence, example))))
    scores = popularity(evidence, example, at) / (len(places) + 1)
    scores[places] = 1 / np.arange(1, len(places) + 1)
    return np.asarray(scores / scores.sum())


def markov(evidence: Evidence, example: Example, at: datetime | None) -> Floats:
    """First order within trajectories; backs off from the user's steps to their visits, to all steps, to popularity."""
    size = len(evidence.past.pois)
    scores = popularity(evidence, example, at)
    here = example.prefix[-1][1] if example.prefix else None
    if here is not None:
        scores = _smoothed(_counts(evidence.steps.get(here, {}), size), scores)
    visits = visits_until(evidence, example)
    counts = np.zeros(size)
    for _, poi in visits:
        counts[poi] += 1
    scores = _smoothed(counts, scores)
    if here is None:
        return scores
    steps = np.zeros(size)
    for (time, poi), (next_time, after) in pairwise(visits):
        if poi == here and next_time - time < timedelta(hours=GAP_HOURS):
            steps[after] += 1
    return _smoothed(steps, scores)


def nearest(evidence: Evidence, example: Example, at: datetime | None) -> Floats:
    """By the distance from where the user was last seen, that place first; popularity if never seen."""
    visits = visits_until(evidence, example)
    if not visits:
        return popularity(evidence, example, at)
    here = visits[-1][1]
    latitude, longitude = (evidence.past.pois[name].to_numpy() for name in (LATITUDE, LONGITUDE))
    nearness = 1 / (1 + haversine_km(latitude[here], longitude[here], latitude, longitude))
    return np.asarray(nearness / nearness.sum())


def habits(evidence: Evidence, example: Example, at: datetime | None) -> Floats:
    """GenRec's own yardstick (genrec.rankers.habits), with the fitted weights."""
    own = evidence.habits(example.user_id)
    return rank_habits(own, evidence.city, evidence.past.pois, at=at, prefix=example.prefix)


BASELINES: dict[str, Baseline] = {
    "popularity": popularity,
    "most-frequent": most_frequent,
    "most-recent": most_recent,
    "markov": markov,
    "nearest": nearest,
    "habits": habits,
}


def visits_until(evidence: Evidence, example: Example) -> list[Visit]:
    """The user's visits as far as a method knows them: the evidence, then the trajectory since then."""
    return evidence.visits(example.user_id) + [visit for visit in example.prefix if visit[0] >= evidence.as_of]


def _counts(counts: dict[int, int], size: int) -> Floats:
    dense = np.zeros(size)
    dense[list(counts)] = list(counts.values())
    return dense


def _smoothed(counts: Floats, coarser: Floats) -> Floats:
    """Counts as a distribution, with `BACK_OFF` visits spread like the coarser one."""
    return np.asarray((counts + BACK_OFF * coarser) / (counts.sum() + BACK_OFF))


class BaselineMethod:
    """A baseline as a method of a run; it never fails."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._probabilities = BASELINES[name]

    def settings(self, _: Cases) -> dict[str, Any]:
        """See `Method`: for `habits` the weights, and where they come from."""
        return fitted_weights().model_dump(mode="json") if self.name == "habits" else {}

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`."""
        for number in examples:
            example = cases.examples[number]
            evidence = evidence_at(cases, example.as_of)
            probabilities = self._probabilities(evidence, example, cases.at(example))
            best = np.argsort(-probabilities, kind="stable")[:k]
            yield Ranked(number, evidence.fingerprint, best.tolist(), probabilities[best].tolist())
