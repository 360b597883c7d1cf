"""What the habits ranker goes by at the moments of a batch of queries: from tables of the evidence, or a profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.evidence import Evidence, positions_of
from genrec.geo import Positions
from genrec.habit_models import Habits
from genrec.habits import CityHabits
from genrec.histories import MIN_TRANSITIONS
from genrec.rankers.known import NOWHERE, Known, known_places, microseconds, places_of, user_rows
from genrec.rankers.ranker import Floats, Query
from genrec.tallies import STRANGER, Ints
from genrec.trajectories import Visit

UNKNOWN_DAY = -1


@dataclass(frozen=True, eq=False)
class Situations:
    """All that a batch of rankings depends on but the weights, so that a fit computes it once.

    Attributes:
        city: as of the same moment.
        hour: (queries,) time of day in hours; NaN where the time is unknown.
        day: (queries,) 0 = Monday; UNKNOWN_DAY where the time is unknown.
        known: the places that the users have been to.
        days_ago: (places,) since the last visit.
        steps: (places,) usual next steps there from where the user is.
        departures: (queries,) that the steps were counted over.
        here: (places,) where the user is at.
        distance_km: (queries, pois) from where the user was last seen; 0 if nowhere.

    """

    city: CityHabits
    hour: Floats
    day: Ints
    known: Known
    days_ago: Floats
    steps: Floats
    departures: Floats
    here: NDArray[np.bool_]
    distance_km: Floats


def situations(queries: Sequence[Query], evidence: Evidence) -> Situations:
    """What the evidence says of each query."""
    known, here = known_places(queries, evidence), places_now(queries)
    row, after, count = evidence.tallies.own_steps.after(own_heads(queries, evidence, here))
    usual = count >= MIN_TRANSITIONS
    return _situations(
        queries,
        known,
        (row[usual], after[usual], count[usual], np.bincount(row, count, minlength=len(queries))),
        np.where(here == NOWHERE, known.latest(len(queries)), here),
        as_of=evidence.as_of,
        city=evidence.city,
        positions=evidence.positions,
    )


def situation_of(
    habits: Habits, city: CityHabits, pois: pl.DataFrame, *, at: datetime | None, prefix: Sequence[Visit] = ()
) -> Situations:
    """What one user's habits say, a batch of one; arguments as of `rank_habits`."""
    query = Query(habits.user_id, at, tuple(prefix))
    [here] = places_now([query])
    usual = [step for step in habits.transitions if step.from_poi == here]
    row, after = np.zeros(len(usual), dtype=np.int64), np.array([step.to_poi for step in usual], dtype=np.int64)
    count = np.array([step.count for step in usual], dtype=np.int64)
    departures = np.array([usual[0].departures if usual else 0])
    return _situations(
        [query],
        places_of(habits, prefix, len(pois), tells_hours=city.tells_hours),
        (row, after, count, departures),
        np.array([habits.recent[-1].poi if habits.recent and not prefix else here]),
        as_of=habits.as_of,
        city=city,
        positions=positions_of(pois),
    )


def distances(positions: Positions, origins: Ints) -> Floats:
    """Kilometres from POIs to all, 0 from NOWHERE. Shape: (origins, pois)."""
    nothing = np.zeros(len(positions))
    return np.stack([nothing if origin == NOWHERE else positions.km_from(origin) for origin in origins.tolist()])


def times_of_day(queries: Sequence[Query]) -> Floats:
    """In hours with their minutes; NaN where the time is unknown. Shape: (queries,)."""
    return np.array([np.nan if query.at is None else query.at.hour + query.at.minute / 60 for query in queries])


def places_now(queries: Sequence[Query]) -> Ints:
    """Where current trajectories have led; NOWHERE before their first visit. Shape: (queries,)."""
    return np.array([query.prefix[-1][1] if query.prefix else NOWHERE for query in queries], dtype=np.int64)


def own_heads(queries: Sequence[Query], evidence: Evidence, here: Ints) -> Ints:
    """Keys of the users at the places `here` in `Tallies.own_steps`; negative where there is nothing."""
    users = user_rows(queries, evidence)
    return np.where((users == STRANGER) | (here == NOWHERE), STRANGER, users * len(evidence.past.pois) + here)


def _situations(
    queries: Sequence[Query],
    known: Known,
    steps: tuple[Ints, Ints, Ints, NDArray[Any]],
    last: Ints,
    *,
    as_of: datetime,
    city: CityHabits,
    positions: Positions,
) -> Situations:
    """`steps`: the query, the place reached and how often, of usual ones; and departures of all queries."""
    row, after, count, departures = steps
    now = [query.at or max([as_of, *(time for time, _ in query.prefix)]) for query in queries]
    taken = np.zeros(len(known.poi))
    taken[known.places(row, after, len(positions))] = count
    ago = np.maximum(microseconds(now)[known.row] - known.last_time, 0)
    days = [UNKNOWN_DAY if query.at is None else query.at.weekday() for query in queries]
    return Situations(
        city=city,
        hour=times_of_day(queries),
        day=np.array(days, dtype=np.int64),
        known=known,
        days_ago=ago / 10**6 / 86_400,
        steps=taken,
        departures=departures.astype(np.float64),
        here=known.poi == places_now(queries)[known.row],
        distance_km=distances(positions, last),
    )
