"""What must be true of anybody's habits, whoever counted them: else a file of profiles was made or changed by hand.

Each check raises ValueError, which pydantic turns into a validation error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from genrec.bounds import CLOCKS_APART

if TYPE_CHECKING:
    from genrec.habits import Habits


def require_sound(habits: Habits) -> None:
    """Raise ValueError if the parts of somebody's habits contradict each other."""
    _require_once(habits)
    _require_sums(habits)
    _require_histograms(habits)
    _require_times(habits)


def require_order(early: datetime, late: datetime, what: str, other: str) -> None:
    """Raise ValueError if a moment is after a later one by more than the clocks of two zones differ."""
    if early - late > CLOCKS_APART:
        raise ValueError(f"{what} ({early}) is after {other} ({late})")


def _require_once(habits: Habits) -> None:
    """Each thing once, and only places that are there."""
    _require_different("places: POI", [place.poi for place in habits.places])
    _require_different("places: poi_id", [place.poi_id for place in habits.places])
    _require_different("categories: category", [habit.category for habit in habits.categories])
    _require_different("anchors: POI", [anchor.poi for anchor in habits.anchors])
    _require_different("anchors: kind", [anchor.kind for anchor in habits.anchors])
    _require_different("transitions: step", [(step.from_poi, step.to_poi) for step in habits.transitions])
    places = {place.poi for place in habits.places}
    named = {
        "anchors": {anchor.poi for anchor in habits.anchors},
        "transitions": {poi for step in habits.transitions for poi in (step.from_poi, step.to_poi)},
        "recent": {visit.poi for visit in habits.recent},
    }
    for name, pois in named.items():
        if strangers := pois - places:
            raise ValueError(f"{name}: POI {min(strangers)} is not one of the places")


def _require_different(what: str, values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        [(twice, _)] = Counter(values).most_common(1)
        raise ValueError(f"{what} {twice!r} is there twice")


def _require_sums(habits: Habits) -> None:
    """Visits of places and of categories are the same visits."""
    visits: Counter[str] = Counter()
    for place in habits.places:
        visits[place.category] += place.visits
    if visits.total() != habits.checkins:
        raise ValueError(f"checkins is {habits.checkins}, but the places have {visits.total()} visits")
    for habit in habits.categories:
        if visits.pop(habit.category, 0) != habit.visits:
            raise ValueError(f"categories: {habit.category!r} has other visits than its places")
    if visits:
        raise ValueError(f"categories: {min(visits)!r} is missing")


def _require_histograms(habits: Habits) -> None:
    """The whole histograms are those of the places together."""
    for name in ("hours", "weekdays"):
        counts: Counter[int] = Counter()
        for place in habits.places:
            counts.update(getattr(place, name))
        if any(counts[i] != count for i, count in enumerate(getattr(habits, name))):
            raise ValueError(f"{name}: not the sum of those of the places")
    if sum(habits.hours) not in (0, habits.checkins):  # dates tell no hours
        raise ValueError(f"hours hold {sum(habits.hours)} visits, not {habits.checkins}")
    if not (habits.active_days <= habits.checkins and bool(habits.active_days) == bool(habits.checkins)):
        raise ValueError(f"active_days is {habits.active_days}, with {habits.checkins} check-ins")


def _require_times(habits: Habits) -> None:
    """All visits between the first and the last one, and these before the moment of the habits."""
    first, last = habits.first, habits.last
    if first is None or last is None:
        if habits.checkins or first or last:
            raise ValueError("first, last: one of them is missing")
        return
    if not habits.checkins:
        raise ValueError("first, last: there are no check-ins")
    require_order(first, last, "first", "last")
    require_order(last, habits.as_of, "last", "as_of")
    visits = [(f"places: POI {place.poi}", place.first_visit, place.last_visit) for place in habits.places]
    visits += [("recent: a visit", visit.time, visit.time) for visit in habits.recent]
    for what, early, late in visits:
        require_order(first, early, "first", what)
        require_order(late, last, what, "last")
