"""The facts of a person, each with a weight: how much of the person it tells."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Literal

from genrec.habit_models import CategoryHabit, Habits, PlaceHabit
from genrec.phrases import MIN_SHARE, days_phrase, hours_phrase, usual_days, usual_hours, when_phrase
from genrec.profiles.change import CHANCE, changed, is_new
from genrec.profiles.patterns import novelty, share_within, usual_part
from genrec.profiles.portrait.tastes import is_for_pleasure, plural_of
from genrec.prompting import name_in_prompt
from genrec.words import is_known

FactKind = Literal[
    "lives", "works", "studies", "top", "place", "step", "rhythm", "area", "new places", "known places",
    "taste", "kind", "more", "less", "new",
]  # fmt: skip

IMPORTANT: Final = 10  # facts of a portrait
MIN_VISITS: Final = 2  # of a place or kind that is spoken of
OFTEN: Final = 5  # visits, to say that
ENOUGH: Final = 20  # check-ins, to speak of them as a whole
MOST: Final[dict[FactKind, int]] = {"place": 4, "taste": 3, "kind": 2, "step": 1, "more": 2, "less": 1, "new": 2}
COMPARED: Final = 12  # places and kinds, the most visited ones, that are looked at for change
DISTANCES: Final = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50)  # km
NEAR_SHARE: Final = 0.7  # of the visits within one of them
ROLES: Final[dict[str, FactKind]] = {"home-like": "lives", "work-like": "works", "study-like": "studies"}


@dataclass(frozen=True)
class Fact:
    """One thing that the visits tell.

    Attributes:
        kind: of what it speaks.
        weight: how much it tells of the person; those of a person sum up to 1.
        names: the places ("POI 4 (Bar)") or the kind that it names.
        pois: the places' numbers; none for a kind of place.
        when: days and hours.
        km: a distance.
        since: a month, where the fact is a change.
        few: whether the visits are too few to say "often".
        cue: of the phrasing that is wanted, once that is decided.

    """

    kind: FactKind
    weight: float
    names: tuple[str, ...] = ()
    pois: tuple[int, ...] = ()
    when: str = ""
    km: int = 0
    since: str = ""
    few: bool = False
    cue: str = ""


def facts(habits: Habits) -> list[Fact]:
    """The most important facts, the weightiest first."""
    found: list[Fact] = [*_places(habits), *_whole(habits), *_kinds(habits), *_steps(habits), *_changes(habits)]
    found.sort(key=lambda fact: -fact.weight)
    seen: dict[FactKind, count[int]] = {}
    kept = [fact for fact in found if next(seen.setdefault(fact.kind, count())) < MOST.get(fact.kind, 1)][:IMPORTANT]
    total = sum(fact.weight for fact in kept)
    return [replace(fact, weight=fact.weight / total) for fact in kept]


def place_name(place: PlaceHabit) -> str:
    """A place as sentences name it."""
    return f"POI {place.poi} ({name_in_prompt(place.category)})" if is_known(place.category) else f"POI {place.poi}"


def _places(habits: Habits) -> Iterator[Fact]:
    roles = {anchor.poi: ROLES[anchor.kind] for anchor in habits.anchors}
    for number, place in enumerate(habits.places):
        if place.visits < MIN_VISITS:
            break
        few = place.visits < OFTEN
        kind = "place" if few else roles.get(place.poi, "place" if number or habits.checkins < ENOUGH else "top")
        weight = 0.1 + place.share + (0 if kind == "place" else 0.2)
        when = "" if kind == "lives" else _when(place)
        yield Fact(kind, weight + 0.1 * bool(when), (place_name(place),), (place.poi,), when, few=few)


def _kinds(habits: Habits) -> Iterator[Fact]:
    """What kinds of places somebody goes to: not what they live and work in, nor a single place."""
    anchored = {anchor.poi for anchor in habits.anchors}
    duty = {place.category for place in habits.places if place.poi in anchored}
    for habit in habits.categories:
        if habit.visits >= MIN_VISITS and is_known(habit.category) and habit.category not in duty:
            if max(place.share for place in habits.places if place.category == habit.category) > 0.9 * habit.share:
                continue
            kind: FactKind = "taste" if is_for_pleasure(habit.category) else "kind"
            names = (plural_of(name_in_prompt(habit.category)),)
            yield Fact(kind, 0.15 + 0.8 * habit.share, names, (), _when(habit), few=habit.visits < OFTEN)


def _when(habit: PlaceHabit | CategoryHabit) -> str:
    """Days and hours; both only if half of the visits surely fall into both, as each is counted by itself."""
    days, span = usual_days(habit.weekdays), usual_hours(habit.hours)
    if days and span:
        hours = [(span[0] + later) % 24 for later in range((span[1] - span[0]) % 24 + 1)]
        then = [sum(habit.weekdays.get(day, 0) for day in days), sum(habit.hours.get(hour, 0) for hour in hours)]
        if sum(then) - habit.visits < MIN_SHARE * habit.visits:
            return hours_phrase(span)
    return when_phrase(habit.hours, habit.weekdays)


def _whole(habits: Habits) -> Iterator[Fact]:
    if habits.checkins < ENOUGH:
        return
    if when := _rhythm(habits):
        yield Fact("rhythm", 0.3, when=when)
    if new := novelty(habits):
        yield Fact("new places" if new == "new" else "known places", 0.2)
    top = habits.places[0]
    near = [km for km in DISTANCES if share_within(habits, top.poi, km) >= NEAR_SHARE]
    if near and top.share < NEAR_SHARE:
        yield Fact("area", 0.25, (f"POI {top.poi}",), (top.poi,), km=near[0])


def _rhythm(habits: Habits) -> str:
    """Such as "on weekdays, often between 8 and 12"."""
    days, span = usual_days(dict(enumerate(habits.weekdays))), usual_hours(dict(enumerate(habits.hours)))
    part = usual_part(habits)
    hours = hours_phrase(span) if span else f"in the {part}" if part else ""
    hours = hours.replace("in the night", "at night")
    return ", often ".join(filter(None, (f"on {days_phrase(days)}" if days else "", hours)))


def _steps(habits: Habits) -> Iterator[Fact]:
    places = {place.poi: place for place in habits.places}
    for step in habits.transitions:
        if step.from_poi != step.to_poi:
            names = (place_name(places[step.from_poi]), place_name(places[step.to_poi]))
            weight = 0.1 + 2 * step.count / habits.checkins
            yield Fact("step", weight, names, (step.from_poi, step.to_poi))


def _changes(habits: Habits) -> Iterator[Fact]:
    """What is new, and what is more or less frequent than before; so many comparisons ask for a stricter test."""
    for place in habits.places:
        if is_new(habits, place.poi):
            since = f"{place.first_visit:%B %Y}"
            yield Fact("new", 0.2 + place.share, (place_name(place),), (place.poi,), since=since)
    if habits.lately is None:
        return
    since = f"{habits.lately.since:%B %Y}"
    several = [habit for habit in habits.categories if is_known(habit.category) and len(_of(habits, habit)) > 1]
    compared = [*habits.places[:COMPARED], *several[:COMPARED]]
    for habit in compared:
        is_place = isinstance(habit, PlaceHabit)
        pois = (habit.poi,) if isinstance(habit, PlaceHabit) else _of(habits, habit)
        new = is_place and is_new(habits, pois[0])
        if not new and (direction := changed(habits, pois, CHANCE / len(compared))):
            name = place_name(habit) if isinstance(habit, PlaceHabit) else plural_of(name_in_prompt(habit.category))
            yield Fact(direction, 0.25 + habit.share, (name,), pois if is_place else (), since=since)


def _of(habits: Habits, habit: CategoryHabit) -> tuple[int, ...]:
    """The places of a kind."""
    return tuple(place.poi for place in habits.places if place.category == habit.category)
