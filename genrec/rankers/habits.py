"""The next place by habits alone: a baseline that any model has to beat.

A mixture of two distributions. Known places: visits, discounted by the time since the last one, blended with
the steps usually taken from the place the user is at; times how well the hour and the weekday fit. New places:
popularity times how well the hour fits the category, over the distance. How much mass new places get follows
from how much the user has explored so far. The few weights are fitted (`genrec-eval fit-habits`).

One formula serves a whole batch of queries, read off tables of the evidence, and a single user's profile.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.evidence import Evidence
from genrec.habit_models import Habits
from genrec.habits import CityHabits
from genrec.rankers.blocks import in_blocks
from genrec.rankers.habit_weights import HabitWeights, fitted_weights
from genrec.rankers.ranker import Floats, Query
from genrec.rankers.situations import UNKNOWN_DAY, Situations, situation_of, situations
from genrec.trajectories import Visit

# Added to every POI's visits, so that none is impossible.
UNVISITED = 0.5


DEFAULT_WEIGHTS = fitted_weights().weights


def rank_habits(
    habits: Habits,
    city: CityHabits,
    pois: pl.DataFrame,
    *,
    at: datetime | None,
    prefix: Sequence[Visit] = (),
    weights: HabitWeights = DEFAULT_WEIGHTS,
) -> Floats:
    """Probability of each POI to be visited next, at local time `at` (None: unknown). Shape: (pois,), sum 1.

    `prefix`: the earlier visits of the current trajectory. `city` is as of the same moment as `habits`.
    """
    return np.asarray(weigh(situation_of(habits, city, pois, at=at, prefix=prefix), weights)[0])


def score_habits(queries: Sequence[Query], evidence: Evidence, weights: HabitWeights = DEFAULT_WEIGHTS) -> Floats:
    """The logarithm of what `rank_habits` says, for many queries at once. Shape: (queries, pois)."""
    return in_blocks(queries, evidence, lambda block, known: weigh(situations(block, known), weights))


def weigh(asked: Situations, weights: HabitWeights) -> Floats:
    """Probability of each POI to be visited next. Shape: (queries, pois), rows of sum 1."""
    known, city = asked.known, asked.city
    kernels = hour_kernels(asked.hour, weights.hour_width)
    category_fit = category_hour_fit(city, kernels, weights.prior_visits)
    scores = (city.visits + UNVISITED) * np.take(category_fit, city.category, axis=1)  # rows stay side by side
    scores *= weights.near_km / (weights.near_km + asked.distance_km)
    scores[known.row, known.poi] = 0
    novelty = _novelty(asked, weights)
    elsewhere = scores.sum(axis=1, keepdims=True)
    scores *= novelty[:, None]
    scores /= np.where(elsewhere > 0, elsewhere, 1)
    usual = _usual(asked, weights) * _time_fit(asked, kernels, category_fit, weights)
    scores[known.row, known.poi] = (1 - novelty)[known.row] * usual / _sums(asked, usual)[known.row]
    scores /= scores.sum(axis=1, keepdims=True)
    return np.asarray(scores, dtype=np.float64)


def _sums(asked: Situations, values: NDArray[np.generic]) -> Floats:
    """Of the values of each query's known places. Shape: (queries,)."""
    return np.bincount(asked.known.row, values, minlength=len(asked.hour)).astype(np.float64)


def _novelty(asked: Situations, weights: HabitWeights) -> Floats:
    """Mass of the places never visited: all of it for a stranger, less the more the user returns. Shape: (queries,)."""
    places = np.bincount(asked.known.row, minlength=len(asked.hour))
    rate = (places + weights.prior_visits) / (_sums(asked, asked.known.visits) + weights.prior_visits)
    everywhere = places == len(asked.city.visits)
    return np.asarray(np.select([everywhere, places == 0], [0.0, 1.0], weights.novelty * rate))


def _usual(asked: Situations, weights: HabitWeights) -> Floats:
    """Frequency, recency and the usual next steps; sums to 1 for each query but for `repeat`. Shape: (places,)."""
    row, steps = asked.known.row, asked.steps
    # The power is capped, so that even a place abandoned long ago stays possible.
    usual = asked.known.visits * 0.5 ** np.minimum(asked.days_ago / weights.recency_half_life, 50)
    usual /= _sums(asked, usual)[row]
    taken = _sums(asked, steps)
    share = weights.transition * taken / (asked.departures + weights.prior_visits)
    usual = (1 - share)[row] * usual + share[row] * steps / np.maximum(taken, 1)[row]
    usual[asked.here] *= weights.repeat
    return np.asarray(usual)


def hour_kernels(hour: Floats, width: float) -> Floats:
    """Weights of the 24 hours of a histogram around times of day, across midnight; rows of sum 1, or NaN if unknown."""
    distance = np.abs(np.arange(24) + 0.5 - hour[:, None])
    kernels = np.exp(-0.5 * (np.minimum(distance, 24 - distance) / width) ** 2)
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def category_hour_fit(city: CityHabits, kernels: Floats, prior: float) -> Floats:
    """How much of a category's visits fall around the hour, smoothed with an even day. Shape: (queries, categories).

    1 where the hour is unknown.
    """
    if not city.tells_hours:
        return np.ones((len(kernels), len(city.categories)))
    fit = (around(city.category_hours, kernels) + prior / 24) / (city.category_hours.sum(axis=1) + prior)
    return np.where(np.isnan(kernels[:, :1]), 1.0, fit)


def around(hours: NDArray[np.generic], kernels: Floats) -> Floats:
    """Visits by hour, weighed by each kernel. Shape: (queries, histograms).

    Added up hour by hour: a matrix product would round differently in batches of another size.
    """
    found = np.zeros((len(kernels), len(hours)))
    for weights, visits in zip(kernels.T, np.ascontiguousarray(hours.T, dtype=np.float64), strict=True):
        found += weights[:, None] * visits
    return found


def _time_fit(asked: Situations, kernels: Floats, category_fit: Floats, weights: HabitWeights) -> Floats:
    """How much of a place's visits fall around the hour and on the weekday of the query. Shape: (places,).

    Hours are smoothed with those of the place's category; days with weekdays or the weekend as a whole.
    """
    known, city = asked.known, asked.city
    hour_fit = np.ones(len(known.poi))
    if city.tells_hours:
        at_hour = (known.hours * kernels[known.row]).sum(axis=1)
        usual = category_fit[known.row, city.category[known.poi]]
        hour_fit = (at_hour + weights.prior_visits * usual) / (known.visits + weights.prior_visits)
    day = asked.day[known.row]
    workdays, weekend = known.weekdays[:, :5].mean(axis=1), known.weekdays[:, 5:].mean(axis=1)
    prior = weights.weekday_prior
    rate = (np.where(day < 5, workdays, weekend) + prior / 7) / (known.visits + prior)
    day_fit = (known.weekdays[np.arange(len(day)), day] + prior * rate) / (known.visits + prior)
    return np.where(day == UNKNOWN_DAY, 1.0, hour_fit * day_fit)
