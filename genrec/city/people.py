"""Many personas at once, as columns: the laws of persona.py, drawn for thousands of people together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genrec.city import persona as one
from genrec.city.cells import Cells, Singles, pick
from genrec.city.week import ACTIVITIES, ACTIVITY_INDEX, HOURS_PER_WEEK
from genrec.city.world import ANCHOR_ACTIVITIES, CATEGORIES, CATEGORY_INDEX, DISTRICTS, Floats, Ints, World

OCCUPATIONS = ("pupil", "worker", "student", "none")
PUPIL, WORKER, STUDENT, IDLE = range(len(OCCUPATIONS))
LEVELS = ("some schooling", "high school", "college and beyond")
OPTIONS = {field: tuple(options) for field, options in one.FIELDS.items()} | {"education": LEVELS}
SERVES = (one.SERVES > 0).astype(np.float32)
FREE = np.array([name not in ANCHOR_ACTIVITIES for name in ACTIVITIES])
COMMUTE_KM = 3.0


@dataclass(frozen=True)
class People:
    """Columns of a number of people; see `genrec.city.persona.Persona`.

    `traits`: for each field the index of the option in `OPTIONS`. `occupation`: index in OCCUPATIONS. `anchor` is -1
    for who neither works nor studies. `taste`: (people, categories). `zest`: (people, activities).
    """

    traits: dict[str, Ints]
    occupation: Ints
    arrived: Ints
    home: Ints
    anchor: Ints
    rho: Floats
    reach_km: Floats
    activity: Floats
    taste: Singles
    zest: Singles

    def __len__(self) -> int:
        """How many there are."""
        return len(self.home)

    def factor(self, field: str, factors: Mapping[str, float]) -> Floats:
        """A number for each person by their option of a field."""
        return np.array([factors[option] for option in OPTIONS[field]])[self.traits[field]]

    @cached_property
    def week(self) -> Singles:
        """As `weekly_intensity`. Shape: (people, hours of the week, activities)."""
        rates = _effects(self.traits, tuple(ACTIVITIES)) * self.zest
        liking = self.taste @ one.SERVES.astype(np.float32)
        rates = rates * np.where(FREE, liking, 1.0)
        rates[:, ACTIVITY_INDEX["work"]] *= self.occupation == WORKER
        rates[:, ACTIVITY_INDEX["study"]] *= (self.occupation == STUDENT) | (self.occupation == PUPIL)
        evening = self.factor("extraversion", one.EVENING_EFFECT) * self.factor("age_group", one.EVENING_BY_AGE)
        hour = np.arange(HOURS_PER_WEEK) % 24
        hours = np.where((hour >= 18) | (hour < 2), evening[:, None], 1.0).astype(np.float32)
        week: Singles = one.BASE_WEEK.astype(np.float32) * rates.astype(np.float32)[:, None] * hours[..., None]
        blurred = self.traits["conscientiousness"] == OPTIONS["conscientiousness"].index("low")
        loose = week[blurred]
        week[blurred] = np.float32(0.2) * sum(np.roll(loose, shift, axis=1) for shift in (-2, -1, 0, 1, 2))
        return week

    def favourites(self, count: int = 5) -> Ints:
        """As `favourite_categories`: indices of categories. Shape: (people, count)."""
        liking = self.taste @ one.SERVES.astype(np.float32)
        by_choice = np.where(FREE, self.week.sum(axis=1) / np.maximum(liking, 1e-30), 0)
        expected = self.taste * (by_choice @ one.SERVES.T)
        return np.argsort(-expected, axis=1, kind="stable")[:, :count]


def draw_people(cells: Cells, count: int, rng: np.random.Generator) -> People:
    """`count` users of a world, who arrive on its days."""
    world = cells.world
    traits = {field: _options(options, count, rng) for field, options in one.FIELDS.items()}
    age = [OPTIONS["age_group"][index] for index in range(len(OPTIONS["age_group"]))]
    occupation = _by(traits["age_group"], [one.OCCUPATION[name] for name in age], OCCUPATIONS, rng)
    drawn = _by(traits["age_group"], [one.EDUCATION[name] for name in age], LEVELS, rng)
    traits["education"] = np.where(occupation == STUDENT, LEVELS.index("college and beyond"), drawn)
    people = People(
        traits=traits,
        occupation=occupation,
        arrived=np.where(rng.random(count) < one.ARRIVING_LATER, rng.integers(0, world.days, count), 0),
        home=_homes(traits["socio_economic_status"], world, rng),
        anchor=np.full(count, -1),
        rho=rng.lognormal(0, 0.1, count),
        reach_km=rng.lognormal(0, 0.2, count),
        activity=rng.lognormal(0, one.ACTIVITY_SIGMA, count),
        taste=_lognormal(one.TASTE_SIGMA, (count, len(CATEGORIES)), rng),
        zest=_lognormal(one.ZEST_SIGMA, (count, len(ACTIVITIES)), rng),
    )
    people.rho[:] = np.minimum(1.0, one.RHO * people.factor("openness", one.EXPLORATION_EFFECT) * people.rho)
    people.reach_km[:] *= people.factor("neuroticism", one.REACH_KM)
    people.activity[:] *= people.factor("extraversion", one.ACTIVITY_EFFECT)
    people.taste[:] *= _effects(traits, tuple(CATEGORY_INDEX))
    people.anchor[:] = _anchors(people, cells, rng)
    return people


def _lognormal(sigma: float, shape: tuple[int, int], rng: np.random.Generator) -> Singles:
    drawn: Singles = np.exp(np.float32(sigma) * rng.standard_normal(shape, dtype=np.float32))
    return drawn


def _options(options: Mapping[str, float], count: int, rng: np.random.Generator) -> Ints:
    cumulative = np.cumsum(list(options.values()))
    return np.minimum(np.searchsorted(cumulative, rng.random(count), side="right"), len(options) - 1)


def _by(group: Ints, odds: list[dict[str, float]], names: tuple[str, ...], rng: np.random.Generator) -> Ints:
    """The index in `names` of what each person draws by the odds of their group."""
    weights = np.array([[each.get(name, 0.0) for name in names] for each in odds])
    return pick(weights[group], rng.random(len(group)))


def _effects(traits: Mapping[str, Ints], names: tuple[str, ...]) -> Singles:
    """For each person and activity or category, the product of what their traits do to it. Shape: (people, names)."""
    effects = np.ones((len(traits["gender"]), len(names)), dtype=np.float32)
    for field, options in OPTIONS.items():
        table = np.array(
            [[one.TASTE_EFFECTS.get((field, option), {}).get(name, 1.0) for name in names] for option in options],
            dtype=np.float32,
        )
        if (table != 1).any():
            effects *= table[traits[field]]
    return effects


def _homes(status: Ints, world: World, rng: np.random.Generator) -> Ints:
    homes = world.places[ACTIVITY_INDEX["home"]]
    households = np.array([one.FLAT_WEIGHT.get(category.name, 0.0) for category in CATEGORIES])[world.category[homes]]
    drawn = np.empty(len(status), dtype=np.int64)
    for level in range(len(OPTIONS["socio_economic_status"])):
        odds = np.array([one.NEIGHBOURHOOD_ODDS[abs(district.level - level)] for district in DISTRICTS])
        until = np.cumsum(odds[world.district[homes]] * households)
        who = np.flatnonzero(status == level)
        threshold = rng.random(len(who)) * until[-1] * (1 - 1e-9)
        drawn[who] = homes[np.searchsorted(until, threshold, side="right")]
    return drawn


def _anchors(people: People, cells: Cells, rng: np.random.Generator) -> Ints:
    """Where each person works or studies; -1 for who does neither."""
    kinds = tuple(CATEGORY_INDEX)
    work = _by(people.traits["education"], [one.WORKPLACE[level] for level in LEVELS], kinds, rng)
    ages = OPTIONS["age_group"]
    school = np.array([CATEGORY_INDEX[one.SCHOOL.get(age, one.SCHOOL["adult"])] for age in ages])
    kind = np.where(people.occupation == WORKER, work, school[people.traits["age_group"]])
    who = np.flatnonzero(people.occupation != IDLE)
    taste = np.zeros((len(who), len(kinds)), dtype=np.float32)
    taste[np.arange(len(who)), kind[who]] = 1
    anchor = np.full(len(people), -1)
    anchor[who] = cells.draw(taste, cells.proximity(people.home[who], COMMUTE_KM), rng)
    return anchor


@dataclass(frozen=True)
class Block:
    """Some people and their city."""

    people: People
    cells: Cells

    @cached_property
    def near(self) -> Singles:
        """How near each cell is to the home or the anchor of each person. Shape: (people, cells)."""
        people, cells = self.people, self.cells
        near = cells.proximity(people.home, people.reach_km)
        busy = np.flatnonzero(people.anchor >= 0)
        near[busy] = np.maximum(near[busy], cells.proximity(people.anchor[busy], people.reach_km[busy]))
        return near


@dataclass(frozen=True)
class Routines:
    """Routines of a number of people, one a row: whose, when, where, what for, and how firmly; see `Routine`."""

    person: Ints
    slot: Ints  # hour of the week
    poi: Ints
    activity: Ints
    strength: Floats


def draw_routines(block: Block, rng: np.random.Generator) -> Routines:
    """As persona.py draws them: a few a person, each on one to three days of the week at one hour."""
    people = block.people
    trait = "conscientiousness"
    span = np.array([one.ROUTINE_COUNT[option] for option in OPTIONS[trait]])[people.traits[trait]]
    count = rng.integers(span[:, 0], span[:, 1])
    person = np.repeat(np.arange(len(people)), count)
    columns = np.array([ACTIVITY_INDEX[name] for name in one.ROUTINE_ACTIVITIES])
    activity = columns[pick(people.week.sum(axis=1)[:, columns][person], rng.random(len(person)))]
    days = people.week[person, :, activity].reshape(-1, 7, 24)
    hour = pick(days.sum(axis=1), rng.random(len(person)))
    chances = np.take_along_axis(days, hour[:, None, None], axis=2)[..., 0]
    wanted = np.minimum(rng.integers(1, 4, len(person)), np.count_nonzero(chances, axis=1))
    with np.errstate(divide="ignore"):
        finish = rng.standard_exponential(chances.shape) / chances
    chosen = np.argsort(np.argsort(finish, axis=1), axis=1) < wanted[:, None]
    poi = _routine_places(block, person, activity, rng)
    strength = people.factor(trait, one.ROUTINE_STRENGTH)[person] + rng.normal(0, 0.07, len(person))
    row, weekday = np.nonzero(chosen)
    key = person[row] * HOURS_PER_WEEK + weekday * 24 + hour[row]
    key, first = np.unique(key, return_index=True)  # of two routines at one hour, the one drawn first stays
    row = row[first]
    return Routines(person[row], key % HOURS_PER_WEEK, poi[row], activity[row], np.clip(strength[row], 0, 1))


def _routine_places(block: Block, person: Ints, activity: Ints, rng: np.random.Generator) -> Ints:
    """A place for each routine that is open when its person arrives."""
    people, world = block.people, block.cells.world
    poi = np.full(len(person), -1)
    for _ in range(8):
        missing = np.flatnonzero(poi < 0)
        who = person[missing]
        drawn = block.cells.draw(people.taste[who] * SERVES.T[activity[missing]], block.near[who], rng)
        is_open = world.opened[drawn] <= people.arrived[who]
        poi[missing[is_open]] = drawn[is_open]
    for row in np.flatnonzero(poi < 0).tolist():
        doing = int(activity[row])
        poi[row] = world.places[doing][rng.integers(world.open_count[doing][people.arrived[person[row]]])]
    return poi


def hours_of(people: People, routines: Routines) -> Floats:
    """How much each person does in each hour of the week, with their routines. Shape: (people, hours)."""
    hourly: Floats = people.week.sum(axis=2, dtype=np.float64)
    pull = one.SLOT_PULL * hourly.sum(axis=1)
    hourly[routines.person, routines.slot] += pull[routines.person]
    return hourly
