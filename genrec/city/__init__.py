"""A synthetic city whose truth is known: who its users are, what draws them where, which routines they keep.

So demonstrations and tests can compare what is read from check-ins with what caused them. world.py makes the
places, persona.py the users (with a table of every built-in effect), week.py their hours, mobility.py their
visits. Equal configurations give equal bytes, whatever the number of cores. Large cities follow the same laws, drawn
for many people together (large.py).
"""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from genrec import columns
from genrec.city.large import TIME_FORMAT, Crowd, Moves, write_checkins, write_truth
from genrec.city.mobility import DAILY_LIMIT, simulate
from genrec.city.persona import Persona, draw_persona, favourite_categories
from genrec.city.world import CATEGORIES, DISTRICTS, UTC_OFFSET_HOURS, Floats, Ints, World, build_world
from genrec.errors import GenRecError
from genrec.files import atomic_path

CHECKINS_PER_USER_DAY = 0.7  # without a target
LARGE = 2_000_000  # check-ins from which a city is drawn block by block
OPENED = "opened"
CHECKINS, TRUTH, PLACES = "checkins.csv", "truth_users.jsonl", "truth_pois.csv"  # files of a city


@dataclass(frozen=True)
class CityConfig:
    """The size of a city and its clock. Raises GenRecError for sizes that no city can have."""

    users: int = 100
    pois: int = 600
    days: int = 120
    checkins: int | None = None
    """Check-ins in total; by default 0.7 per user and day."""
    seed: int = 0
    start: datetime.date = datetime.date(2024, 1, 1)  # a Monday

    @property
    def target(self) -> int:
        """About how many check-ins there will be."""
        return self.checkins or round(CHECKINS_PER_USER_DAY * self.users * self.days)

    def __post_init__(self) -> None:
        """Check the sizes."""
        sizes = (
            ("users", self.users, 1),
            ("pois", self.pois, len(CATEGORIES)),
            ("days", self.days, 1),
            ("seed", self.seed, 0),
        )
        for field, value, least in sizes:
            if value < least:
                raise GenRecError(f"{field} must be at least {least}, not {value}.")
        if self.checkins is not None and self.checkins < self.users:
            raise GenRecError(
                f"{self.checkins} check-ins are too few for {self.users} users: give at least one to each."
            )


@dataclass(frozen=True)
class City:
    """What a simulation gives.

    `checkins`: canonical columns, sorted by time; times are datetimes. `pois`: one row per place, visited
    or not, with `opened` (a date; the start date if it was there before) and `popularity`.
    `users`: the truth, one row per user: `persona` (the closed fields), `occupation`, `arrived` (ISO date), number of
    `checkins`, POI ids of `home`, `work` and `study` (or null), `favourite_categories` (best first, of those visited
    by choice), `rho`, `reach_km`, and `routines` (weekday with 0 for Monday, hour, POI id, category, and strength: the
    probability of this place, given a check-in in that hour).
    """

    checkins: pl.DataFrame
    pois: pl.DataFrame
    users: pl.DataFrame

    def write(self, folder: Path) -> None:
        """Write checkins.csv, truth_pois.csv and truth_users.jsonl into `folder`, each atomically."""
        with atomic_path(folder / CHECKINS) as path:
            self.checkins.write_csv(path, datetime_format=TIME_FORMAT)
        with atomic_path(folder / PLACES) as path:
            self.pois.write_csv(path)
        with atomic_path(folder / TRUTH) as path:
            self.users.write_ndjson(path)


def build_city(config: CityConfig) -> City:
    """Simulate a city; raises GenRecError if its users do not have time for so many check-ins."""
    world_seed, *user_seeds = np.random.SeedSequence(config.seed).spawn(config.users + 1)
    world = build_world(config.pois, config.days, config.start.weekday(), np.random.default_rng(world_seed))
    pois = _poi_frame(world, config)
    catalogue = list(zip(pois[columns.POI_ID], pois[columns.CATEGORY], strict=True))
    generators = [np.random.default_rng(seed) for seed in user_seeds]
    personas = [draw_persona(world, rng) for rng in generators]
    arrived = np.array([persona.arrived for persona in personas])
    counts = _allocate(arrived, np.array([persona.activity for persona in personas]), config)
    visits = [
        simulate(persona, world, count, rng)
        for persona, count, rng in zip(personas, counts.tolist(), generators, strict=True)
    ]
    names = pl.Series(columns.USER, [f"u{user + 1:04d}" for user in range(config.users)])
    truth = [
        _truth(persona, count, catalogue, config) for persona, count in zip(personas, counts.tolist(), strict=True)
    ]
    users = pl.DataFrame(truth, infer_schema_length=None).insert_column(0, names)
    return City(_checkin_frame(names, counts, visits, pois, config), pois, users)


def write_city(config: CityConfig, folder: Path) -> int:
    """Write the files of a city into a folder, as `City.write`; a large one block by block. Returns its check-ins.

    Raises GenRecError as `build_city`.
    """
    if config.target < LARGE:
        city = build_city(config)
        city.write(folder)
        return len(city.checkins)
    return _write_large(config, folder)


def _write_large(config: CityConfig, folder: Path) -> int:
    world_seed, people_seed = np.random.SeedSequence(config.seed).spawn(2)
    world = build_world(config.pois, config.days, config.start.weekday(), np.random.default_rng(world_seed))
    pois = _poi_frame(world, config)
    crowd = Crowd(world, config.users, people_seed)
    counts = _allocate(crowd.arrived, crowd.activity, config)
    moves: list[Moves] = []
    with atomic_path(folder / TRUTH) as path, path.open("w", encoding="utf-8") as file:
        first = 0
        for people, routines, block in crowd.walks(counts):
            own = counts[first : first + len(people)]
            write_truth(file, people, routines, first=first, counts=own, pois=pois, start=config.start)
            moves.append(block)
            first += len(people)
    with atomic_path(folder / PLACES) as path:
        pois.write_csv(path)
    with atomic_path(folder / CHECKINS) as path, path.open("wb") as file:
        write_checkins(file, moves, pois, config.days, config.start)
    return int(counts.sum())


def _allocate(arrived: Ints, activity: Floats, config: CityConfig) -> Ints:
    """Check-ins of each user: at least one, at most DAILY_LIMIT a day, else in proportion to activity and stay."""
    stay = config.days - arrived
    desire = stay * activity
    target = config.target
    limit = stay * DAILY_LIMIT
    if target > limit.sum():
        raise GenRecError(
            f"{target} check-ins are too many: these users have time for {limit.sum()}. Ask for more users or days."
        )
    low, high = 0.0, float((limit / desire).max())
    for _ in range(60):  # bisection: the total grows with the scale
        scale = (low + high) / 2
        counts: Ints = np.clip(np.rint(scale * desire), 1, limit).astype(np.int64)
        low, high = (scale, high) if counts.sum() < target else (low, scale)
    return counts


def _poi_frame(world: World, config: CityConfig) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            columns.POI_ID: [f"p{poi + 1:05d}" for poi in range(config.pois)],
            columns.CATEGORY: [CATEGORIES[kind].name for kind in world.category],
            columns.CATEGORY_ID: [f"c{kind + 1:02d}" for kind in world.category],
            columns.LATITUDE: world.latitude,
            columns.LONGITUDE: world.longitude,
            "district": [DISTRICTS[index].name for index in world.district],
            OPENED: [config.start + datetime.timedelta(days=day) for day in world.opened.tolist()],
            "popularity": world.popularity.round(6),
        }
    )
    number = pl.int_range(1, pl.len() + 1).over("district", columns.CATEGORY)
    return frame.with_columns(pl.format("{} {} {}", "district", columns.CATEGORY, number).alias(columns.NAME))


def _checkin_frame(
    names: pl.Series, counts: Ints, visits: list[tuple[Ints, Ints]], pois: pl.DataFrame, config: CityConfig
) -> pl.DataFrame:
    places, seconds = (np.concatenate(column) for column in zip(*visits, strict=True))
    users = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((users, seconds))
    start = datetime.datetime.combine(config.start, datetime.time())
    time = start + pl.Series(columns.TIME, seconds[order] * 1000).cast(pl.Duration("ms"))
    frame: pl.DataFrame = pois[places[order]].select(
        names[users[order]].alias(columns.USER),
        columns.POI_ID,
        time,
        (time - datetime.timedelta(hours=UTC_OFFSET_HOURS)).alias(columns.UTC),
        *(columns.CATEGORY, columns.CATEGORY_ID, columns.LATITUDE, columns.LONGITUDE, columns.NAME),
    )
    return frame


def _truth(persona: Persona, checkins: int, catalogue: list[tuple[str, str]], config: CityConfig) -> dict[str, Any]:
    """One user's row of the truth: closed fields, anchors, tastes, parameters, routines."""
    anchor = None if persona.anchor is None else catalogue[persona.anchor][0]
    works = persona.occupation == "worker"
    return {
        "persona": persona.traits,
        "occupation": persona.occupation,
        "arrived": (config.start + datetime.timedelta(days=persona.arrived)).isoformat(),
        "checkins": checkins,
        "home": catalogue[persona.home][0],
        "work": anchor if works else None,
        "study": None if works else anchor,
        "favourite_categories": favourite_categories(persona),
        "rho": round(persona.rho, 4),
        "reach_km": round(persona.reach_km, 3),
        "routines": [
            {
                "weekday": routine.weekday,
                "hour": routine.hour,
                columns.POI_ID: catalogue[routine.poi][0],
                columns.CATEGORY: catalogue[routine.poi][1],
                "strength": round(routine.strength, 3),
            }
            for routine in persona.routines
        ],
    }
