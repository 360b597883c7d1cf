"""Small trained rankers, and the check-ins that they were trained on."""

from dataclasses import replace
from datetime import timedelta
from functools import cache, partial

import polars as pl
from made import at, make

from genrec.checkins import Checkins
from genrec.rankers.cml import Cml
from genrec.rankers.m2trec import M2TRec
from training.rankers.cml import train_cml
from training.rankers.coder import train_coder
from training.rankers.m2trec import train_m2trec

# Trainers of a folder's networks that take a tenth of their steps.
BRIEF = {
    "m2trec": partial(train_m2trec, epochs=1),
    "cml": partial(train_cml, steps=30),
    "coder": partial(train_coder, steps=10),
}
TRAIN = 240  # rows of `city` that rankers are trained on


@cache
def city() -> Checkins:
    """People of two tastes, one at coffee shops and pubs, one at gyms and parks; places open all the time."""
    kinds = ["Coffee Shop", "Pub", "Gym", "Park"] * 6
    visits = []
    for day in range(30):
        for user in range(10):
            place = 4 * ((day + user) % (1 + day // 5)) + (user % 2) * 2 + day % 2
            visits.append((f"u{user}", place, at(day, 8 + user)))
    return make(visits, kinds)


@cache
def m2trec() -> M2TRec:
    return train_m2trec(city(), TRAIN, sentences=False, epochs=6)


@cache
def cml() -> Cml:
    return train_cml(city(), TRAIN, sentences=False, steps=60)


def without_categories() -> Checkins:
    return replace(city(), pois=city().pois.with_columns(category=pl.lit("unknown")))


def grown(places: int = 2) -> Checkins:
    """The same check-ins, more places in the catalogue."""
    pois = city().pois
    more = pois[-places:].with_columns(
        poi=pl.Series(range(len(pois), len(pois) + places), dtype=pl.UInt32),
        poi_id=pl.Series([f"new{i}" for i in range(places)]),
    )
    return replace(city(), pois=pl.concat([pois, more]))


LATE = at(28) + timedelta(hours=1)
