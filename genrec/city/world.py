"""The places of the city: categories, districts, and POIs that open over time."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrec.city.week import ACTIVITIES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Category(NamedTuple):
    """A kind of place: its share of the POIs (relative) and the activities that it serves."""

    name: str
    share: float
    activities: tuple[str, ...]


EAT = ("lunch", "dinner")
CATEGORIES = (
    Category("Home (private)", 9, ("home",)),
    Category("Residential Building", 3, ("home",)),
    Category("Office", 7, ("work",)),
    Category("Coworking Space", 1.5, ("work",)),
    Category("Factory", 2, ("work",)),
    Category("Government Building", 1, ("work",)),
    Category("University", 2, ("study",)),
    Category("High School", 1, ("study",)),
    Category("Elementary School", 1, ("study",)),
    Category("Coffee Shop", 5, ("coffee",)),
    Category("Bakery", 2, ("coffee",)),
    Category("Fast Food Restaurant", 3, EAT),
    Category("Sandwich Place", 2, ("lunch",)),
    Category("Food Court", 1, ("lunch",)),
    Category("Pizza Place", 2, EAT),
    Category("Italian Restaurant", 2, EAT),
    Category("Chinese Restaurant", 2, EAT),
    Category("Japanese Restaurant", 1.5, EAT),
    Category("Indian Restaurant", 1.5, EAT),
    Category("Vegetarian Restaurant", 1, EAT),
    Category("Steakhouse", 1, ("dinner",)),
    Category("Supermarket", 3, ("groceries",)),
    Category("Discount Store", 2, ("groceries",)),
    Category("Gourmet Shop", 1, ("groceries",)),
    Category("Drugstore / Pharmacy", 2, ("groceries", "health")),
    Category("Mall", 1.5, ("shopping",)),
    Category("Clothing Store", 2, ("shopping",)),
    Category("Boutique", 1, ("shopping",)),
    Category("Thrift Store", 1, ("shopping",)),
    Category("Bookstore", 1, ("shopping",)),
    Category("Bar", 3.5, ("nightlife",)),
    Category("Pub", 2, ("nightlife",)),
    Category("Nightclub", 1, ("nightlife",)),
    Category("Gym", 3, ("sport",)),
    Category("Swimming Pool", 1, ("sport",)),
    Category("Golf Course", 0.5, ("sport",)),
    Category("Park", 3, ("outdoors",)),
    Category("Playground", 1.5, ("outdoors",)),
    Category("Scenic Lookout", 0.7, ("outdoors",)),
    Category("Museum", 1, ("culture",)),
    Category("Art Gallery", 1, ("culture",)),
    Category("Theater", 0.7, ("culture",)),
    Category("Movie Theater", 1, ("culture",)),
    Category("Library", 1, ("culture",)),
    Category("Church", 1.5, ("community",)),
    Category("Community Center", 1, ("community",)),
    Category("Medical Center", 1.5, ("health",)),
    Category("Hospital", 0.7, ("health",)),
    Category("Train Station", 1.5, ("travel",)),
    Category("Bus Station", 2, ("travel",)),
    Category("Gas Station", 1.5, ("travel",)),
)
CATEGORY_INDEX = {category.name: index for index, category in enumerate(CATEGORIES)}
# Where people live, work and study. These are open from the first day.
ANCHOR_ACTIVITIES = ("home", "work", "study")


class District(NamedTuple):
    """A centre of the city: position and spread in km, share of the POIs, socio-economic level (0, 1 or 2)."""

    name: str
    east: float
    north: float
    spread: float
    share: float
    level: int


DISTRICTS = (
    District("Old Town", 0.0, 0.0, 1.5, 1 / 1, 1),
    District("Harbour", 5.0, -3.5, 1.5, 1 / 2, 0),
    District("Hillcrest", -5.5, 5.0, 1.8, 1 / 3, 2),
    District("Riverside", -2.0, -7.5, 1.8, 1 / 4, 1),
    District("Millfield", 10.5, 3.5, 2.0, 1 / 5, 0),
    District("Lakeside", -12.0, -2.5, 2.0, 1 / 6, 2),
)

# Open ocean, so that no fictional place is taken for a real one. 15 degrees of longitude are one hour.
LATITUDE, LONGITUDE, UTC_OFFSET_HOURS = 40.0, -30.0, -2
KM_PER_DEGREE = 111.195
POPULARITY_EXPONENT = 0.8  # of the Zipf law of POI sizes within a category
OPENING_LATER = 0.2  # share of the POIs that open while the clock runs


@dataclass(frozen=True)
class World:
    """P places as columns of length P, and what is open on which of `days`, the first of which is `first_weekday`.

    `east` and `north` are km from the centre; `opened` is a day: 0 for a place that was there before.
    """

    days: int
    first_weekday: int
    category: Ints
    district: Ints
    east: Floats
    north: Floats
    popularity: Floats
    opened: Ints
    places: list[Ints]
    """For each activity, the places that serve it, in the order of their opening."""
    open_count: list[list[int]]
    """For each activity and day, how many of `places` are open."""

    def proximity(self, places: Ints | slice, origin: int, reach_km: float) -> Floats:
        """Gravity-like decay from place `origin`: 1 there, 1/4 at `reach_km`, inverse square of distance far off."""
        east, north = self.east[places] - self.east[origin], self.north[places] - self.north[origin]
        distance = np.sqrt(east * east + north * north)  # many times faster than hypot
        proximity: Floats = 1.0 / (1.0 + distance / reach_km) ** 2
        return proximity

    @property
    def latitude(self) -> Floats:
        """Degrees, rounded to about 10 cm."""
        return (LATITUDE + self.north / KM_PER_DEGREE).round(6)

    @property
    def longitude(self) -> Floats:
        """Degrees, rounded to about 10 cm."""
        return (LONGITUDE + self.east / (KM_PER_DEGREE * math.cos(math.radians(LATITUDE)))).round(6)


def build_world(pois: int, days: int, first_weekday: int, rng: np.random.Generator) -> World:
    """`pois` places, at least one of each category, whose openings spread over `days`."""
    share = np.array([category.share for category in CATEGORIES])
    kinds = np.arange(len(CATEGORIES))
    # The first place of each category comes first and is open from the start: nobody is left without a choice.
    category = np.concatenate([kinds, rng.choice(kinds, pois - len(kinds), p=share / share.sum())])
    size = np.array([district.share for district in DISTRICTS])
    district = rng.choice(len(DISTRICTS), pois, p=size / size.sum())
    east, north, spread = (np.array([row[column] for row in DISTRICTS], dtype=float)[district] for column in (1, 2, 3))
    is_anchor = np.array([c.activities[0] in ANCHOR_ACTIVITIES for c in CATEGORIES])[category]
    later = (rng.random(pois) < OPENING_LATER) & ~is_anchor
    later[: len(kinds)] = False
    opened = np.where(later, rng.integers(0, days, pois), 0)
    places = [_serving(activity, category, opened) for activity in ACTIVITIES]
    return World(
        days=days,
        first_weekday=first_weekday,
        category=category,
        district=district,
        east=east + spread * rng.standard_normal(pois),
        north=north + spread * rng.standard_normal(pois),
        popularity=_zipf_sizes(category, rng),
        opened=opened,
        places=places,
        open_count=[np.searchsorted(opened[p], np.arange(days), side="right").tolist() for p in places],
    )


def _serving(activity: str, category: Ints, opened: Ints) -> Ints:
    kinds = [index for index, kind in enumerate(CATEGORIES) if activity in kind.activities]
    places = np.flatnonzero(np.isin(category, kinds))
    return places[np.argsort(opened[places], kind="stable")]


def _zipf_sizes(category: Ints, rng: np.random.Generator) -> Floats:
    popularity = np.empty(len(category))
    for kind in range(len(CATEGORIES)):
        members = rng.permutation(np.flatnonzero(category == kind))
        popularity[members] = np.arange(1, len(members) + 1) ** -POPULARITY_EXPONENT
    return popularity
