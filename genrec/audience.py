"""Who is likely to come to a place that has just opened.

Nobody has been there, so what counts is what is known of the place and of people: how often they check in, how many
places they know, how near to one of these it is, how much they like its kind; and, if the metric space of
`genrec.rankers.cml` has been trained, how near to them it stands there. What this is worth is calibrated on the places
that opened in the last part of the check-ins: who came to them?
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, POI, POI_ID, TIME, UNKNOWN, USER
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.habits import CityHabits
from genrec.rankers.ranker import Floats
from genrec.tallies import Ints

if TYPE_CHECKING:
    from genrec.rankers.cml import Cml

NEAR_KM = 0.5
PRIOR_VISITS = 5.0  # of everybody's, that count as much as a user's own
RECENT_DAYS = 60
PART = 0.8  # of the check-ins come before the places to calibrate on
MOST_PLACES, MOST_PEOPLE = 400, 10_000  # to calibrate on
PENALTY = 1.0  # of large weights, so that few examples suffice


@dataclass(frozen=True)
class Reach:
    """What the traits of a person and a place say of a visit, within how many days."""

    weights: tuple[float, ...]
    days: int


@dataclass(frozen=True)
class Known:
    """What is known of who comes to new places: what traits are worth, and where people stand, if that was trained."""

    reach: Reach
    space: "Cml | None"


def known_for(checkins: Checkins, rankers: Path | None) -> Known | None:
    """From the check-ins, or from a folder of trained rankers; None if no place opened in their last part."""
    if rankers is None:
        reach = calibrated(checkins)
        return Known(reach, None) if reach else None
    from genrec.rankers.cml import Cml  # deferred: loads torch

    space = Cml.load(rankers)
    days = space.trained.audience_days
    return Known(Reach(space.trained.audience, days), space) if days else None


def audience(evidence: Evidence, places: pl.DataFrame, reach: Reach, cml: "Cml | None" = None) -> pl.DataFrame:
    """Everybody by how likely they come to each of the places, which nobody has been to.

    Returns `poi_id`, `user_id`, `rank` (from 1) and `probability`; by place in their order, then by rank.
    """
    users = _users(evidence)
    if not users:
        raise GenRecError("there are no check-ins: nobody is known who could come")
    chances = 1 / (1 + np.exp(-(traits(evidence, users, places, cml) @ np.array(reach.weights))))
    tables, names = [], pl.Series(users)
    for place, column in zip(places[POI_ID], chances.T, strict=True):
        order = np.argsort(-column, kind="stable")
        ranked = {USER: names.gather(order), "probability": column[order]}
        ranks = pl.int_range(1, len(order) + 1, dtype=pl.UInt32, eager=True)
        table = pl.DataFrame(ranked).with_columns(pl.lit(place).alias(POI_ID), ranks.alias("rank"))
        tables.append(table.select(POI_ID, USER, "rank", "probability"))
    return pl.concat(tables)


def calibrated(checkins: Checkins, rows: int | None = None, cml: "Cml | None" = None) -> Reach | None:
    """What traits have been worth to places that nobody had been to in the first `rows` check-ins.

    `rows` (None: `PART` of them) is all that `cml` may have seen. None if no place opened since.
    """
    frame = checkins.frame
    first = int(len(frame) * PART) if rows is None else rows
    opened = np.setdiff1d(frame[first:][POI], frame[:first][POI])
    if not first or not len(opened):
        return None
    opened = _spread(opened, MOST_PLACES)
    start, end = local_span(frame[first:])
    evidence = Evidence(checkins, start)
    users = _spread(np.array(_users(evidence), dtype=object), MOST_PEOPLE).tolist()
    comers = _numbered(frame[first:], users).filter(pl.col(POI).is_in(opened.tolist()))
    came = np.zeros((len(users), len(opened)))
    came[comers[USER].to_numpy(), np.searchsorted(opened, comers[POI].to_numpy())] = 1
    weights = _logistic(traits(evidence, users, checkins.pois[opened.tolist()], cml), came)
    return Reach(tuple(weights.tolist()), max((end - start).days, 1))


def traits(evidence: Evidence, users: Sequence[str], places: pl.DataFrame, cml: "Cml | None") -> Floats:
    """What speaks for a person's visit to a place. Shape: (users, places, 6).

    1; logarithms of the user's late check-ins and of their places; nearness of the nearest of these; the logarithm of
    how many times everybody's share of their visits goes to its kind; nearness in the metric space (0 without).
    """
    visits = _numbered(evidence.past.frame, users)
    late = visits.filter(pl.col(TIME) >= evidence.as_of - timedelta(days=RECENT_DAYS))
    pairs = visits.group_by(USER, POI).len().sort(USER, POI)
    user, poi = pairs[USER].to_numpy(), pairs[POI].to_numpy()
    starts = np.searchsorted(user, np.arange(len(users)))
    result = np.zeros((len(users), len(places), 6))
    result[..., 0] = 1
    result[..., 1] = np.log1p(np.bincount(late[USER], minlength=len(users)))[:, None]
    result[..., 2] = np.log1p(np.bincount(user, minlength=len(users)))[:, None]
    result[..., 3] = -np.log1p(_nearest_km(poi, starts, evidence.past.pois, places) / NEAR_KM)
    result[..., 4] = _liking(pairs, evidence.city, places)
    if cml is not None:
        visited = {user_id: [place for _, place in evidence.visits(user_id)] for user_id in users}
        result[..., 5] = cml.nearness(visited, evidence, places)
    return result


def _nearest_km(poi: NDArray[np.uint32], starts: Ints, pois: pl.DataFrame, places: pl.DataFrame) -> Floats:
    """How far the nearest of each user's POIs is from each place; each user's begin at `starts`.

    Shape: (users, places).
    """
    different, which = np.unique(poi, return_inverse=True)
    known = pois[different.tolist()].select(LATITUDE, LONGITUDE)
    nearest = np.empty((len(starts), len(places)))
    for column, position in enumerate(places.select(LATITUDE, LONGITUDE).iter_rows()):
        nearest[:, column] = np.minimum.reduceat(haversine_km(*known.get_columns(), *position)[which], starts)
    return nearest


def _liking(pairs: pl.DataFrame, city: CityHabits, places: pl.DataFrame) -> Floats:
    """How much more of each user's visits than of everybody's go to the kind of each place, as a logarithm.

    `pairs` count who was where how often. 0 where the kind is not known. Shape: (users, places).
    """
    user, visits = pairs[USER].to_numpy(), pairs["len"].to_numpy()
    total = np.bincount(city.category, city.visits, minlength=len(city.categories)) + 1
    usual = total / total.sum()
    own, kind_of = np.bincount(user, visits), city.category[pairs[POI].to_numpy()]
    kinds = {kind: number for number, kind in enumerate(city.categories) if kind != UNKNOWN}
    result = np.zeros((len(own), len(places)))
    for column, name in enumerate(places[CATEGORY]):
        if name in kinds:
            kind = kinds[name]
            share = (np.bincount(user, visits * (kind_of == kind)) + PRIOR_VISITS * usual[kind]) / (own + PRIOR_VISITS)
            result[:, column] = np.log(share / usual[kind])
    return result


def _numbered(frame: pl.DataFrame, users: Sequence[str]) -> pl.DataFrame:
    """Check-ins of the users, who are numbered by their order."""
    numbers = frame[USER].cast(pl.Enum(users), strict=False).to_physical()
    return frame.select(numbers, POI, TIME).filter(pl.col(USER).is_not_null())


def _spread(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many of the values, evenly spread."""
    return np.asarray(values[np.linspace(0, len(values) - 1, min(len(values), most)).astype(int)])


def _users(evidence: Evidence) -> list[str]:
    return evidence.past.frame[USER].unique().sort().to_list()


def _logistic(inputs: Floats, truth: Floats) -> Floats:
    """Weights of a logistic regression, the first one's, of the constant, being free of the penalty."""
    flat, wanted = inputs.reshape(-1, inputs.shape[-1]), truth.ravel()
    penalty = PENALTY * (np.arange(flat.shape[1]) > 0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = flat @ weights
        value = np.logaddexp(0, scores).sum() - scores @ wanted + (penalty * weights**2).sum() / 2
        return float(value), np.asarray(flat.T @ (1 / (1 + np.exp(-scores)) - wanted) + penalty * weights)

    return np.asarray(minimize(loss, np.zeros(flat.shape[1]), jac=True, method="L-BFGS-B").x)
