"""Large cities: the laws of the small ones, drawn for thousands of people together, and written block by block.

Of all people only the check-ins are held at once, 12 bytes each.
"""

import datetime
import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec import columns
from genrec.city.cells import Cells
from genrec.city.people import OCCUPATIONS, OPTIONS, WORKER, Block, People, Routines, draw_people, draw_routines
from genrec.city.walks import simulate_all
from genrec.city.world import CATEGORIES, UTC_OFFSET_HOURS, Ints, World

BLOCK = 16_384  # people drawn together
SECONDS_PER_DAY = 86_400
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

Moves = tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32]]  # user, place, seconds since the first day


class Crowd:
    """All people of a large city; when they arrive and how active they are is known before anybody walks."""

    def __init__(self, world: World, users: int, seeds: np.random.SeedSequence) -> None:
        self._cells = Cells(world)
        self._starts = range(0, users, BLOCK)
        self._sizes = [min(BLOCK, users - start) for start in self._starts]
        self._seeds = seeds.spawn(2 * len(self._sizes))
        blocks = [(people.arrived, people.activity) for people in map(self._people, range(len(self._sizes)))]
        self.arrived, self.activity = (np.concatenate(column) for column in zip(*blocks, strict=True))

    def walks(self, counts: Ints) -> Iterator[tuple[People, Routines, Moves]]:
        """Each block of people, with as many check-ins of each as `counts` says, by time."""
        for block, start in enumerate(self._starts):
            rng = np.random.default_rng(self._seeds[2 * block + 1])
            town = Block(self._people(block), self._cells)
            people = town.people
            routines = draw_routines(town, rng)
            person, place, seconds = simulate_all(town, routines, counts[start : start + len(people)], rng)
            order = np.argsort(seconds, kind="stable")
            moves = (
                (person[order] + start).astype(np.uint32),
                place[order].astype(np.uint32),
                seconds[order].astype(np.int32),
            )
            yield people, routines, moves

    def _people(self, block: int) -> People:
        rng = np.random.default_rng(self._seeds[2 * block])
        return draw_people(self._cells, self._sizes[block], rng)


def write_truth(
    file: IO[str],
    people: People,
    routines: Routines,
    *,
    first: int,
    counts: Ints,
    pois: pl.DataFrame,
    start: datetime.date,
) -> None:
    """A line for each person, as `genrec.city.City.users` has them; `first` is the number of the first person."""
    ids, kinds = pois[columns.POI_ID].to_list(), pois[columns.CATEGORY].to_list()
    favourites = people.favourites().tolist()
    bounds = np.searchsorted(routines.person, np.arange(len(people) + 1)).tolist()
    kept = [
        {
            "weekday": slot // 24,
            "hour": slot % 24,
            columns.POI_ID: ids[poi],
            columns.CATEGORY: kinds[poi],
            "strength": round(strength, 3),
        }
        for slot, poi, strength in zip(
            routines.slot.tolist(), routines.poi.tolist(), routines.strength.tolist(), strict=True
        )
    ]
    for row in range(len(people)):
        anchor = int(people.anchor[row])
        occupation = int(people.occupation[row])
        truth: dict[str, Any] = {
            columns.USER: f"u{first + row + 1:04d}",
            "persona": {field: OPTIONS[field][people.traits[field][row]] for field in people.traits},
            "occupation": OCCUPATIONS[occupation],
            "arrived": (start + datetime.timedelta(days=int(people.arrived[row]))).isoformat(),
            "checkins": int(counts[row]),
            "home": ids[people.home[row]],
            "work": ids[anchor] if occupation == WORKER else None,
            "study": None if anchor < 0 or occupation == WORKER else ids[anchor],
            "favourite_categories": [CATEGORIES[kind].name for kind in favourites[row]],
            "rho": round(float(people.rho[row]), 4),
            "reach_km": round(float(people.reach_km[row]), 3),
            "routines": kept[bounds[row] : bounds[row + 1]],
        }
        file.write(json.dumps(truth, separators=(",", ":")) + "\n")


def write_checkins(file: IO[bytes], moves: list[Moves], pois: pl.DataFrame, days: int, start: datetime.date) -> None:
    """The check-ins of all blocks by time, a day at a time, as CSV."""
    described = pois.select(
        columns.POI_ID, columns.CATEGORY, columns.CATEGORY_ID, columns.LATITUDE, columns.LONGITUDE, columns.NAME
    )
    bounds = [np.searchsorted(seconds, np.arange(days + 1) * SECONDS_PER_DAY) for _, _, seconds in moves]
    midnight = datetime.datetime.combine(start, datetime.time())
    for day in range(days):
        parts = [
            [column[ends[day] : ends[day + 1]] for column in block] for block, ends in zip(moves, bounds, strict=True)
        ]
        users, places, seconds = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((users, seconds))
        time = midnight + pl.Series(columns.TIME, seconds[order].astype(np.int64) * 1000).cast(pl.Duration("ms"))
        names = pl.Series(columns.USER, users[order] + 1).cast(pl.String).str.zfill(4)
        frame = described[places[order]].select(
            ("u" + names).alias(columns.USER), columns.POI_ID, time,
            (time - datetime.timedelta(hours=UTC_OFFSET_HOURS)).alias(columns.UTC),
            columns.CATEGORY, columns.CATEGORY_ID, columns.LATITUDE, columns.LONGITUDE, columns.NAME,
        )  # fmt: skip
        frame.write_csv(file, datetime_format=TIME_FORMAT, include_header=day == 0)
