"""The fields of features: what each voice says of a candidate.

own: when and how often the person goes there. sequence: where they go on to. crowd: what everybody's visits tell.
popularity, category, words and geography as named. Shapes are (queries, candidates) throughout.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from genrec.rankers.batch import Floats, Ints, Situation
from genrec.rankers.candidates import kernel
from genrec.rankers.sparse import find
from genrec.rankers.steps import DAY
from genrec.rankers.tables import ALL, DECAYS, MONTH, NEVER, SEASON

Columns = dict[str, Any]  # name -> values that broadcast to (queries, candidates)

RANKERS = ("habits", "markov", "m2trec", "coder", "cml", "llm")  # whose scores can be a field
SCORE_FEATURES = ("log", "behind")
HUBS = 30  # a person's own places that their whereabouts are judged by


def _own_hours(s: Situation) -> Columns:
    """How the hour and the weekday fit the person's visits to a place; only known places are looked at."""
    query, candidate = np.nonzero(s.known)
    hours, days = s.tables.own.hours[s.row[query, candidate]], s.tables.own.days[s.row[query, candidate]]
    weekend, day = (s.asked.day >= 5)[query], s.asked.day[query]
    both = hours[:, :24] + hours[:, 24:]
    alike = np.where(weekend[:, None], hours[:, 24:], hours[:, :24])
    group = np.where(weekend, days[:, 5:].mean(axis=1), days[:, :5].mean(axis=1))

    def spread(values: Floats) -> Floats:
        table = np.zeros(s.poi.shape)
        table[query, candidate] = values
        return table

    around, narrow, day_around = (
        spread((histogram * weights[query]).sum(axis=1))
        for histogram, weights in ((both, s.around), (both, kernel(s.asked.hour, 0.75)), (alike, s.around))
    )
    told, timed = s.tells_hours, s.asked.timed[:, None]
    visits, visits_alike, counted = (spread(values.sum(axis=1)) for values in (both, alike, days))
    today = spread(days[np.arange(len(day)), day])
    return {
        "hour": told * np.log((around + 3 * s.fit) / (visits + 3) * 24 + 1e-2),
        "hour_narrow": told * np.log((narrow + 2 * s.fit) / (visits + 2) * 24 + 1e-2),
        "hour_of_day_type": told * np.log((day_around + 2 * s.fit) / (visits_alike + 2) * 24 + 1e-2),
        "visits_at_hour": told * np.log1p(around * 8),
        "visits_at_hour_of_day_type": told * np.log1p(day_around * 8),
        "weekday": timed * np.log((today + 0.5) / (counted + 3.5) * 7),
        "day_type": timed * np.log((spread(group) + 0.5) / (counted / 7 + 0.5)),
    }


def _own(s: Situation) -> Columns:
    own = s.tables.own
    before = np.where(s.known, own.last[s.row], NEVER)
    last = np.maximum(before, s.later.last())
    days = np.clip((s.asked.time[:, None] - last) / DAY, 0, 2000)
    order = np.argsort(np.argsort(np.where(s.found.mask, -last, np.inf), axis=1, kind="stable"), axis=1, kind="stable")
    columns: Columns = {f"share_{days_:g}": np.log(s.shares[i] + 1e-3) for i, days_ in enumerate(DECAYS)}
    columns |= {"visits": np.log1p(s.counts[ALL]), "visits_lately": np.log1p(s.counts[MONTH]), "visited": s.visited}
    columns |= _own_hours(s)
    columns |= {
        "days_since": np.where(s.visited, np.log1p(days), 8),
        "day_since": np.where(s.visited, np.exp(-days), 0),
        "daily": np.where(s.visited & (days < 30), np.cos(2 * np.pi * days), 0),
        "weekly": np.where(s.visited & (days < 60), np.cos(2 * np.pi * days / 7), 0),
        "recency_rank": np.where(s.visited, np.log1p(order), 6),
    }
    names = ("share_7", "share_30", "share_1e+06", "visits_at_hour", "visits_at_hour_of_day_type", "days_since")
    return columns | _behind(s, columns, names)


def _sequence(s: Situation) -> Columns:
    steps, size = s.tables.steps, s.tables.places.count
    taken = np.where(s.seen, steps.own((s.user * size + s.here) * size + s.poi), 0)
    left = np.where(s.seen, steps.own_from(s.user * size + s.here), 0)
    query, _, time = s.asked.later
    same_day = np.floor(time / DAY) == np.floor(s.asked.time[query] / DAY)
    here = (s.poi == s.here) & s.seen
    columns: Columns = {
        "session": np.log1p(s.later.sum(np.ones(len(time)))),
        "today": s.later.sum(same_day.astype(np.float64)) > 0,
        "here": here,
        "here_gap": np.where(here, np.log1p(s.gap)[:, None], 0),
        "steps_share": np.log((taken + 0.02) / (left + 1)),
        "steps": np.log1p(taken),
    }
    return columns | _behind(s, columns, ("steps_share",))


def _crowd(s: Situation) -> Columns:
    steps, size = s.tables.steps, s.tables.places.count
    taken = np.where(s.seen, steps.crowd(s.here * size + s.poi), 0)
    left = np.where(s.seen, steps.crowd_from[s.here], 0)
    together = _entries(s.found.together, s.poi)
    alike = _entries(s.found.alike, s.poi)
    columns: Columns = {
        "crowd_steps_share": np.log((taken + 0.01) / (left + 1)),
        "crowd_steps": np.log1p(taken),
        "together": np.log(together + 1e-3),
        "together_of_best": together / np.maximum(together.max(axis=1, keepdims=True), 1e-9),
        "alike": np.log(alike + 1e-2),
        "alike_of_best": alike / np.maximum(alike.max(axis=1, keepdims=True), 1e-9),
    }
    return columns | _behind(s, columns, ("crowd_steps_share", "together", "alike"))


def _popularity(s: Situation) -> Columns:
    crowd = s.tables.crowd
    hours = crowd.hours[s.poi]
    around = (hours @ s.around[..., None].astype(np.float32))[..., 0]
    total = crowd.popularity.sum(axis=0)
    columns: Columns = {
        "popular_lately": np.log((crowd.popularity[s.poi, 0] + 0.05) / (total[0] + 1)),
        "popular": np.log((crowd.popularity[s.poi, 1] + 0.05) / (total[1] + 1)),
        "visitors": np.log1p(crowd.visitors[s.poi]),
        "crowd_hour": s.tells_hours * np.log((around + 2 * s.fit) / (hours.sum(axis=-1) + 2) * 24 + 1e-2),
    }
    return columns | _behind(s, columns, ("popular_lately",))


def _category(s: Situation) -> Columns:
    tables, kinds = s.tables, s.tables.places.categories
    before, after = tables.places.category[s.here], tables.places.category[s.poi]
    taken = np.where(s.seen, tables.steps.own_kind((s.user * kinds + before) * kinds + after), 0)
    left = np.where(s.seen, tables.steps.own_kind_from(s.user * kinds + before), 0)
    everybody = tables.steps.kind
    row, known = find(tables.kinds.keys, s.user * kinds + after)
    query, candidate = np.nonzero(known)
    mass, at_hour = np.zeros((*after.shape, 2)), np.zeros(after.shape)
    mass[query, candidate] = tables.kinds.mass[row[query, candidate]]
    at_hour[query, candidate] = (tables.kinds.hours[row[query, candidate]] * s.around[query]).sum(axis=1)
    totals = np.maximum(tables.own.total[s.asked.user][:, [MONTH, ALL]], 1e-9)[:, None]
    shares = np.log(mass / totals + 1e-2)
    all_steps = (everybody[before, after] + 0.1) / (everybody[before].sum(axis=-1) + 0.1 * kinds)
    return {
        "kind_steps_share": np.log((taken + 0.05) / (left + 1)),
        "crowd_kind_steps": np.where(s.seen, np.log(all_steps), 0),
        "kind_share_lately": shares[..., 0],
        "kind_share": shares[..., 1],
        "kind_at_hour": s.tells_hours * np.log1p(at_hour * 8),
        "kind_hour": s.tells_hours * np.log(s.fit * 24 + 1e-2),
    }


def _words(s: Situation) -> Columns:
    words = s.tables.places.words
    lately = (words[np.maximum(s.asked.recent, 0)] * (s.asked.recent >= 0)[..., None]).transpose(0, 2, 1)
    lately = lately @ 0.7 ** np.arange(lately.shape[2])
    lately /= np.maximum(np.linalg.norm(lately, axis=1, keepdims=True), 1e-6)
    of_candidates = words[s.poi]
    both = np.stack([s.tables.words[s.asked.user], lately.astype(np.float32)], axis=2)
    alike = of_candidates @ both
    return {"words": alike[..., 0], "words_lately": alike[..., 1]}


def _geography(s: Situation) -> Columns:
    xy, own = s.tables.places.xy, s.tables.own
    distance = np.where(s.seen, np.linalg.norm(xy[s.poi] - xy[s.here], axis=2), 0)
    soon = np.exp(-s.gap / 6)[:, None]
    hubs = own.best[s.asked.user][:, :HUBS]
    row, known = find(own.keys, s.user * s.tables.places.count + np.maximum(hubs, 0))
    weights = np.where(known & (hubs >= 0), own.mass[row, SEASON], 0)
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    density = _density(xy[s.poi].astype(np.float32), xy[np.maximum(hubs, 0)].astype(np.float32), weights)
    columns: Columns = {
        "distance": np.where(s.seen, np.log(distance + 0.05), 0),
        "nearness": np.where(s.seen, np.exp(-distance), 0),
        "distance_soon": np.where(s.seen, np.log(distance + 0.05) * soon, 0),
        "among_own": np.log(density + 1e-3),
    }
    return columns | _behind(s, columns, ("distance", "among_own"))


def _density(at: NDArray[np.float32], hubs: NDArray[np.float32], weights: Floats) -> Floats:
    """How much of a person's visits are around each candidate, within about a kilometre."""
    squared = (at**2).sum(-1)[:, :, None] + (hubs**2).sum(-1)[:, None] - 2 * at @ hubs.transpose(0, 2, 1)
    near = np.exp(-np.sqrt(np.maximum(squared, 0)))
    return np.asarray((near @ weights[..., None].astype(np.float32))[..., 0], dtype=np.float64)


def _behind(s: Situation, columns: Columns, names: tuple[str, ...]) -> Columns:
    """How far each candidate is behind the best one."""
    behind = {}
    for name in names:
        values = np.where(s.found.mask, columns[name], -np.inf)
        behind[f"{name}_behind"] = np.where(s.found.mask, values - values.max(axis=1, keepdims=True), 0)
    return behind


def _entries(rows: csr_array, columns: Ints) -> Floats:
    """Entries of a sparse matrix with a row a query."""
    rows.sort_indices()
    of_row = np.repeat(np.arange(rows.shape[0], dtype=np.int64), np.diff(rows.indptr))
    first = np.arange(rows.shape[0], dtype=np.int64)[:, None] * rows.shape[1]
    place, known = find(of_row * rows.shape[1] + rows.indices, first + columns)
    return np.where(known, rows.data[place], 0.0) if rows.nnz else np.zeros(columns.shape)


FIELDS: dict[str, Callable[[Situation], Columns]] = {
    "own": _own,
    "sequence": _sequence,
    "crowd": _crowd,
    "popularity": _popularity,
    "category": _category,
    "words": _words,
    "geography": _geography,
}

NAMES: dict[str, tuple[str, ...]] = {
    "own": (
        "share_1.5", "share_7", "share_30", "share_120", "share_1e+06", "visits", "visits_lately", "visited", "hour",
        "hour_narrow", "hour_of_day_type", "visits_at_hour", "visits_at_hour_of_day_type", "weekday", "day_type",
        "days_since", "day_since", "daily", "weekly", "recency_rank", "share_7_behind", "share_30_behind",
        "share_1e+06_behind", "visits_at_hour_behind", "visits_at_hour_of_day_type_behind", "days_since_behind",
    ),
    "sequence": ("session", "today", "here", "here_gap", "steps_share", "steps", "steps_share_behind"),
    "crowd": (
        "crowd_steps_share", "crowd_steps", "together", "together_of_best", "alike", "alike_of_best",
        "crowd_steps_share_behind", "together_behind", "alike_behind",
    ),
    "popularity": ("popular_lately", "popular", "visitors", "crowd_hour", "popular_lately_behind"),
    "category": (
        "kind_steps_share", "crowd_kind_steps", "kind_share_lately", "kind_share", "kind_at_hour", "kind_hour",
    ),
    "words": ("words", "words_lately"),
    "geography": ("distance", "nearness", "distance_soon", "among_own", "distance_behind", "among_own_behind"),
}  # fmt: skip
