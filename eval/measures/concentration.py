"""Topological concentration of the graph of users and the POIs that they visited.

Wang et al. (arXiv 2310.04612) ask of a node in a graph: do the neighbours of its neighbours include its other
neighbours? Between users and POIs the naive form is always 0, because no two neighbours are linked. Here POIs count as
linked if somebody else went to both: a user is concentrated if others, too, combine the places that they go to.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import POI, USER

Numbers = NDArray[np.intp]


def concentration(checkins: pl.DataFrame) -> pl.DataFrame:
    """Topological concentration of each user.

    The mean over the user's POIs p of |(N - p) & C(p)| / |N - p|, where N are the user's POIs and C(p) the POIs that
    another user visited as well as p. 1: any two of their places were also visited by somebody else; 0: no two were.

    Args:
        checkins: `user_id`, `poi`; how often a user went somewhere does not matter.

    Returns:
        user_id, places (UInt32, |N|), concentration (Float64; null for a user of one place), by user_id.

    """
    visited = checkins.select(USER, POI).unique().sort(USER, POI).with_columns(user=pl.col(USER).rank("dense") - 1)
    users = visited.group_by(USER, maintain_order=True).agg(pl.len().alias("places"))
    # A place without a second visitor links nothing.
    shared = visited.filter(pl.len().over(POI) > 1).with_columns(place=pl.col(POI).rank("dense") - 1)
    linked = _linked_pairs(
        shared["user"].to_numpy().astype(np.intp), shared["place"].to_numpy().astype(np.intp), len(users)
    )
    return users.select(USER, "places", _share(linked, users["places"].to_numpy().astype(np.int64)))


def _linked_pairs(user: Numbers, place: Numbers, users: int) -> Numbers:
    """How many ordered pairs of each user's places another user visited, too. Shape: (users,).

    Each place has at least two visitors, and no visitor twice; `user` ascends.
    """
    linked = np.zeros(users, dtype=np.intp)
    if not len(place):
        return linked
    places_of = np.split(place, np.searchsorted(user, np.arange(1, users)))
    by_place = np.argsort(place, kind="stable")
    visitors_of = np.split(user[by_place], np.searchsorted(place[by_place], np.arange(1, place.max() + 1)))
    for visitors in visitors_of:
        theirs = [places_of[visitor] for visitor in visitors]
        with_another = np.bincount(np.concatenate(theirs)) > 1  # visited by two visitors of this place
        linked[visitors] += [np.count_nonzero(with_another[own]) - 1 for own in theirs]  # not the place itself
    return linked


def _share(linked: Numbers, places: Numbers) -> pl.Series:
    """`linked` of all ordered pairs of places; null where there is no pair."""
    pairs = places * (places - 1)
    return pl.Series("concentration", linked / np.maximum(pairs, 1)).set(pl.Series(pairs == 0), None)
