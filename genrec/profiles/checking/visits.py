"""How many of a person's visits were to some places at some time: as far as their habits tell it.

Habits hold the days and the hours of each place apart, so that a count of both together lies between two bounds; the
same goes for dates, of which only the first and the last visit to a place are kept.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from genrec.habit_models import Habits, Lately, PlaceHabit
from genrec.profiles.checking.moments import When
from genrec.words import is_known


@dataclass(frozen=True)
class Bounds:
    """At least `low`, at most `high` visits."""

    low: int
    high: int


@dataclass(frozen=True)
class Places:
    """Some of the person's places, as a sentence speaks of them: all of a kind, one, several, or all."""

    name: str
    habits: tuple[PlaceHabit, ...]
    lately: Lately | None = None

    @property
    def visits(self) -> int:
        """All visits to them."""
        return sum(place.visits for place in self.habits)

    @property
    def is_one(self) -> bool:
        """Whether it is a place that is named by its number."""
        return len(self.habits) == 1 and self.name.startswith("POI ")

    @property
    def pois(self) -> frozenset[int]:
        """Their numbers."""
        return frozenset(place.poi for place in self.habits)

    @property
    def categories(self) -> list[str]:
        """Their kinds, as far as these are known."""
        return list(dict.fromkeys(place.category for place in self.habits if is_known(place.category)))

    def at(self, when: When | None) -> Bounds:
        """Visits at a time."""
        if when is None:
            return Bounds(self.visits, self.visits)
        each = [_at(place, when, self.lately) for place in self.habits]
        return Bounds(sum(bounds.low for bounds in each), sum(bounds.high for bounds in each))

    def and_(self, other: "Places") -> "Places":
        """These and others together."""
        more = tuple(place for place in other.habits if place.poi not in self.pois)
        return Places(f"{self.name} and {other.name}", self.habits + more, self.lately)


def everywhere(habits: Habits) -> Places:
    """All places of a person."""
    return Places("all", tuple(habits.places), habits.lately)


def _at(place: PlaceHabit, when: When, lately: Lately | None) -> Bounds:
    parts = []
    if when.days is not None:
        parts.append(_exactly(_sum(place.weekdays, when.days)))
    if when.hours is not None:
        parts.append(_exactly(_sum(place.hours, when.hours)))
    if when.dates is not None:
        known = lately is not None and when.dates[0] == lately.since.date() and place.last_visit.date() <= when.dates[1]
        late = lately.places.get(place.poi, 0) if lately is not None else 0
        parts.append(_exactly(late) if known else _within(place, *when.dates))
    low = max(0, sum(part.low for part in parts) - (len(parts) - 1) * place.visits)
    return Bounds(low, min(part.high for part in parts))


def _exactly(count: int) -> Bounds:
    return Bounds(count, count)


def _sum(histogram: Mapping[int, int], bins: Collection[int]) -> int:
    return sum(histogram.get(i, 0) for i in bins)


def _within(place: PlaceHabit, begin: date, end: date) -> Bounds:
    """Visits between two days: all, none, or at least those that are known to be."""
    first, last = place.first_visit.date(), place.last_visit.date()
    if begin <= first and last <= end:
        return _exactly(place.visits)
    if last < begin or end < first:
        return Bounds(0, 0)
    ends = sum(begin <= day <= end for day in ((first, last) if place.visits > 1 else (first,)))
    outside = (place.visits > 1 and (last > end)) + (first < begin)
    return Bounds(ends, place.visits - outside)
