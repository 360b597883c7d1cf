"""Habits counted person by person and visit by visit, in plain Python: what the arrays of `genrec.habits` must give."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from genrec.anchors import (
    _CATEGORY_IS_SILENT,
    _CATEGORY_SAYS,
    _NAME_SAYS_PUBLIC,
    MIN_TIMES,
    MIN_VISITS,
    NIGHT,
    OFFICE_HOURS,
)
from genrec.checkins import Checkins
from genrec.clock import before
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI, POI_ID, TIME, USER
from genrec.geo import haversine_km
from genrec.habit_models import (
    RECENT_VISITS,
    Anchor,
    AnchorKind,
    CategoryHabit,
    Habits,
    Lately,
    PlaceHabit,
    RecentVisit,
    Transition,
)
from genrec.habits import LATELY_DAYS, LATELY_VISITS, _moment
from genrec.histories import MIN_TRANSITIONS
from genrec.trajectories import Visit, steps


def plain_habits(
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
    rows = pois[order].select(POI_ID, CATEGORY, LATITUDE, LONGITUDE, pl.col(f"^{NAME}$")).iter_rows(named=True)
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


def find_anchors(places: Sequence[PlaceHabit], visits: Iterable[Visit]) -> list[Anchor]:
    """At most one anchor of each kind and of each place; `places` come most visited first."""
    at_night: Counter[int] = Counter()
    at_work: Counter[int] = Counter()
    for time, poi in visits:
        at_night[poi] += time.hour in NIGHT
        at_work[poi] += time.hour in OFFICE_HOURS and time.weekday() < 5
    by_hours = {"home-like": (at_night, "between 20 and 7"), "work-like": (at_work, "on weekdays between 8 and 17")}
    anchors: list[Anchor] = []
    for kind, says in _CATEGORY_SAYS.items():
        free = [place for place in places if all(place.poi != anchor.poi for anchor in anchors)]
        named = [place for place in free if says.search(place.category) and place.visits >= MIN_VISITS]
        if named:
            why = f"category {named[0].category}, {named[0].visits} visits"
            anchors.append(Anchor(kind=kind, poi=named[0].poi, why=why))
        elif kind in by_hours:
            anchors += _by_hours(kind, free, *by_hours[kind])
    return anchors


def _by_hours(kind: AnchorKind, places: Sequence[PlaceHabit], times: Counter[int], span: str) -> list[Anchor]:
    """The place of a silent category with most visits at the hours that speak for `kind`, if there are enough."""
    silent = [p for p in places if _CATEGORY_IS_SILENT.match(p.category) and times[p.poi] >= MIN_TIMES]
    if not silent:
        return []
    best = max(silent, key=lambda place: times[place.poi])
    if 2 * times[best.poi] < best.visits or _NAME_SAYS_PUBLIC.search(best.name or ""):
        return []
    return [Anchor(kind=kind, poi=best.poi, why=f"{times[best.poi]} of its {best.visits} visits {span}")]
