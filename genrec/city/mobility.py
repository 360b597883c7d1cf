"""What a person does: the hours of their check-ins, and the place of each.

Places follow exploration and preferential return (Song, Koren, Wang, Barabasi 2010, "Modelling the scaling
properties of human mobility", Nature Physics 6): with S places known, the next visit goes to a new place with
probability rho * S^-gamma, and otherwise back to a known one, with probability proportional to past visits.
Here the return is among the places known for the same activity, and a new place is drawn by attraction
(see persona.py) and by nearness to the last place.
"""

import numpy as np

from genrec.city.persona import SLOT_PULL, Persona, attraction, weekly_intensity
from genrec.city.week import ACTIVITY_INDEX, HOURS_PER_WEEK
from genrec.city.world import Floats, Ints, World

GAMMA = 0.21
# Shape of the gamma law of a day's weight: below 1, so that check-ins come in bursts with empty days between.
BURSTINESS = 0.8
DAILY_LIMIT = 12  # check-ins per user and day, on average, that a simulation may ask for
SECONDS_PER_HOUR = 3600


def simulate(persona: Persona, world: World, checkins: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """`checkins` visits of a persona between arrival and the last day: places, and seconds since the first day.

    No two fall into the same hour; times ascend.
    """
    week = weekly_intensity(persona)
    pull = SLOT_PULL * week.sum()
    hourly = week.sum(axis=1)
    for routine in persona.routines:
        hourly[24 * routine.weekday + routine.hour] += pull
    start = 24 * persona.arrived
    hours = np.arange(start, 24 * world.days)
    of_week = (hours + 24 * world.first_weekday) % HOURS_PER_WEEK
    bursts = np.repeat(rng.gamma(BURSTINESS, size=world.days - persona.arrived), 24) + 1e-3
    chosen = sample(hourly[of_week] * bursts, checkins, rng)
    activities = _activities(week, of_week[chosen], rng)
    fixed = _fixed_places(persona, of_week[chosen], activities, rng)
    places = _walk(persona, world, rng, day=hours[chosen] // 24, activity=activities, fixed=fixed)
    return places, hours[chosen] * SECONDS_PER_HOUR + rng.integers(0, SECONDS_PER_HOUR, checkins)


def sample(weights: Floats, count: int, rng: np.random.Generator) -> Ints:
    """`count` different indices in ascending order, weighted, by an exponential race (Efraimidis and Spirakis 2006)."""
    finish = rng.standard_exponential(len(weights)) / weights
    return np.sort(np.argpartition(finish, count - 1)[:count])


def _activities(week: Floats, of_week: Ints, rng: np.random.Generator) -> Ints:
    """One activity for each hour of the week in `of_week`."""
    cumulative = week.cumsum(axis=1)
    threshold = rng.random(len(of_week)) * cumulative[of_week, -1]
    activities: Ints = (cumulative[of_week] <= threshold[:, None]).sum(axis=1)
    return activities


def _fixed_places(persona: Persona, of_week: Ints, activities: Ints, rng: np.random.Generator) -> Ints:
    """The place of each check-in that leaves no choice (home, anchor, a routine that is kept), else -1.

    Where a routine is kept, its activity replaces the one in `activities`.
    """
    fixed = np.full(len(of_week), -1)
    fixed[activities == ACTIVITY_INDEX["home"]] = persona.home
    if persona.anchor is not None:
        fixed[np.isin(activities, [ACTIVITY_INDEX["work"], ACTIVITY_INDEX["study"]])] = persona.anchor
    mood = rng.random(len(of_week))
    for routine in persona.routines:
        kept = (of_week == 24 * routine.weekday + routine.hour) & (mood < routine.strength)
        fixed[kept] = routine.poi
        activities[kept] = routine.activity
    return fixed


def _walk(persona: Persona, world: World, rng: np.random.Generator, *, day: Ints, activity: Ints, fixed: Ints) -> Ints:
    """The place of each check-in: `fixed` where that is not -1, else by exploration and preferential return."""
    pull = attraction(persona, world)
    history: list[list[int]] = [[] for _ in world.places]
    known: set[int] = set()
    walked = []
    last = persona.home
    chance, pick = rng.random((2, len(day)))
    steps = zip(*(column.tolist() for column in (day, activity, fixed, chance, pick)), strict=True)
    for today, doing, given, luck, fraction in steps:
        place = given
        past = history[doing]
        if place < 0 and (not past or luck < persona.rho * len(known) ** -GAMMA):
            open_places = world.places[doing][: world.open_count[doing][today]]
            weights = pull[open_places] * world.proximity(open_places, last, persona.reach_km)
            place = _weighted(open_places, weights, fraction)
            past = past or open_places.tolist()
        if place < 0:  # a uniform draw of past visits draws a place in proportion to its visits
            place = past[int(fraction * len(past))]
        history[doing].append(place)
        walked.append(place)
        known.add(place)
        pull[place] = 0.0
        last = place
    return np.array(walked)


def _weighted(places: Ints, weights: Floats, pick: float) -> int:
    """The place where the cumulative weight passes the fraction `pick`; -1 if nothing has weight: all is known."""
    cumulative = weights.cumsum()
    total = cumulative[-1]
    return int(places[cumulative.searchsorted(pick * total, side="right")]) if total > 0 else -1
