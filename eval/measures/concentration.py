"""Topological concentration of the graph of users and the POIs that they visited.

Wang et al. (arXiv 2310.04612) ask of a node in a graph: do the neighbours of its neighbours include its other
neighbours? Between users and POIs the naive form is always 0, because no two neighbours are linked. Here POIs count as
linked if somebody else went to both: a user is concentrated if others, too, combine the places that they go to.

To count that takes time that grows with the square of people's places. `approximate_concentration` takes, as the paper
does, random projections of everybody's places, whose products estimate how many places two people share.
"""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from genrec.columns import POI, USER

Numbers = NDArray[np.intp]

DIMENSIONS: Final = 256  # of a projection
BLOCK: Final = 16_384  # users' places whose products are taken at a time


def concentration(checkins: pl.DataFrame) -> pl.DataFrame:
    """Topological concentration of each user.

    The mean over the user's POIs p of |(N - p) & C(p)| / |N - p|, where N are the user's POIs and C(p) the POIs that
    another user visited as well as p. 1: any two of their places were also visited by somebody else; 0: no two were.

    Args:
        checkins: `user_id`, `poi`; how often a user went somewhere does not matter.

    Returns:
        user_id, places (UInt32, |N|), concentration (Float64; null for a user of one place), by user_id.

    """
    visited, users = _visited(checkins)
    # A place without a second visitor links nothing.
    shared = visited.filter(pl.len().over(POI) > 1).with_columns(place=pl.col(POI).rank("dense") - 1)
    linked = _linked_pairs(
        shared["user"].to_numpy().astype(np.intp), shared["place"].to_numpy().astype(np.intp), len(users)
    )
    return users.select(USER, "places", _share(linked, users["places"].to_numpy().astype(np.int64)))


def approximate_concentration(checkins: pl.DataFrame, dimensions: int = DIMENSIONS, seed: int = 0) -> pl.DataFrame:
    """Topological concentration of each user, estimated in time that grows with the check-ins alone.

    For each place p of a user, the products of projected sets of places estimate how many of the user's other places
    were visited by the other visitors of p, x in all. Fell these evenly on the n other places, a share of
    1 - exp(-x / n) of them would be among them; in truth they crowd on some, so that the estimate leans upwards. The
    error of a product falls with the root of `dimensions`. Arguments and columns as of `concentration`.
    """
    visited, users = _visited(checkins)
    user, places = visited["user"].to_numpy().astype(np.intp), users["places"].to_numpy().astype(np.int64)
    place = visited[POI].rank("dense").to_numpy().astype(np.intp) - 1
    been = csr_array((np.ones(len(user), dtype=np.float32), (user, place)), shape=(len(users), visited[POI].n_unique()))
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.float32), size=(been.shape[1], dimensions))
    sets = np.asarray(been @ signs) / np.float32(np.sqrt(dimensions))  # (users, dimensions)
    together = np.asarray(been.T @ sets)  # (places, dimensions), of all visitors
    blocks = zip(*(np.array_split(numbers, len(user) // BLOCK + 1) for numbers in (user, place)), strict=True)
    products = [np.einsum("ij,ij->i", sets[who], together[where] - sets[who]) for who, where in blocks]
    # Every other visitor of the place shares that place itself.
    shared = np.maximum(np.concatenate(products) - (been.sum(axis=0)[place] - 1), 0)
    alike = 1 - np.exp(-shared / np.maximum(places[user] - 1, 1))
    mean = np.bincount(user, alike, minlength=len(users)) / np.maximum(places, 1)
    return users.select(USER, "places", pl.Series("concentration", mean).set(pl.Series(places < 2), None))


def _visited(checkins: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who was where, once each, with the running number of the `user`; and how many `places` each was at."""
    visited = checkins.select(USER, POI).unique().sort(USER, POI).with_columns(user=pl.col(USER).rank("dense") - 1)
    return visited, visited.group_by(USER, maintain_order=True).agg(pl.len().alias("places"))


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
