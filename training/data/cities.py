"""Synthetic cities to learn ranking from: what people do, and what of it they leave as check-ins.

Nobody checks in at every visit. Real check-ins are rarer at a place that the person has been to on the same day,
rarer far from the one before, and rarer still at the very same place; some places are never told. A city's own
visits know nothing of that, so they are made in plenty here and thinned as people would. How strong each of these
tendencies is differs from person to person, so that a model has to find it out from the evidence.
"""

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.city.large import TIME_FORMAT
from genrec.columns import LATITUDE, LONGITUDE, POI_ID, TIME, USER
from genrec.geo import haversine_km
from genrec.reading.reader import read_checkins
from genrec.trajectories import GAP_HOURS

USERS = 60
CHECKINS_FILE = "checkins.csv"


def training_city(seed: int) -> Checkins:
    """A city of its own size, density and span for each seed; 60 people, a check-in or two a day each."""
    rng = np.random.default_rng(seed)
    days, pois = int(rng.integers(90, 300)), int(rng.integers(250, 700))
    visits = round(USERS * days * rng.uniform(3.0, 6.0))
    city = build_city(CityConfig(users=USERS, pois=pois, days=days, checkins=visits, seed=int(rng.integers(2**31))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CHECKINS_FILE
        told(city.checkins, rng).write_csv(path, datetime_format=TIME_FORMAT)
        return read_checkins(path)


def told(visits: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Those of the visits that people would check in at; same columns and order."""
    rows = visits.with_row_index("row").select("row", USER, TIME, POI_ID, LATITUDE, LONGITUDE)
    kept = [row for person in rows.partition_by(USER, maintain_order=True) for row in _told(person, rng)]
    return visits[sorted(kept)]


def _told(person: pl.DataFrame, rng: np.random.Generator) -> list[int]:
    """Rows of one person's visits that they tell."""
    zeal = rng.uniform(0.5, 1)
    again_today, at_once = rng.beta(1, 4), rng.beta(1, 6)  # of what they else would tell
    reach_km = rng.lognormal(0.7, 0.8)
    openness: dict[str, float] = {}
    kept: list[int] = []
    last: tuple[datetime, str, float, float] | None = None
    today: tuple[date | None, set[str]] = (None, set())
    for row, _, time, place, latitude, longitude in person.iter_rows():
        if today[0] != time.date():
            today = (time.date(), set())
        chance = zeal * openness.setdefault(place, rng.beta(2, 1.2))
        if place in today[1]:
            chance *= again_today
        if last and time - last[0] < timedelta(hours=GAP_HOURS):
            chance /= 1 + float(haversine_km(last[2], last[3], latitude, longitude)) / reach_km
            chance *= at_once if place == last[1] else 1
        if rng.random() < chance:
            kept.append(row)
            today[1].add(place)
            last = (time, place, latitude, longitude)
    return kept
