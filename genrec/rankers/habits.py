"""The next place by habits alone: a baseline that any model has to beat, and the reasons behind it.

A mixture of two distributions. Known places: visits, discounted by the time since the last one, blended with
the steps usually taken from the place the user is at; times how well the hour and the weekday fit. New places:
popularity times how well the hour fits the category, over the distance. How much mass new places get follows
from how much the user has explored so far. The few weights are fitted (`genrec-eval fit-habits`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE
from genrec.geo import haversine_km
from genrec.habit_models import Habits, PlaceHabit
from genrec.habits import CityHabits
from genrec.phrases import days_phrase, hours_phrase
from genrec.rankers.habit_weights import HabitWeights, fitted_weights
from genrec.trajectories import Visit, since
from genrec.words import is_known

Floats = NDArray[np.float64]

# Added to every POI's visits, so that none is impossible.
UNVISITED = 0.5


DEFAULT_WEIGHTS = fitted_weights().weights


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


def reasons(
    habits: Habits,
    city: CityHabits,
    pois: pl.DataFrame,
    poi: int,
    *,
    at: datetime | None,
    prefix: Sequence[Visit] = (),
) -> list[str]:
    """Why habits speak for a place: short facts, each read off the evidence."""
    place = next((place for place in habits.places if place.poi == poi), None)
    here = poi in {visited for _, visited in prefix}
    facts = [f"visited {place.visits} of {habits.checkins} times"] if place else []
    if place and at:
        facts += _time_facts(place, at)
    facts += [
        f"follows {_named(pois, step.from_poi)} in {step.count} of {step.departures} cases"
        for step in habits.transitions
        if prefix and (step.from_poi, step.to_poi) == (prefix[-1][1], poi)
    ]
    if here:
        facts.append("visited earlier in this trajectory")
    elif place:
        facts.append(_last_visit(place.last_visit, at))
    else:
        facts += _newcomer_facts(habits, city, pois, poi, prefix)
    return facts


def _named(pois: pl.DataFrame, poi: int) -> str:
    """A place with its kind, if that is known."""
    category = pois[CATEGORY][poi]
    return f"POI {poi} ({category})" if is_known(category) else f"POI {poi}"


def _time_facts(place: PlaceHabit, at: datetime) -> list[str]:
    """How many of a place's visits were within an hour of the hour of `at`, and on its weekday."""
    around = [(at.hour + shift) % 24 for shift in (-1, 0, 1)]
    at_hours, on_day = sum(place.hours.get(hour, 0) for hour in around), place.weekdays.get(at.weekday(), 0)
    facts = []
    if at_hours:
        facts.append(f"{at_hours} of its visits {hours_phrase((around[0], around[-1]))}")
    if on_day:
        facts.append(f"{on_day} of its visits on {days_phrase((at.weekday(),))}")
    return facts


def _last_visit(last: datetime, at: datetime | None) -> str:
    if at is None or at < last:
        return f"last visit on {last:%Y-%m-%d}"
    days = (at - last).days
    return f"last visit {_many(days, 'day')} ago" if days else "last visit less than a day ago"


def _newcomer_facts(
    habits: Habits, city: CityHabits, pois: pl.DataFrame, poi: int, prefix: Sequence[Visit]
) -> list[str]:
    """What speaks for a place where the user has not been."""
    visits, people = int(city.visits[poi]), int(city.users[poi])
    popularity = (
        f"{_many(visits, 'visit')} by {_many(people, 'person', 'people')}" if visits else "no visits by anybody"
    )
    facts = ["never visited before", popularity]
    last = _last_poi(habits, prefix)
    if last is not None:
        facts.append(f"{_distances(pois, last)[poi]:.1f} km from the last visit")
    return facts


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"
