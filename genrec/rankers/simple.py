"""Rankers that count: what any other has to beat.

Each gives a probability to every POI from the evidence before `as_of` and the earlier visits of the current
trajectory, the same that a model is shown.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from genrec.columns import LATITUDE, LONGITUDE
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.rankers.habit_weights import HabitWeights, fitted_weights
from genrec.rankers.habits import DEFAULT_WEIGHTS, UNVISITED, rank_habits
from genrec.rankers.ranker import Floats, Query
from genrec.trajectories import GAP_HOURS, Visit, since

Probabilities = Callable[[Evidence, Query], Floats]  # -> (pois,), sum 1

# Visits that the next coarser distribution weighs against the counted ones (Dirichlet smoothing).
BACK_OFF = 1.0


def popularity(evidence: Evidence, _: Query) -> Floats:
    """By everybody's visits."""
    visits = evidence.city.visits + UNVISITED
    return np.asarray(visits / visits.sum())


def most_frequent(evidence: Evidence, query: Query) -> Floats:
    """By the user's own visits, backing off to popularity."""
    counts = np.zeros(len(evidence.past.pois))
    for _, poi in visits_until(evidence, query):
        counts[poi] += 1
    return _smoothed(counts, popularity(evidence, query))


def most_recent(evidence: Evidence, query: Query) -> Floats:
    """By how lately the user was there: the n-th latest place weighs 1/n, all new ones together as the next."""
    places = list(dict.fromkeys(poi for _, poi in reversed(visits_until(evidence, query))))
    scores = popularity(evidence, query) / (len(places) + 1)
    scores[places] = 1 / np.arange(1, len(places) + 1)
    return np.asarray(scores / scores.sum())


def markov(evidence: Evidence, query: Query) -> Floats:
    """First order within trajectories; backs off from the user's steps to their visits, to all steps, to popularity."""
    size = len(evidence.past.pois)
    scores = popularity(evidence, query)
    here = query.prefix[-1][1] if query.prefix else None
    if here is not None:
        scores = _smoothed(_counts(evidence.steps.get(here, {}), size), scores)
    counts = np.zeros(size)
    for _, poi in visits_until(evidence, query):
        counts[poi] += 1
    scores = _smoothed(counts, scores)
    if here is None:
        return scores
    steps = np.zeros(size)
    for poi, after in evidence.steps_of(query.user_id) + _steps_since(evidence, query):
        steps[after] += poi == here
    return _smoothed(steps, scores)


def nearest(evidence: Evidence, query: Query) -> Floats:
    """By the distance from where the user was last seen, that place first; popularity if never seen."""
    visits = visits_until(evidence, query)
    if not visits:
        return popularity(evidence, query)
    here = visits[-1][1]
    latitude, longitude = (evidence.past.pois[name].to_numpy() for name in (LATITUDE, LONGITUDE))
    nearness = 1 / (1 + haversine_km(latitude[here], longitude[here], latitude, longitude))
    return np.asarray(nearness / nearness.sum())


def habits(evidence: Evidence, query: Query, weights: HabitWeights = DEFAULT_WEIGHTS) -> Floats:
    """GenRec's own yardstick (genrec.rankers.habits)."""
    own = evidence.habits(query.user_id)
    return rank_habits(own, evidence.city, evidence.past.pois, at=query.at, prefix=query.prefix, weights=weights)


COUNTING: dict[str, Probabilities] = {
    "popularity": popularity,
    "most-frequent": most_frequent,
    "most-recent": most_recent,
    "markov": markov,
    "nearest": nearest,
    "habits": habits,
}


def visits_until(evidence: Evidence, query: Query) -> list[Visit]:
    """The user's visits as far as a method knows them: the evidence, then the trajectory since then."""
    return evidence.visits(query.user_id) + list(since(query.prefix, evidence.as_of))


def _steps_since(evidence: Evidence, query: Query) -> list[tuple[int, int]]:
    """The steps of the trajectory that the evidence does not hold; the first may lead on from its last visit."""
    later = since(query.prefix, evidence.as_of)
    known = len(query.prefix) - len(later)
    visits = list(query.prefix[max(known - 1, 0) :])
    last = evidence.visits(query.user_id)[-1:]
    if later and not known and last and later[0][0] - last[0][0] < timedelta(hours=GAP_HOURS):
        visits = last + visits
    return [(poi, after) for (_, poi), (_, after) in pairwise(visits)]


def _counts(counts: dict[int, int], size: int) -> Floats:
    dense = np.zeros(size)
    dense[list(counts)] = list(counts.values())
    return dense


def _smoothed(counts: Floats, coarser: Floats) -> Floats:
    """Counts as a distribution, with `BACK_OFF` visits spread like the coarser one."""
    return np.asarray((counts + BACK_OFF * coarser) / (counts.sum() + BACK_OFF))


class CountingRanker:
    """One of `COUNTING`, by its name, as a ranker."""

    def __init__(self, name: str) -> None:
        self.name = name

    def settings(self) -> dict[str, Any]:
        """See `Ranker`: for `habits` the weights, and where they come from."""
        return fitted_weights().model_dump(mode="json") if self.name == "habits" else {}

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        return np.log([COUNTING[self.name](evidence, query) for query in queries])
