"""What is known of a person and a place, in plain data: what a reason can be written from."""

from dataclasses import dataclass

import numpy as np

from genrec.rankers.asked import Asked
from genrec.rankers.sparse import Floats, Keyed, find
from genrec.rankers.tables import DAY, Tables

AROUND = 1  # hours before and after that count as this hour


@dataclass(frozen=True)
class Facts:
    """Facts about one place in one situation; counts are of visits before the moment of the evidence.

    Attributes:
        visits: of the person there, those of the current trajectory included.
        at_hour: of them, how many were within an hour of this time of day; None if no hour is told.
        on_day: of them, how many were on this weekday; None if no time is told.
        days_since: days since the last of them; None if there is none.
        steps: how often the person went on from where they are to there.
        crowd_steps: how often anybody did.
        kind_visits: of the person to places of its category.
        visitors: persons who have been there.
        alike: persons with like habits who have been there, as a sum of likenesses from 0 to 1.
        km: distance from where the person was last seen; None if nowhere.

    """

    visits: int
    at_hour: int | None
    on_day: int | None
    days_since: float | None
    steps: int
    crowd_steps: int
    kind_visits: int
    visitors: int
    alike: float
    km: float | None


def facts(tables: Tables, asked: Asked, number: int, poi: int) -> Facts:
    """The facts about a place, for one query of a batch."""
    user, last, places = int(asked.user[number]), int(asked.last[number]), tables.places
    query, later_poi, later_time = asked.later
    since = later_time[(query == number) & (later_poi == poi)]
    times = np.concatenate([_own_times(tables, user, poi), since])
    timed = bool(asked.timed[number])
    hours = np.abs(np.mod(times, DAY) / 3600 - asked.hour[number])
    at_hour = int((np.minimum(hours, 24 - hours) <= AROUND).sum()) if timed and tables.tells_hours else None
    days = np.mod(np.floor(times / DAY).astype(np.int64) + 3, 7)
    row, known = find(tables.kinds.keys, np.array([user * places.categories + places.category[poi]]))
    return Facts(
        visits=len(times),
        at_hour=at_hour,
        on_day=int((days == asked.day[number]).sum()) if timed else None,
        days_since=float(max(asked.time[number] - times.max(), 0) / DAY) if len(times) else None,
        steps=_count(tables.steps.own, (user * places.count + last) * places.count + poi) if last >= 0 else 0,
        crowd_steps=_count(tables.steps.crowd, last * places.count + poi) if last >= 0 else 0,
        kind_visits=round(float(tables.kinds.mass[row[0], 1])) if known[0] else 0,
        visitors=int(tables.crowd.visitors[poi]),
        alike=float(tables.alike[[user]].toarray()[0, poi]),
        km=float(np.linalg.norm(places.xy[poi] - places.xy[last])) if last >= 0 else None,
    )


def _own_times(tables: Tables, user: int, poi: int) -> Floats:
    visits = tables.visits
    return np.asarray(visits.time[(visits.user == user) & (visits.poi == poi)])


def _count(counts: Keyed, key: int) -> int:
    return int(counts(np.array([key]))[0])
