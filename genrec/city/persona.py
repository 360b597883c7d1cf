"""Who lives in the city, and how who they are changes what they do.

Every effect that is built in, and no other:

| field                 | option             | effect                                                                |
|-----------------------|--------------------|-----------------------------------------------------------------------|
| age_group             | child              | at school; playgrounds; no nightlife; little coffee, travel, evening  |
|                       | adolescent         | at school; fast food, malls, cinema; no nightlife; fewer evenings     |
|                       | adult              | works, studies at the university, or neither                          |
|                       | older adult        | mostly retired; daytime; parks, health, church; less nightlife, sport |
| gender                | female, male       | none: a control, whatever seems to predict it is chance               |
| education             | some schooling     | works in factories; half the libraries, bookshops, museums, theatres  |
|                       | high school        | works in factories, less in offices                                   |
|                       | college and beyond | works in offices; twice the libraries, bookshops, museums, theatres   |
| socio_economic_status | lower              | discount and thrift stores, buses, fast food; poorer neighbourhoods   |
|                       | middle             | between the two                                                       |
|                       | upper              | gourmet shops, boutiques, golf, steakhouses; richer neighbourhoods    |
| openness              | high / low         | explores more / less (rho); culture and new cuisines up / down        |
| conscientiousness     | high / low         | more, stronger routines, regular hours / fewer, weaker, blurred       |
| extraversion          | high / low         | nightlife, dinners, evenings and check-ins up / down                  |
| agreeableness         | high / low         | church, community centres, playgrounds up / down                      |
| neuroticism           | high / low         | nearer to home and more at home / ranges widely, less at home         |

The factors are in the tables below. Around them, each user has private, log-normal tastes. Age decides the odds of
an occupation and of an education; students count as "college and beyond".
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from genrec.city.week import ACTIVITIES, ACTIVITY_INDEX, HOURS_PER_WEEK, base_week
from genrec.city.world import ANCHOR_ACTIVITIES, CATEGORIES, CATEGORY_INDEX, DISTRICTS, Floats, Ints, World

HIGH_OR_LOW = {"low": 0.5, "high": 0.5}
# The closed fields and how often each option is drawn; education depends on age and occupation (below).
FIELDS: dict[str, dict[str, float]] = {
    "age_group": {"child": 0.05, "adolescent": 0.1, "adult": 0.67, "older adult": 0.18},
    "gender": {"female": 0.5, "male": 0.5},
    "socio_economic_status": {"lower": 0.3, "middle": 0.45, "upper": 0.25},
    "openness": HIGH_OR_LOW,
    "conscientiousness": HIGH_OR_LOW,
    "extraversion": HIGH_OR_LOW,
    "agreeableness": HIGH_OR_LOW,
    "neuroticism": HIGH_OR_LOW,
}
OCCUPATION = {
    "child": {"pupil": 1.0},
    "adolescent": {"pupil": 1.0},
    "adult": {"worker": 0.74, "student": 0.18, "none": 0.08},
    "older adult": {"worker": 0.2, "none": 0.8},
}
EDUCATION = {
    "child": {"some schooling": 1.0},
    "adolescent": {"some schooling": 0.5, "high school": 0.5},
    "adult": {"some schooling": 0.15, "high school": 0.4, "college and beyond": 0.45},
    "older adult": {"some schooling": 0.25, "high school": 0.45, "college and beyond": 0.3},
}
WORKPLACE = {
    "some schooling": {"Factory": 0.9, "Government Building": 0.1},
    "high school": {"Factory": 0.5, "Office": 0.35, "Government Building": 0.15},
    "college and beyond": {"Office": 0.7, "Coworking Space": 0.2, "Government Building": 0.1},
}
SCHOOL = {"child": "Elementary School", "adolescent": "High School", "adult": "University"}

LEARNED = ("Library", "Bookstore", "Museum", "Theater")
# Factors on activities (lower case) and categories, per field and option.
TASTE_EFFECTS: dict[tuple[str, str], dict[str, float]] = {
    ("age_group", "child"): {"nightlife": 0, "coffee": 0.3, "travel": 0.3, "Playground": 6},
    ("age_group", "adolescent"): {"nightlife": 0, "Fast Food Restaurant": 3, "Mall": 3, "Movie Theater": 3},
    ("age_group", "older adult"): {"nightlife": 0.2, "sport": 0.5, "health": 4, "Park": 4, "Church": 3},
    ("education", "some schooling"): dict.fromkeys(LEARNED, 0.5),
    ("education", "college and beyond"): dict.fromkeys(LEARNED, 2.0),
    ("socio_economic_status", "lower"): {
        **{"Discount Store": 4, "Thrift Store": 4, "Bus Station": 3, "Fast Food Restaurant": 2},
        **{"Gourmet Shop": 0.1, "Boutique": 0.1, "Golf Course": 0.1, "Steakhouse": 0.3},
    },
    ("socio_economic_status", "upper"): {
        **{"Discount Store": 0.1, "Thrift Store": 0.1, "Bus Station": 0.3, "Fast Food Restaurant": 0.5},
        **{"Gourmet Shop": 6, "Boutique": 5, "Golf Course": 6, "Steakhouse": 3},
    },
    ("openness", "high"): {"culture": 1.8, "Indian Restaurant": 2.5, "Japanese Restaurant": 2.5},
    ("openness", "low"): {"culture": 0.5, "Indian Restaurant": 0.4, "Japanese Restaurant": 0.4},
    ("extraversion", "high"): {"nightlife": 2, "dinner": 1.4},
    ("extraversion", "low"): {"nightlife": 0.4, "dinner": 0.7},
    ("agreeableness", "high"): {"community": 2.5, "Playground": 2},
    ("agreeableness", "low"): {"community": 0.4, "Playground": 0.5},
    ("neuroticism", "high"): {"home": 1.4},
    ("neuroticism", "low"): {"home": 0.8},
}
EXPLORATION_EFFECT = {"high": 1.3, "low": 0.55}  # of openness on rho
ACTIVITY_EFFECT = {"high": 1.3, "low": 0.8}  # of extraversion on the number of check-ins
EVENING_EFFECT = {"high": 1.5, "low": 0.65}  # of extraversion on the hours from 18 to 2
EVENING_BY_AGE = {"child": 0.4, "adolescent": 0.8, "adult": 1.0, "older adult": 0.4}
REACH_KM = {"high": 1.0, "low": 4.0}  # by neuroticism
ROUTINE_STRENGTH = {"high": 0.85, "low": 0.5}  # by conscientiousness
ROUTINE_COUNT = {"high": (3, 6), "low": (1, 4)}  # by conscientiousness, from and up to
NEIGHBOURHOOD_ODDS = (1.0, 0.25, 0.06)  # of a home, by its distance in socio-economic level
FLAT_WEIGHT = {"Home (private)": 1.0, "Residential Building": 6.0}  # households at one address

RHO = 0.6  # Song et al. 2010, as GAMMA in mobility.py
ACTIVITY_SIGMA = 0.9  # of the log-normal number of check-ins per day
TASTE_SIGMA = 0.7  # of the log-normal private taste per category
ZEST_SIGMA = 0.8  # of the log-normal private inclination per activity
SLOT_PULL = 0.035  # how much of a week's check-ins one routine hour attracts
ARRIVING_LATER = 0.3  # share of users who arrive while the clock runs
ROUTINE_ACTIVITIES = ("coffee", "lunch", "groceries", "sport", "nightlife", "outdoors", "culture", "community")

BASE_WEEK = base_week()
# Share of each category among the places of each activity, shape (categories, activities).
SERVES = np.array([[c.share * (name in c.activities) for name in ACTIVITIES] for c in CATEGORIES])
SERVES /= SERVES.sum(axis=0)


@dataclass(frozen=True)
class Routine:
    """At this hour on this weekday (0 is Monday) the user goes to `poi`, for `activity`, with probability `strength`.

    The probability is that of the place, given that the user checks in at all in that hour.
    """

    weekday: int
    hour: int
    poi: int
    activity: int
    strength: float


@dataclass(frozen=True)
class Persona:
    """A user: the closed fields in `traits`, and what follows from them."""

    traits: dict[str, str]
    occupation: str
    arrived: int
    """Day of the first possible check-in."""
    home: int
    anchor: int | None
    """Place of work or study."""
    rho: float
    reach_km: float
    activity: float
    """Check-ins per day, relative to other users."""
    taste: Floats
    """Preference per category, relative."""
    zest: Floats
    """Inclination to check in per activity, relative, before the effects of the traits."""
    routines: tuple[Routine, ...]


def draw_persona(world: World, rng: np.random.Generator) -> Persona:
    """A user of `world`, who arrives on one of its days."""
    traits = {field: _draw(options, rng) for field, options in FIELDS.items()}
    age = traits["age_group"]
    occupation = _draw(OCCUPATION[age], rng)
    drawn = _draw(EDUCATION[age], rng)
    traits["education"] = "college and beyond" if occupation == "student" else drawn
    reach_km = REACH_KM[traits["neuroticism"]] * float(rng.lognormal(0, 0.2))
    home = _draw_home(traits["socio_economic_status"], world, rng)
    anchor = _draw_anchor(traits, occupation, home, world, rng)
    arrived = int(rng.integers(world.days)) if rng.random() < ARRIVING_LATER else 0
    activity = ACTIVITY_EFFECT[traits["extraversion"]] * float(rng.lognormal(0, ACTIVITY_SIGMA))
    taste = _effects(traits, CATEGORY_INDEX) * rng.lognormal(0, TASTE_SIGMA, len(CATEGORIES))
    zest = rng.lognormal(0, ZEST_SIGMA, len(ACTIVITIES))
    rho = min(1.0, RHO * EXPLORATION_EFFECT[traits["openness"]] * float(rng.lognormal(0, 0.1)))
    settled = Persona(traits, occupation, arrived, home, anchor, rho, reach_km, activity, taste, zest, ())
    return replace(settled, routines=_draw_routines(settled, world, rng))


def weekly_intensity(persona: Persona) -> Floats:
    """How much the persona does, per hour of the week and activity, shape (168, activities), routines aside."""
    rates = _effects(persona.traits, ACTIVITIES)
    liking = persona.taste @ SERVES
    is_anchored = np.isin(list(ACTIVITIES), ANCHOR_ACTIVITIES)
    rates *= persona.zest * np.where(is_anchored, 1.0, liking)
    rates[ACTIVITY_INDEX["work"]] *= persona.occupation == "worker"
    rates[ACTIVITY_INDEX["study"]] *= persona.occupation in ("student", "pupil")
    evening = EVENING_EFFECT[persona.traits["extraversion"]] * EVENING_BY_AGE[persona.traits["age_group"]]
    hour = np.arange(HOURS_PER_WEEK) % 24
    week: Floats = BASE_WEEK * rates * np.where((hour >= 18) | (hour < 2), evening, 1.0)[:, None]
    if persona.traits["conscientiousness"] == "low":
        week = np.mean([np.roll(week, shift, axis=0) for shift in (-2, -1, 0, 1, 2)], axis=0)
    return week


def attraction(persona: Persona, world: World) -> Floats:
    """Pull of each place on the persona, wherever they are: taste x popularity x nearness to home or anchor."""
    near = world.proximity(slice(None), persona.home, persona.reach_km)
    if persona.anchor is not None:
        near = np.maximum(near, world.proximity(slice(None), persona.anchor, persona.reach_km))
    pull: Floats = persona.taste[world.category] * world.popularity * near
    return pull


def favourite_categories(persona: Persona, count: int = 5) -> list[str]:
    """The categories that the persona visits most by choice, best first."""
    likes = SERVES * persona.taste[:, None]
    likes /= likes.sum(axis=0)
    likes[:, [ACTIVITY_INDEX[name] for name in ANCHOR_ACTIVITIES]] = 0
    expected = likes @ weekly_intensity(persona).sum(axis=0)
    return [CATEGORIES[index].name for index in np.argsort(-expected, kind="stable")[:count]]


def _draw(options: dict[str, float], rng: np.random.Generator) -> str:
    names = list(options)
    return names[int(rng.choice(len(names), p=list(options.values())))]


def _effects(traits: dict[str, str], names: Iterable[str]) -> Floats:
    """For each activity or category in `names`, the product of what the traits do to it."""
    effects = [TASTE_EFFECTS[trait] for trait in traits.items() if trait in TASTE_EFFECTS]
    return np.array([math.prod(effect.get(name, 1.0) for effect in effects) for name in names])


def _draw_home(status: str, world: World, rng: np.random.Generator) -> int:
    homes = world.places[ACTIVITY_INDEX["home"]]
    level = list(FIELDS["socio_economic_status"]).index(status)
    odds = np.array([NEIGHBOURHOOD_ODDS[abs(district.level - level)] for district in DISTRICTS])
    households = np.array([FLAT_WEIGHT.get(category.name, 0.0) for category in CATEGORIES])
    return _pick(homes, odds[world.district[homes]] * households[world.category[homes]], rng)


def _draw_anchor(
    traits: dict[str, str], occupation: str, home: int, world: World, rng: np.random.Generator
) -> int | None:
    if occupation == "none":
        return None
    kind = _draw(WORKPLACE[traits["education"]], rng) if occupation == "worker" else SCHOOL[traits["age_group"]]
    places = np.flatnonzero(world.category == CATEGORY_INDEX[kind])
    commute_km = 3.0
    return _pick(places, world.popularity[places] * world.proximity(places, home, commute_km), rng)


def _draw_routines(persona: Persona, world: World, rng: np.random.Generator) -> tuple[Routine, ...]:
    """A few routines, each on one to three days of the week at one hour, at a place that exists on arrival."""
    pull = attraction(persona, world)
    week = weekly_intensity(persona)
    routines: dict[tuple[int, int], Routine] = {}
    trait = persona.traits["conscientiousness"]
    columns = np.array([ACTIVITY_INDEX[name] for name in ROUTINE_ACTIVITIES])
    for _ in range(rng.integers(*ROUTINE_COUNT[trait])):
        activity = _pick(columns, week[:, columns].sum(axis=0), rng)
        by_day = week[:, activity].reshape(7, 24)
        hour = _pick(np.arange(24), by_day.sum(axis=0), rng)
        chances = by_day[:, hour] / by_day[:, hour].sum()
        weekdays = rng.choice(7, min(rng.integers(1, 4), np.count_nonzero(chances)), replace=False, p=chances)
        places = world.places[activity][: world.open_count[activity][persona.arrived]]
        poi = _pick(places, pull[places], rng)
        strength = float(np.clip(ROUTINE_STRENGTH[trait] + rng.normal(0, 0.07), 0, 1))
        for weekday in map(int, weekdays):
            routines.setdefault((weekday, hour), Routine(weekday, hour, poi, activity, strength))
    return tuple(routines[slot] for slot in sorted(routines))


def _pick(items: Ints, weights: Floats, rng: np.random.Generator) -> int:
    return int(rng.choice(items, p=weights / weights.sum()))
