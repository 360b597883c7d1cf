"""Habits: what a user's check-ins before a moment show of where, when and how regularly they go.

Everything here is counted, nothing is guessed, and nothing at or after the moment `as_of` is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter

from genrec.anchors import find_anchors
from genrec.by_person import ByPerson
from genrec.checkins import Checkins
from genrec.clock import before, local_span
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, POI_ID, TIME, USER
from genrec.geo import haversine_km
from genrec.habit_models import RECENT_VISITS, CategoryHabit, Habits, Lately, PlaceHabit, RecentVisit, Transition
from genrec.histories import Histories, Places, Times, Transitions, histories, hours_of, part, weekdays_of

LATELY_DAYS = 21  # at least; and as many before
LATELY_VISITS = 8  # at least; and twice as many before

_PLACES = TypeAdapter(list[PlaceHabit])


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
) -> Mapping[str, Habits]:
    """Habits of `users`, or of every user in the check-ins, also those without any before `as_of`.

    All are counted at once; a user's are put together when they are asked for, each time anew.
    """
    moment = _moment(checkins, as_of)
    if users is None:
        users = checkins.frame[USER].unique(maintain_order=True).to_list()
    return _Everybody(checkins, moment, users)


class HabitsByBatch:
    """Habits of some people after some others, as `all_habits` gives them; it goes over everybody's check-ins once."""

    def __init__(self, checkins: Checkins, as_of: datetime | None) -> None:
        self._checkins, self._as_of = checkins, _moment(checkins, as_of)

    @cached_property
    def _by_person(self) -> ByPerson:
        return ByPerson(before(self._checkins.frame, self._as_of))

    def __call__(self, users: Sequence[str]) -> Mapping[str, Habits]:
        """Of some people."""
        return all_habits(replace(self._checkins, frame=self._by_person.of(users)), self._as_of, users)


class _Everybody(Mapping[str, Habits]):
    """The habits of some users, in their order."""

    def __init__(self, checkins: Checkins, as_of: datetime, users: Collection[str]) -> None:
        self._as_of, self._dates_only = as_of, checkins.dates_only
        self._counted = histories(before(checkins.frame, as_of), users, dates_only=checkins.dates_only)
        about = checkins.pois.select(POI_ID, CATEGORY, LATITUDE, LONGITUDE, pl.col(f"^{NAME}$"))
        self._about = about[pl.Series(self._counted.places.poi, dtype=pl.UInt32)]  # each person's places, side by side

    def __len__(self) -> int:
        return len(self._counted.users)

    def __iter__(self) -> Iterator[str]:
        return iter(self._counted.users)

    def __getitem__(self, user_id: str) -> Habits:
        return _habits(user_id, self._as_of, self._counted, self._about, dates_only=self._dates_only)


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


def _habits(user_id: str, as_of: datetime, counted: Histories, about: pl.DataFrame, *, dates_only: bool) -> Habits:
    """What was counted of a user, as habits."""
    person = counted.users[user_id]
    span = part(counted.spans, person)
    visited, times = counted.poi[span], counted.time[span]
    hours, weekdays = hours_of(times), weekdays_of(times)
    visits = len(times)
    own = part(counted.places.spans, person)
    places = _places(counted.places, own, visits, about)
    counts = np.array([place.visits for place in places], dtype=np.float64)
    shares = counts / max(visits, 1)
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0  # + 0.0: no minus zero
    uniform = np.log2(len(places)) if len(places) > 1 else 1.0
    return Habits(
        user_id=user_id,
        as_of=as_of,
        checkins=visits,
        first=times[0].item() if visits else None,
        last=times[-1].item() if visits else None,
        active_days=len(np.unique(times.astype("datetime64[D]"))),
        places=places,
        categories=_categories(places),
        hours=[0] * 24 if dates_only else np.bincount(hours, minlength=24).tolist(),
        weekdays=np.bincount(weekdays, minlength=7).tolist(),
        anchors=find_anchors(
            places, dict(zip(*(c[own].tolist() for c in (counted.places.poi, counted.places.at_work)), strict=True))
        ),
        entropy=entropy,
        regularity=max(float(1 - entropy / uniform), 0.0) if places else 0.0,
        exploration_rate=len(places) / max(visits, 1),
        radius_of_gyration_km=_radius_of_gyration(places),
        transitions=_transitions(counted.transitions, part(counted.transitions.spans, person)),
        recent=[
            RecentVisit(time=time, poi=poi)
            for time, poi in zip(times[-RECENT_VISITS:].tolist(), visited[-RECENT_VISITS:].tolist(), strict=True)
        ],
        lately=_lately(visited, times, dates_only=dates_only),
    )


def _lately(visited: NDArray[np.uint32], times: Times, *, dates_only: bool) -> Lately | None:
    """The visits of the last month or two, if there are enough of them and before them to compare."""
    if len(times) < 3 * LATELY_VISITS:
        return None
    latest: datetime = times.max().item()
    since = (latest - timedelta(days=LATELY_DAYS)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    late = times >= np.datetime64(since)
    visits = int(late.sum())
    if not LATELY_VISITS <= visits <= len(times) - 2 * LATELY_VISITS:
        return None
    if since - times[~late].min().item() < latest - since:
        return None
    return Lately(
        since=since,
        visits=visits,
        places=_counts(visited[late]),
        hours={} if dates_only else _counts(hours_of(times[late])),
        weekdays=_counts(weekdays_of(times[late])),
    )


def _places(counted: Places, own: slice, visits: int, about: pl.DataFrame) -> list[PlaceHabit]:
    """A user's places, most visited first."""
    columns: dict[str, list[Any]] = about[own].to_dict(as_series=False)
    columns |= {
        "poi": counted.poi[own].tolist(),
        "visits": counted.visits[own].tolist(),
        "share": [n / visits for n in counted.visits[own].tolist()],
        "hours": counted.hours.of(own),
        "weekdays": counted.weekdays.of(own),
        "first_visit": counted.first[own].tolist(),
        "last_visit": counted.last[own].tolist(),
    }
    return _PLACES.validate_python(
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    )


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
            hours=_sum([place.hours for place in group]),
            weekdays=_sum([place.weekdays for place in group]),
        )
        for name, group in groups.items()
    ]
    return sorted(categories, key=lambda habit: (-habit.visits, habit.category))


def _sum(spreads: Sequence[dict[int, int]]) -> dict[int, int]:
    if len(spreads) == 1:
        return spreads[0]
    total: dict[int, int] = defaultdict(int)
    for spread in spreads:
        for value, visits in spread.items():
            total[value] += visits
    return dict(sorted(total.items()))


def _counts(values: NDArray[Any]) -> dict[int, int]:
    different, counts = np.unique(values, return_counts=True)
    return dict(zip(different.tolist(), counts.tolist(), strict=True))


def _transitions(counted: Transitions, own: slice) -> list[Transition]:
    columns = (counted.poi, counted.after, counted.count, counted.departures)
    rows = zip(*(column[own].tolist() for column in columns), strict=True)
    return [
        Transition(from_poi=poi, to_poi=after, count=count, departures=departures)
        for poi, after, count, departures in rows
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
