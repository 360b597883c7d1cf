"""The stages of the experiment on updates: whose check-ins are learned when, and whose visits are asked about.

Months are stages. Some people, drawn anew for each seed, are never learned from: how well their visits of a month are
ranked says what is known of that month, before and after it was learned.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.columns import CATEGORY, POI, TIME, USER
from genrec.errors import GenRecError
from genrec.prepared import prepare
from genrec.reading.reader import read_checkins
from genrec.trajectories import Example, training

STAGES = 2  # updates, one after the other
LEAST_ROWS = 400  # of a stage; months with fewer are joined to the next
WEEK = timedelta(days=7)
HELD_OUT = 0.2  # of the people
CITY = CityConfig(users=60, pois=600, days=244, seed=7700)
FIXED = ("Home (private)", "Residential Building", "Office", "Factory", "University", "High School", "Hospital")
SHIFTED = 12  # kinds of places, the most visited ones, that change roles


@dataclass(frozen=True)
class Stages:
    """The check-ins of a city, and where the periods end.

    Attributes:
        checkins: all of them.
        begins: of the last month of the first training, of each stage, and of the month after them; and the end.
        names: of these periods.

    """

    checkins: Checkins
    begins: tuple[datetime, ...]
    names: tuple[str, ...]

    def rows_before(self, stage: int) -> int:
        """How many check-ins there are at the end of a stage; 0 is the first training."""
        return int((self.checkins.frame[TIME] < self.begins[stage + 1]).sum())


def stages_of(checkins: Checkins) -> Stages:
    """The months of a city, the first half its past. Raises GenRecError if there are too few of them."""
    frame = checkins.frame
    counts = frame.group_by(pl.col(TIME).dt.truncate("1mo")).len().sort(TIME)
    begins: list[datetime] = []
    size = LEAST_ROWS
    for month, count in counts.iter_rows():
        if size >= LEAST_ROWS:
            begins.append(month)
            size = 0
        size += count
    if size < LEAST_ROWS:
        begins.pop()
    end = frame[TIME].max()
    if not isinstance(end, datetime):
        raise GenRecError("no check-ins have times")
    rows = [int((frame[TIME] < begin).sum()) for begin in begins]
    first = next((i for i, count in enumerate(rows) if count >= len(frame) // 2), len(begins))
    ends = [*begins[first - 1 : first + STAGES + 1], begins[first + STAGES + 1 :][:1]]
    bounds = [begin for begin in ends if isinstance(begin, datetime)]
    if first < 1 or len(bounds) < STAGES + 2:
        raise GenRecError(f"too few months: {STAGES + 1} of at least {LEAST_ROWS} check-ins must follow the first half")
    last = begins[first + STAGES + 1] if len(begins) > first + STAGES + 1 else end + timedelta(seconds=1)
    names = ("before", *(f"stage {number}" for number in range(1, STAGES + 1)), "next")
    return Stages(checkins, (*bounds[: STAGES + 2], last), names)


def some_people(checkins: Checkins, count: int | None, seed: int = 0) -> Checkins:
    """The check-ins of so many people, drawn at random; their places, numbered anew."""
    people = checkins.frame[USER].unique().sort().to_list()
    if count is None or count >= len(people):
        return checkins
    drawn = np.random.default_rng(seed).choice(people, count, replace=False).tolist()
    return _renumbered(checkins, checkins.frame.filter(pl.col(USER).is_in(drawn)))


def shifting_city(folder: Path) -> Checkins:
    """A synthetic city in which, half-way, the kinds of places that people choose freely change roles."""
    path = folder / "checkins.csv"
    if not path.exists():
        build_city(CITY).write(folder)
    checkins = read_checkins(path)
    frame, pois = checkins.frame, checkins.pois
    visits = frame.group_by(POI).len().join(pois, on=POI).filter(~pl.col(CATEGORY).is_in(FIXED))
    kinds = visits.group_by(CATEGORY).agg(pl.col("len").sum()).sort("len", CATEGORY, descending=True)
    chosen = kinds[CATEGORY].to_list()[:SHIFTED]
    busiest = visits.sort("len", POI, descending=True)
    places = {kind: busiest.filter(pl.col(CATEGORY) == kind)[POI].to_list() for kind in chosen}
    role: dict[int, int] = {}
    for kind, other in zip(chosen, chosen[len(chosen) // 2 :] + chosen[: len(chosen) // 2], strict=True):
        role |= {poi: places[other][i % len(places[other])] for i, poi in enumerate(places[kind])}
    half = stages_of(checkins).begins[1]
    moved = pl.col(POI).replace(role)
    return _renumbered(checkins, frame.with_columns(pl.when(pl.col(TIME) < half).then(POI).otherwise(moved).alias(POI)))


def _renumbered(checkins: Checkins, frame: pl.DataFrame) -> Checkins:
    """Other check-ins at the same places, which are numbered by their first visit."""
    order = frame[POI].unique(maintain_order=True)
    number = dict(zip(order, range(len(order)), strict=True))
    pois = checkins.pois[order].with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(POI))
    frame = frame.with_columns(pl.col(POI).replace_strict(number, return_dtype=pl.UInt32))
    return replace(checkins, frame=frame, pois=pois)


def held_out(checkins: Checkins, seed: int) -> set[str]:
    """The people whom nothing learns from."""
    people = checkins.frame[USER].unique().sort().to_list()
    return set(np.random.default_rng(seed).choice(people, round(HELD_OUT * len(people)), replace=False).tolist())


def write_parts(stages: Stages, people: set[str], folder: Path) -> list[Path]:
    """What is learned: for each stage a prepared folder of all that is known at its end, without some people."""
    paths = []
    for stage in range(STAGES + 1):
        known = stages.checkins.frame[: stages.rows_before(stage)]
        path = folder / f"known-{stage}"
        if not (path / "meta.json").exists():
            pois = stages.checkins.pois[: int(known[POI].max() or 0) + 1]  # type: ignore[arg-type]
            prepare(replace(stages.checkins, frame=known.filter(~pl.col(USER).is_in(people)), pois=pois), path)
        paths.append(path)
    return paths


def asked(stages: Stages, people: set[str], limit: int, seed: int) -> dict[str, list[Example]]:
    """Visits of people whom nothing was learned from, at most so many a period, evidence refreshed weekly."""
    frame, begins = stages.checkins.frame, stages.begins
    weeks = [begins[0] + WEEK * week for week in range((begins[-1] - begins[0]) // WEEK + 1)]
    examples = training(stages.checkins, len(frame), weeks).examples
    draw = np.random.default_rng(seed)
    found = {}
    for name, (begin, end) in zip(stages.names, pairwise(begins), strict=True):
        own = [visit for visit in examples if visit.user_id in people and begin <= visit.time < end]
        chosen = np.sort(draw.permutation(len(own))[:limit])
        found[name] = [own[number] for number in chosen]
    return found
