"""What is stored of habits: counted visits, and what must be true of them, whoever counted them.

A file of profiles may have been made or changed by hand. Each check raises ValueError, which pydantic turns into a
validation error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime, model_validator

from genrec.bounds import CLOCKS_APART, Count, Hour, PoiIndex, Positive, Share, Weekday

AnchorKind = Literal["home-like", "work-like", "study-like"]

RECENT_VISITS = 5
EARTH_KM = 20_100  # half way around, a little more: nothing is farther away


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CategoryHabit(_Model):
    """A user's visits to one category; `hours` maps the hour (0-23), `weekdays` the day (0 = Monday) to visits.

    `hours` is empty where the data have dates only.
    """

    category: str
    visits: Positive
    share: Share
    hours: dict[Hour, Positive]
    weekdays: dict[Weekday, Positive]

    @model_validator(mode="after")
    def _visits_are_spread(self) -> CategoryHabit:
        for name in ("hours", "weekdays"):
            spread = sum(getattr(self, name).values())
            if spread != self.visits and (spread or name == "weekdays"):  # dates tell no hours
                raise ValueError(f"{name} hold {spread} visits, not {self.visits}")
        return self


class PlaceHabit(CategoryHabit):
    """A user's visits to one place; `name` is None where the data have none."""

    poi: PoiIndex
    poi_id: str
    name: str | None = None
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    first_visit: NaiveDatetime
    last_visit: NaiveDatetime

    @model_validator(mode="after")
    def _first_comes_first(self) -> PlaceHabit:
        _require_order(self.first_visit, self.last_visit, "first_visit", "last_visit")
        return self


class Transition(_Model):
    """`count` of the `departures` from one place (visits with a next one in the trajectory) led to another."""

    from_poi: PoiIndex
    to_poi: PoiIndex
    count: Positive
    departures: Positive

    @model_validator(mode="after")
    def _a_part(self) -> Transition:
        if self.count > self.departures:
            raise ValueError(f"count is {self.count}, of {self.departures} departures")
        return self


class RecentVisit(_Model):
    """One visit."""

    time: NaiveDatetime
    poi: PoiIndex


class Lately(_Model):
    """The visits since the first day of a month, to be held against those before it."""

    since: NaiveDatetime
    visits: Positive
    places: dict[PoiIndex, Positive]
    hours: dict[Hour, Positive] = {}
    weekdays: dict[Weekday, Positive] = {}

    @model_validator(mode="after")
    def _visits_are_of_places(self) -> Lately:
        if sum(self.places.values()) != self.visits:
            raise ValueError(f"the places have {sum(self.places.values())} visits, not {self.visits}")
        return self


class Anchor(_Model):
    """A place that looks like home, work or school, with the numbers that say so."""

    kind: AnchorKind
    poi: PoiIndex
    why: str


class Habits(_Model):
    """The evidence about a user. Places, categories and transitions are sorted by visits, most first.

    entropy: bits of the distribution of visits over places. regularity: 1 - entropy / log2(places), 1 if all
    visits go to one place (the temporal-uncorrelated entropy of Song et al., Science 2010, normalised).
    exploration_rate: share of the check-ins that were first visits. radius_of_gyration_km: root mean square
    distance from the centre of the visits (Gonzalez et al., Nature 2008). All are 0 without check-ins. `hours` are 0
    where the data have dates only. `lately` is None if too little is known to tell lately from before.
    """

    user_id: str
    as_of: NaiveDatetime
    checkins: Count
    first: NaiveDatetime | None
    last: NaiveDatetime | None
    active_days: Count
    places: list[PlaceHabit]
    categories: list[CategoryHabit]
    hours: list[Count] = Field(min_length=24, max_length=24)
    weekdays: list[Count] = Field(min_length=7, max_length=7)
    anchors: list[Anchor]
    entropy: float = Field(ge=0, le=64)
    regularity: Share
    exploration_rate: Share
    radius_of_gyration_km: float = Field(ge=0, le=EARTH_KM)
    transitions: list[Transition]
    recent: list[RecentVisit] = Field(max_length=RECENT_VISITS)
    lately: Lately | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Habits:
        _require_sound(self)
        return self


def as_kept(habits: Habits, kept: Habits) -> Habits:
    """Habits without what was not counted or kept yet when others were: changes of late, names of places."""
    changes: dict[str, object] = {}
    if kept.lately is None:
        changes["lately"] = None
    if all(place.name is None for place in kept.places):
        changes["places"] = [place.model_copy(update={"name": None}) for place in habits.places]
    return habits.model_copy(update=changes)


def _require_sound(habits: Habits) -> None:
    """Raise ValueError if the parts of somebody's habits contradict each other."""
    _require_once(habits)
    _require_sums(habits)
    _require_histograms(habits)
    _require_times(habits)


def _require_order(early: datetime, late: datetime, what: str, other: str) -> None:
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
        "lately": set(habits.lately.places) if habits.lately else set(),
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
        whole: list[int] = getattr(habits, name)
        counts = [0] * len(whole)
        for place in habits.places:
            spread: dict[int, int] = getattr(place, name)
            for value, visits in spread.items():
                counts[value] += visits
        if counts != whole:
            raise ValueError(f"{name}: not the sum of those of the places")
    lately = habits.lately.places if habits.lately else {}
    if any(lately.get(place.poi, 0) > place.visits for place in habits.places):
        raise ValueError("lately: a place has more visits than altogether")
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
    _require_order(first, last, "first", "last")
    _require_order(last, habits.as_of, "last", "as_of")
    visits = [(f"places: POI {place.poi}", place.first_visit, place.last_visit) for place in habits.places]
    visits += [("recent: a visit", visit.time, visit.time) for visit in habits.recent]
    for what, early, late in visits:
        _require_order(first, early, "first", what)
        _require_order(late, last, what, "last")
