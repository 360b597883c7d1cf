"""Habits: what a user's check-ins before a moment show of where, when and how regularly they go.

Everything here is counted, nothing is guessed, and nothing at or after the moment `as_of` is looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.anchors import find_anchors
from genrec.checkins import Checkins
from genrec.clock import before, local_span
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, POI, POI_ID, TIME, USER
from genrec.geo import haversine_km
from genrec.habit_models import RECENT_VISITS, CategoryHabit, Habits, Lately, PlaceHabit, RecentVisit, Transition
from genrec.trajectories import Visit, steps

MIN_TRANSITIONS = 2
LATELY_DAYS = 21  # at least; and as many before
LATELY_VISITS = 8  # at least; and twice as many before


@dataclass(frozen=True)
class CityHabits:
    """What everybody's check-ins before a moment show; the back-off for users with little history."""

    as_of: datetime
    visits: NDArray[np.int64]  # (pois,)
    users: NDArray[np.int64]  # (pois,) different visitors
    categories: tuple[str, ...]
    category: NDArray[np.intp]  # (pois,) index into `categories`
    category_hours: NDArray[np.int64]  # (categories, 24) visits; all 0 where the data have dates only
    tells_hours: bool  # whether the times of the visits tell the hour

    def most_visited(self, count: int) -> list[int]:
        """Up to `count` POIs with visits, the most visited first; ties by index."""
        best = np.argsort(-self.visits, kind="stable")[:count]
        return [int(poi) for poi in best if self.visits[poi]]


def habits_of(checkins: Checkins, user_id: str, as_of: datetime | None = None) -> Habits:
    """A user's habits from check-ins before `as_of` (None: all check-ins); a stranger has no check-ins."""
    return all_habits(checkins, as_of, [user_id])[user_id]


def all_habits(
    checkins: Checkins, as_of: datetime | None = None, users: Collection[str] | None = None
) -> dict[str, Habits]:
    """Habits of `users`, or of every user in the check-ins, also those without any before `as_of`."""
    moment = _moment(checkins, as_of)
    if users is None:
        users = checkins.frame[USER].unique(maintain_order=True).to_list()
    past = before(checkins.frame, moment).filter(pl.col(USER).is_in(list(users)))
    visits = _pairs(past.group_by(USER).agg(TIME, POI))
    taken = _pairs(steps(past).group_by(USER).agg(POI, "after"))
    return {
        user: _habits(user, moment, visits.get(user, []), _transitions(taken.get(user, [])), checkins) for user in users
    }


def city_habits(checkins: Checkins, as_of: datetime | None = None) -> CityHabits:
    """Visits of all users before `as_of` (None: all check-ins)."""
    moment = _moment(checkins, as_of)
    past = before(checkins.frame, moment)
    size = len(checkins.pois)
    categories, category = np.unique(checkins.pois[CATEGORY].to_numpy().astype(str), return_inverse=True)
    pairs = past.select(USER, POI).unique()
    poi = past[POI].to_numpy()
    category_hours = np.zeros((len(categories), 24), dtype=np.int64)
    if not checkins.dates_only:
        np.add.at(category_hours, (category[poi], past[TIME].dt.hour().to_numpy()), 1)
    return CityHabits(
        as_of=moment,
        visits=np.bincount(poi, minlength=size),
        users=np.bincount(pairs[POI].to_numpy(), minlength=size),
        categories=tuple(categories.tolist()),
        category=category,
        category_hours=category_hours,
        tells_hours=not checkins.dates_only,
    )


def _moment(checkins: Checkins, as_of: datetime | None) -> datetime:
    """`as_of`, or just after the latest time that a clock showed at a check-in."""
    if as_of is not None:
        return as_of
    return local_span(checkins.frame)[1] + timedelta(seconds=1)


def _pairs(groups: pl.DataFrame) -> dict[str, list[Any]]:
    """Two columns of lists, as a list of pairs for each user."""
    return {user: list(zip(first, second, strict=True)) for user, first, second in groups.iter_rows()}


def _habits(
    user_id: str, as_of: datetime, visits: Sequence[Visit], transitions: list[Transition], checkins: Checkins
) -> Habits:
    """Habits from all of a user's visits before `as_of`, in their order."""
    times = [time for time, _ in visits]
    dates_only = checkins.dates_only
    hours, weekdays = Counter(() if dates_only else [t.hour for t in times]), Counter(time.weekday() for time in times)
    places = _places(visits, checkins.pois, dates_only=dates_only)
    counts = np.array([place.visits for place in places], dtype=np.float64)
    shares = counts / max(len(visits), 1)
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0  # + 0.0: no minus zero
    uniform = np.log2(len(places)) if len(places) > 1 else 1.0
    return Habits(
        user_id=user_id,
        as_of=as_of,
        checkins=len(visits),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        active_days=len({time.date() for time in times}),
        places=places,
        categories=_categories(places),
        hours=[hours[hour] for hour in range(24)],
        weekdays=[weekdays[day] for day in range(7)],
        anchors=find_anchors(places, [] if dates_only else visits),
        entropy=entropy,
        regularity=max(float(1 - entropy / uniform), 0.0) if places else 0.0,
        exploration_rate=len(places) / max(len(visits), 1),
        radius_of_gyration_km=_radius_of_gyration(places),
        transitions=transitions,
        recent=[RecentVisit(time=time, poi=poi) for time, poi in visits[-RECENT_VISITS:]],
        lately=_lately(visits, dates_only=dates_only),
    )


def _lately(visits: Sequence[Visit], *, dates_only: bool) -> Lately | None:
    """The visits of the last month or two, if there are enough of them and before them to compare."""
    if not visits:
        return None
    latest = max(time for time, _ in visits)
    since = (latest - timedelta(days=LATELY_DAYS)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    times = [time for time, _ in visits if time >= since]
    late = Counter(poi for time, poi in visits if time >= since)
    early = [time for time, _ in visits if time < since]
    if late.total() < LATELY_VISITS or len(early) < 2 * LATELY_VISITS or since - min(early) < latest - since:
        return None
    return Lately(
        since=since,
        visits=late.total(),
        places=dict(sorted(late.items())),
        hours={} if dates_only else _counts(time.hour for time in times),
        weekdays=_counts(time.weekday() for time in times),
    )


def _places(visits: Sequence[Visit], pois: pl.DataFrame, *, dates_only: bool) -> list[PlaceHabit]:
    """Most visited first; ties by the latest visit, then by index."""
    times: dict[int, list[datetime]] = defaultdict(list)
    for time, poi in visits:
        times[poi].append(time)
    order = sorted(times)
    order.sort(key=lambda poi: (len(times[poi]), times[poi][-1]), reverse=True)
    rows = pois[order].select(POI_ID, CATEGORY, LATITUDE, LONGITUDE).iter_rows(named=True)
    return [
        PlaceHabit(
            poi=poi,
            visits=len(times[poi]),
            share=len(times[poi]) / len(visits),
            hours={} if dates_only else _counts(time.hour for time in times[poi]),
            weekdays=_counts(time.weekday() for time in times[poi]),
            first_visit=times[poi][0],
            last_visit=times[poi][-1],
            **row,
        )
        for poi, row in zip(order, rows, strict=True)
    ]


def _categories(places: Iterable[PlaceHabit]) -> list[CategoryHabit]:
    """Places added up by category; ties by name."""
    groups: dict[str, list[PlaceHabit]] = defaultdict(list)
    for place in places:
        groups[place.category].append(place)
    categories = [
        CategoryHabit(
            category=name,
            visits=sum(place.visits for place in group),
            share=sum(place.share for place in group),
            hours=_counts(hour for place in group for hour, n in place.hours.items() for _ in range(n)),
            weekdays=_counts(day for place in group for day, n in place.weekdays.items() for _ in range(n)),
        )
        for name, group in groups.items()
    ]
    return sorted(categories, key=lambda habit: (-habit.visits, habit.category))


def _counts(values: Iterable[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for value in sorted(values):
        counts[value] = counts.get(value, 0) + 1
    return counts


def _transitions(taken: Iterable[tuple[int, int]]) -> list[Transition]:
    """Steps from one place to the next within trajectories, made at least MIN_TRANSITIONS times; ties by index."""
    counts = Counter(taken)
    departures: Counter[int] = Counter()
    for (poi, _), count in counts.items():
        departures[poi] += count
    frequent = [(-count, step) for step, count in counts.items() if count >= MIN_TRANSITIONS]
    return [
        Transition(from_poi=step[0], to_poi=step[1], count=-count, departures=departures[step[0]])
        for count, step in sorted(frequent)
    ]


def _radius_of_gyration(places: Sequence[PlaceHabit]) -> float:
    """Root mean square distance in km of the visits from their centre on the sphere."""
    if not places:
        return 0.0
    weights = np.array([place.share for place in places])
    latitudes = np.array([place.latitude for place in places])
    longitudes = np.array([place.longitude for place in places])
    phi, theta = np.radians(latitudes), np.radians(longitudes)
    x, y, z = (weights * np.array([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)])).sum(axis=1)
    centre = np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))
    distances = haversine_km(latitudes, longitudes, *centre)
    return float(np.sqrt((weights * distances**2).sum()))
