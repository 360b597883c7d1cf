"""The places that the fusion looks at: a few hundred a query, from several sources, whatever the catalogue's size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from genrec.rankers.asked import Asked, Floats, Ints
from genrec.rankers.sparse import best_of_rows, find
from genrec.rankers.tables import ALL, NEIGHBOURS, Tables

NEAR = 40  # the nearest places
POPULAR = 30  # popular at this hour
POPULAR_NEAR = 50  # popular at this hour and near
TOGETHER = 60  # visited by the same persons as the last places
KINDRED = 40  # of kinds that the person goes to, around their own places
HUBS, AROUND = 3, 60  # a person's own main places, and the places around each
FEW = 4  # queries for which it is not worth while to find out what goes together with all places, and all persons
PRIOR = 0.5  # visits that a place without any counts as


@dataclass(frozen=True)
class Candidates:
    """Candidates of each query.

    `poi`: distinct places, -1 behind the last. Shape: (queries, most). `together`: how much each place's visitors are
    those of the places visited last; `alike`: how much alike persons go there. Shape: (queries, places).
    """

    poi: Ints
    together: csr_array
    alike: csr_array

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where there is a candidate."""
        return self.poi >= 0


def candidates(tables: Tables, asked: Asked) -> Candidates:
    """The candidates of a batch of queries."""
    here = np.maximum(asked.last, 0)
    seen = (asked.last >= 0)[:, None]
    together = recently_together(tables, asked)
    alike = csr_array(tables.alike_of(asked.user) if len(asked) <= FEW else tables.alike[asked.user])
    fit = kind_fit(tables, asked)
    sources = [
        tables.own.best[asked.user],
        asked.recent,
        _later(asked),
        np.where(seen, tables.places.near[here][:, :NEAR], -1),
        best_of_rows(together, TOGETHER),
        best_of_rows(alike, NEIGHBOURS),
        np.where(seen, tables.steps.best[here], -1),
        _popular(tables, fit),
        np.where(seen, _popular_near(tables, fit, here), -1),
        _kindred(tables, asked, fit),
    ]
    return Candidates(_distinct(np.concatenate(sources, axis=1)), together, alike)


def kernel(hour: Floats, width: float = 1.5) -> Floats:
    """Weights of the 24 hours of a histogram around times of day, across midnight. Shape: (queries, 24), sums 1."""
    distance = np.abs(np.arange(24) + 0.5 - hour[:, None])
    weights = np.exp(-0.5 * (np.minimum(distance, 24 - distance) / width) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def kind_fit(tables: Tables, asked: Asked) -> Floats:
    """How much of each category's visits fall around the hour, smoothed. Shape: (queries, categories)."""
    hours = tables.crowd.kind_hours
    even = np.full((len(asked), tables.places.categories), 1 / 24)
    if not tables.tells_hours:
        return even
    fit = (kernel(asked.hour) @ hours.T + 0.2) / (hours.sum(axis=1) + 4.8)
    return np.where(asked.timed[:, None], fit, even)


def recently_together(tables: Tables, asked: Asked) -> csr_array:
    """See `Candidates.together`; later places count more."""
    query, place = np.nonzero(asked.recent >= 0)
    poi, weight = asked.recent[query, place], 0.8**place
    if len(asked) > FEW and not tables.by_rows:
        weights = csr_array((weight, (query, poi)), shape=(len(asked), tables.places.count))
        return csr_array(weights @ tables.together)
    pois, column = np.unique(poi, return_inverse=True)
    weights = csr_array((weight, (query, column)), shape=(len(asked), len(pois)))
    return csr_array(weights @ tables.together_of(pois))


def _popular(tables: Tables, fit: Floats) -> Ints:
    busy = tables.crowd.busiest
    popularity = tables.crowd.popularity[busy] @ np.array([1.0, 0.05])
    return busy[_best(popularity * fit[:, tables.places.category[busy]], POPULAR)]


def _popular_near(tables: Tables, fit: Floats, here: Ints) -> Ints:
    near = tables.places.near[here]
    distance = np.linalg.norm(tables.places.xy[near] - tables.places.xy[here][:, None], axis=2)
    score = _draw(tables, near) * _of_kind(fit, tables.places.category[near]) / (1 + distance)
    return np.take_along_axis(near, _best(score, POPULAR_NEAR), axis=1)


def _kindred(tables: Tables, asked: Asked, fit: Floats) -> Ints:
    hubs = tables.own.best[asked.user][:, :HUBS]
    near = np.where(hubs[..., None] >= 0, tables.places.near[np.maximum(hubs, 0)][..., :AROUND], -1)
    near = near.reshape(len(asked), -1)
    category = tables.places.category[np.maximum(near, 0)]
    row, known = find(tables.kinds.keys, asked.user[:, None] * tables.places.categories + category)
    share = np.where(known, tables.kinds.mass[row, 1], 0.0) / np.maximum(tables.own.total[asked.user, ALL], 1)[:, None]
    score = np.where(near >= 0, _draw(tables, near) * _of_kind(fit, category) * (share + 0.02), -1.0)
    return np.take_along_axis(near, _best(score, KINDRED), axis=1)


def _draw(tables: Tables, places: Ints) -> Floats:
    """How much places draw people as such."""
    return np.asarray(tables.crowd.popularity[np.maximum(places, 0), 1] + PRIOR)


def _of_kind(fit: Floats, category: Ints) -> Floats:
    return np.take_along_axis(fit, category, axis=1)


def _best(score: Floats, most: int) -> Ints:
    """Columns with the highest scores of each row, in no order."""
    if score.shape[1] <= most:
        return np.broadcast_to(np.arange(score.shape[1]), score.shape)
    return np.argpartition(-score, most - 1, axis=1)[:, :most]


def _later(asked: Asked) -> Ints:
    """The places of the trajectory since the tables were counted, the latest first."""
    query, poi, _ = asked.later
    most = int(np.bincount(query).max(initial=0)) if len(query) else 0
    found = np.full((len(asked), most), -1, dtype=np.int64)
    found[query, np.arange(len(query)) - np.searchsorted(query, query)] = poi
    return found


def _distinct(places: Ints) -> Ints:
    """Each row without repetitions, -1 behind the last."""
    places = -np.sort(-places, axis=1)
    places[:, 1:][places[:, 1:] == places[:, :-1]] = -1
    places = -np.sort(-places, axis=1)
    most = max(int((places >= 0).sum(axis=1).max(initial=0)), 1)
    return places[:, :most]
