"""The counting rankers one query at a time, as plainly as they can be said: what the batched ones must equal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import LATITUDE, LONGITUDE
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.habit_models import Habits
from genrec.habits import CityHabits
from genrec.rankers.habit_weights import HabitWeights
from genrec.rankers.habits import DEFAULT_WEIGHTS, UNVISITED
from genrec.rankers.ranker import Floats, Query
from genrec.trajectories import GAP_HOURS, Visit, since

BACK_OFF = 1.0


@dataclass(frozen=True)
class _Known:
    """The places that the user has been to: before `as_of`, or since then in the current trajectory."""

    poi: NDArray[np.intp]  # (places,)
    visits: Floats  # (places,)
    hours: Floats  # (places, 24)
    weekdays: Floats  # (places, 7)
    days_ago: Floats  # (places,) since the last visit


@dataclass(frozen=True)
class Situation:
    """All that the ranking of one moment depends on but the weights, so that a fit computes it once."""

    at: datetime | None
    city: CityHabits
    known: _Known
    new: NDArray[np.bool_]  # (pois,)
    steps: Floats | None  # (places,) usual next steps to the known places; None if there are none
    departures: int  # that the steps were counted over
    here: NDArray[np.bool_]  # (places,) where the user is at
    distance_km: Floats | None  # (pois,) from where the user was last seen


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
    return weigh(situation(habits, city, pois, at=at, prefix=prefix), weights)


def situation(
    habits: Habits, city: CityHabits, pois: pl.DataFrame, *, at: datetime | None, prefix: Sequence[Visit] = ()
) -> Situation:
    """What `weigh` needs to rank; arguments as of `rank_habits`."""
    known = _known(habits, prefix, at, tells_hours=city.tells_hours)
    new = np.ones(len(pois), dtype=bool)
    new[known.poi] = False
    here = prefix[-1][1] if prefix else None
    steps = {step.to_poi: step for step in habits.transitions if step.from_poi == here}
    last = _last_poi(habits, prefix)
    return Situation(
        at=at,
        city=city,
        known=known,
        new=new,
        steps=np.array([steps[poi].count if poi in steps else 0.0 for poi in known.poi.tolist()]) if steps else None,
        departures=next(iter(steps.values())).departures if steps else 0,
        here=known.poi == (-1 if here is None else here),
        distance_km=None if last is None else _distances(pois, last),
    )


def weigh(situation: Situation, weights: HabitWeights) -> Floats:
    """Probability of each POI to be visited next. Shape: (pois,), sum 1."""
    known, city = situation.known, situation.city
    category_fit = _category_hour_fit(city, situation.at, weights)[city.category]
    novelty = _novelty(known, weights) if situation.new.any() else 0.0
    scores = np.zeros(len(situation.new))
    if novelty < 1:
        usual = _usual(situation, weights) * _time_fit(situation, category_fit, weights)
        scores[known.poi] = (1 - novelty) * usual / usual.sum()
    if novelty:
        elsewhere = ((city.visits + UNVISITED) * category_fit * _nearness(situation, weights))[situation.new]
        scores[situation.new] = novelty * elsewhere / elsewhere.sum()
    scores /= scores.sum()
    return scores


def _last_poi(habits: Habits, prefix: Sequence[Visit]) -> int | None:
    """Where the user was last seen."""
    if prefix:
        return prefix[-1][1]
    return habits.recent[-1].poi if habits.recent else None


def _known(habits: Habits, prefix: Sequence[Visit], at: datetime | None, *, tells_hours: bool) -> _Known:
    recent = since(prefix, habits.as_of)  # the habits count the earlier ones
    rows = {poi: row for row, poi in enumerate(dict.fromkeys([p.poi for p in habits.places] + [p for _, p in recent]))}
    visits, hours, weekdays = np.zeros(len(rows)), np.zeros((len(rows), 24)), np.zeros((len(rows), 7))
    last = dict.fromkeys(rows, habits.as_of)
    for row, place in enumerate(habits.places):
        visits[row] = place.visits
        hours[row, list(place.hours)] = list(place.hours.values())
        weekdays[row, list(place.weekdays)] = list(place.weekdays.values())
        last[place.poi] = place.last_visit
    for time, poi in recent:
        visits[rows[poi]] += 1
        hours[rows[poi], time.hour] += tells_hours
        weekdays[rows[poi], time.weekday()] += 1
        last[poi] = time
    now = at or max([habits.as_of, *(time for time, _ in prefix)])
    days_ago = np.array([max((now - time).total_seconds(), 0.0) / 86_400 for time in last.values()])
    return _Known(np.array(list(rows), dtype=np.intp), visits, hours, weekdays, days_ago)


def _novelty(known: _Known, weights: HabitWeights) -> float:
    """Mass of the places never visited: all of it for a stranger, less the more the user returns."""
    if not len(known.poi):
        return 1.0
    rate = (len(known.poi) + weights.prior_visits) / (known.visits.sum() + weights.prior_visits)
    return weights.novelty * float(rate)


def _usual(situation: Situation, weights: HabitWeights) -> Floats:
    """Frequency, recency and the usual next steps; sums to 1 but for `repeat`. Shape: (places,)."""
    known, steps = situation.known, situation.steps
    # The power is capped, so that even a place abandoned long ago stays possible.
    usual = known.visits * 0.5 ** np.minimum(known.days_ago / weights.recency_half_life, 50)
    usual /= usual.sum()
    if steps is not None:
        share = weights.transition * steps.sum() / (situation.departures + weights.prior_visits)
        usual = (1 - share) * usual + share * steps / steps.sum()
    usual[situation.here] *= weights.repeat
    return usual


def _hour_kernel(at: datetime, width: float) -> Floats:
    """Weights of the 24 hours of a histogram around a time of day, across midnight; they sum to 1."""
    distance = np.abs(np.arange(24) + 0.5 - (at.hour + at.minute / 60))
    kernel = np.exp(-0.5 * (np.minimum(distance, 24 - distance) / width) ** 2)
    return np.asarray(kernel / kernel.sum())


def _category_hour_fit(city: CityHabits, at: datetime | None, weights: HabitWeights) -> Floats:
    """How much of a category's visits fall around `at`, smoothed with an even day. Shape: (categories,)."""
    if at is None or not city.tells_hours:
        return np.ones(len(city.categories))
    around = city.category_hours @ _hour_kernel(at, weights.hour_width)
    return np.asarray((around + weights.prior_visits / 24) / (city.category_hours.sum(axis=1) + weights.prior_visits))


def _time_fit(situation: Situation, category_fit: Floats, weights: HabitWeights) -> Floats:
    """How much of a place's visits fall around the hour and on the weekday of `at`. Shape: (places,).

    Hours are smoothed with those of the place's category; days with weekdays or the weekend as a whole.
    """
    known, at = situation.known, situation.at
    if at is None:
        return np.ones(len(known.poi))
    hour_fit = np.ones(len(known.poi))
    if situation.city.tells_hours:
        around = known.hours @ _hour_kernel(at, weights.hour_width)
        hour_fit = (around + weights.prior_visits * category_fit[known.poi]) / (known.visits + weights.prior_visits)
    day = at.weekday()
    alike = [0, 1, 2, 3, 4] if day < 5 else [5, 6]
    prior = weights.weekday_prior
    rate = (known.weekdays[:, alike].mean(axis=1) + prior / 7) / (known.visits + prior)
    day_fit = (known.weekdays[:, day] + prior * rate) / (known.visits + prior)
    return np.asarray(hour_fit * day_fit)


def _nearness(situation: Situation, weights: HabitWeights) -> Floats | float:
    """Falls with the distance from where the user was last seen: 1 there, a half at `near_km`. Shape: (pois,)."""
    if situation.distance_km is None:
        return 1.0
    return weights.near_km / (weights.near_km + situation.distance_km)


def _distances(pois: pl.DataFrame, origin: int) -> Floats:
    """Kilometres from one POI to all. Shape: (pois,)."""
    latitudes, longitudes = pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy()
    return haversine_km(latitudes[origin], longitudes[origin], latitudes, longitudes)


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


REFERENCE: dict[str, Callable[[Evidence, Query], Floats]] = {
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
