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
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.optimize import minimize

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, POI, POI_ID, UNKNOWN, USER
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.geo import haversine_km
from genrec.rankers.ranker import Floats

if TYPE_CHECKING:
    from genrec.rankers.cml import Cml

NEAR_KM = 0.5
PRIOR_VISITS = 5.0  # of everybody's, that count as much as a user's own
RECENT_DAYS = 60
PART = 0.8  # of the check-ins come before the places to calibrate on
MOST_PLACES = 400  # to calibrate on
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
    tables = []
    for place, column in zip(places[POI_ID], chances.T, strict=True):
        order = np.argsort(-column, kind="stable")
        ranked = {USER: [users[row] for row in order], "probability": column[order]}
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
    opened = sorted(set(frame[first:][POI].to_list()) - set(frame[:first][POI].to_list()))
    if not first or not opened:
        return None
    opened = [opened[i] for i in np.linspace(0, len(opened) - 1, min(len(opened), MOST_PLACES)).astype(int)]
    start, end = local_span(frame[first:])
    evidence = Evidence(checkins, start)
    users = _users(evidence)
    came = np.zeros((len(users), len(opened)))
    rows_of, columns_of = ({key: i for i, key in enumerate(keys)} for keys in (users, opened))
    for user, poi in frame[first:].select(USER, POI).iter_rows():
        if user in rows_of and poi in columns_of:
            came[rows_of[user], columns_of[poi]] = 1
    weights = _logistic(traits(evidence, users, checkins.pois[opened], cml), came)
    return Reach(tuple(weights.tolist()), max((end - start).days, 1))


def traits(evidence: Evidence, users: Sequence[str], places: pl.DataFrame, cml: "Cml | None") -> Floats:
    """What speaks for a person's visit to a place. Shape: (users, places, 6).

    1; logarithms of the user's late check-ins and of their places; nearness of the nearest of these; the logarithm of
    how many times everybody's share of their visits goes to its kind; nearness in the metric space (0 without).
    """
    pois, city = evidence.past.pois, evidence.city
    visited = {user: [poi for _, poi in evidence.visits(user)] for user in users}
    late = evidence.as_of - timedelta(days=RECENT_DAYS)
    kinds = {kind: number for number, kind in enumerate(city.categories)}
    kind_of = np.array([kinds.get(kind, -1) if kind != UNKNOWN else -1 for kind in places[CATEGORY]], dtype=np.intp)
    total = np.bincount(city.category, city.visits, minlength=len(kinds))
    usual = (total + 1) / (total + 1).sum()
    latitude, longitude = pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy()
    result = np.zeros((len(users), len(places), 6))
    result[..., 0] = 1
    for row, (user, own) in enumerate(visited.items()):
        different = np.unique(own)
        away = haversine_km(
            latitude[different, None],
            longitude[different, None],
            places[LATITUDE].to_numpy(),
            places[LONGITUDE].to_numpy(),
        ).min(axis=0)
        shares = np.bincount(city.category[own], minlength=len(kinds)) + PRIOR_VISITS * usual
        liking = np.log(shares / shares.sum() / usual)
        result[row, :, 1] = np.log1p(sum(time >= late for time, _ in evidence.visits(user)))
        result[row, :, 2] = np.log1p(len(different))
        result[row, :, 3] = -np.log1p(away / NEAR_KM)
        result[row, :, 4] = np.where(kind_of >= 0, liking[kind_of], 0)
    if cml is not None:
        result[..., 5] = cml.nearness(visited, evidence, places)
    return result


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
