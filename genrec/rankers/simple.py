"""Rankers that count: what any other has to beat.

Each gives a probability to every POI from the evidence before `as_of` and the earlier visits of the current
trajectory, the same that a model is shown.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from genrec.evidence import Evidence
from genrec.rankers.blocks import in_blocks
from genrec.rankers.habit_weights import fitted_weights
from genrec.rankers.habits import DEFAULT_WEIGHTS, UNVISITED, around, category_hour_fit, hour_kernels, score_habits
from genrec.rankers.known import NOWHERE, known_places
from genrec.rankers.ranker import Floats, Ints, Query
from genrec.rankers.situations import distances, own_heads, places_now, times_of_day
from genrec.trajectories import GAP_HOURS, Visit, since

# Visits that the next coarser distribution weighs against the counted ones (Dirichlet smoothing).
BACK_OFF = 1.0


def popularity(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """By everybody's visits. Shape, here and below: (queries, pois), rows of sum 1."""
    visits = evidence.city.visits + UNVISITED
    return np.tile(visits / visits.sum(), (len(queries), 1))


def popularity_by_hour(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """By everybody's visits around the hour, smoothed with the hours of the place's category."""
    city, weights = evidence.city, DEFAULT_WEIGHTS
    if not city.tells_hours:
        return popularity(queries, evidence)
    kernels = hour_kernels(times_of_day(queries), weights.hour_width)
    usual = np.take(category_hour_fit(city, kernels, weights.prior_visits), city.category, axis=1)
    fit = (around(evidence.tallies.place_hours, kernels) + weights.prior_visits * usual) / (
        city.visits + weights.prior_visits
    )
    scores = (city.visits + UNVISITED) * np.where(np.isnan(kernels[:, :1]), 1.0, fit)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def most_frequent(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """By the user's own visits, backing off to popularity."""
    known = known_places(queries, evidence)
    return _smoothed(known.row, known.poi, known.visits, popularity(queries, evidence))


def most_recent(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """By how lately the user was there: the n-th latest place weighs 1/n, all new ones together as the next."""
    known = known_places(queries, evidence)
    places = np.bincount(known.row, minlength=len(queries))
    latest_first = np.lexsort((-known.order, known.row))
    nth = np.arange(len(known.row)) - (np.cumsum(places) - places)[known.row]
    scores = popularity(queries, evidence) / (places + 1)[:, None]
    scores[known.row, known.poi[latest_first]] = 1 / (nth + 1)
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def markov(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """First order within trajectories; backs off from the user's steps to their visits, to all steps, to popularity."""
    here = places_now(queries)
    known = known_places(queries, evidence)
    scores = _smoothed(*evidence.tallies.all_steps.after(here), popularity(queries, evidence))
    scores = _smoothed(known.row, known.poi, known.visits, scores)
    row, after, count = evidence.tallies.own_steps.after(own_heads(queries, evidence, here))
    later = [(i, poi) for i, query in enumerate(queries) for poi in _steps_since(evidence, query)]
    later_row, later_after = np.array(later, dtype=np.int64).reshape(-1, 2).T
    ones = np.ones(len(later), dtype=np.int64)
    row, after, count = (np.concatenate(both) for both in ((row, later_row), (after, later_after), (count, ones)))
    return _smoothed(row, after, count, scores)


def nearest(queries: Sequence[Query], evidence: Evidence) -> Floats:
    """By the distance from where the user was last seen, that place first; popularity if never seen."""
    last = known_places(queries, evidence).latest(len(queries))
    nearness = 1 / (1 + distances(evidence.positions, last))
    nearness /= nearness.sum(axis=1, keepdims=True)
    return np.where((last == NOWHERE)[:, None], popularity(queries, evidence), nearness)


PROBABILITIES: dict[str, Callable[[Sequence[Query], Evidence], Floats]] = {
    "popularity": popularity,
    "popularity-by-hour": popularity_by_hour,
    "most-frequent": most_frequent,
    "most-recent": most_recent,
    "markov": markov,
    "nearest": nearest,
}
COUNTING = (*PROBABILITIES, "habits")


class CountingRanker:
    """One of `COUNTING`, by its name, as a ranker; `habits` is GenRec's own yardstick (genrec.rankers.habits)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def settings(self) -> dict[str, Any]:
        """See `Ranker`: for `habits` the weights, and where they come from."""
        if self.name == "popularity-by-hour":
            return DEFAULT_WEIGHTS.model_dump(include={"hour_width", "prior_visits"})
        return fitted_weights().model_dump(mode="json") if self.name == "habits" else {}

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        if self.name == "habits":
            return score_habits(queries, evidence)
        return in_blocks(queries, evidence, PROBABILITIES[self.name])

    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """See `Voice`."""
        return np.take_along_axis(self.score(queries, evidence), np.maximum(pois, 0), axis=1)


def visits_until(evidence: Evidence, query: Query) -> list[Visit]:
    """The user's visits as far as a method knows them: the evidence, then the trajectory since then."""
    return evidence.visits(query.user_id) + list(since(query.prefix, evidence.as_of))


def _steps_since(evidence: Evidence, query: Query) -> list[int]:
    """Where the trajectory has led from the place where it is now, in steps that the evidence does not hold.

    The first of these steps may lead on from the evidence's last visit.
    """
    later = since(query.prefix, evidence.as_of)
    if not later:
        return []
    known = len(query.prefix) - len(later)
    visits = list(query.prefix[max(known - 1, 0) :])
    last = evidence.visits(query.user_id)[-1:]
    if not known and last and later[0][0] - last[0][0] < timedelta(hours=GAP_HOURS):
        visits = last + visits
    here = visits[-1][1]
    return [after for (_, poi), (_, after) in pairwise(visits) if poi == here]


def _smoothed(row: Ints, poi: Ints, counts: Floats | Ints, coarser: Floats) -> Floats:
    """Counts of queries and places as distributions, with `BACK_OFF` visits spread like the coarser ones."""
    scores = BACK_OFF * coarser
    np.add.at(scores, (row, poi), counts)
    scores /= (np.bincount(row, counts, minlength=len(coarser)) + BACK_OFF)[:, None]
    return scores
