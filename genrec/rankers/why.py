"""Why a place is in a ranking, in words: short facts, each true of the evidence.

Where a profile is ranked by, they are read off the habits that it keeps (`habit_reasons`); else off the evidence, in
the order of the fields that carried the place (`reasons`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from genrec.columns import CATEGORY, NAME
from genrec.evidence import positions_of
from genrec.habit_models import Habits, PlaceHabit
from genrec.habits import CityHabits
from genrec.phrases import days_phrase, hours_phrase, so_many
from genrec.rankers.reasons import NEAR_KM, Facts, Reason
from genrec.trajectories import Visit
from genrec.words import is_known

FEWEST, MOST = 2, 3  # facts that are said of a place
HEARD = 0.05  # share of a place's probability from which a field is heard
STANDS_OUT = 1.5  # times as many visits at an hour or on a day as if they were spread evenly
LIKE = 0.1  # likeness of persons that is worth a word
CLOSE_KM = 2.0  # a distance that speaks for a place


@dataclass(frozen=True)
class _Told:
    """What sentences about a place are made of; `kind` is its category, if known, `last` where the person was last."""

    facts: Facts
    at: datetime | None
    kind: str | None
    last: str


def reasons(reason: Reason, pois: pl.DataFrame, at: datetime | None) -> list[str]:
    """What carried a place: two facts by the field that carried most of it, one by each of the next."""
    facts, kind = reason.facts, pois[CATEGORY][reason.poi]
    last = "" if facts.last is None else _named(pois, facts.last)
    told = _Told(facts, at, kind if is_known(kind) else None, last)
    said: dict[str, None] = {}
    heard = [field for field, share in reason.fields.items() if share >= HEARD]
    for place, field in enumerate(heard):
        new = [fact for fact in _VOICES[field](told) if fact not in said]
        said |= dict.fromkeys(new[: 1 if place else 2])
    others = (fact for voice in _VOICES.values() for fact in voice(told) if fact not in said)
    while len(said) < FEWEST and (fact := next(others, None)):
        said[fact] = None
    return list(said)[:MOST] or ["no visits by anybody"]


def _own(told: _Told) -> Iterator[str]:
    facts, at = told.facts, told.at
    if not facts.visits:
        return
    yield f"visited {facts.visits:,} of {so_many(facts.checkins, 'time')}{_at_hour(facts, at)}"
    if at and facts.on_day and facts.on_day > 1 and facts.on_day * 7 > facts.visits * STANDS_OUT:
        yield f"{facts.on_day} of its visits on {days_phrase((at.weekday(),))}"
    if facts.last_visit and not facts.here:
        yield _last_visit(facts.last_visit, at)


def _at_hour(facts: Facts, at: datetime | None) -> str:
    """How many visits were around this hour, if this stands out."""
    count = facts.at_hour
    if not at or not count or count * 12 <= facts.visits * STANDS_OUT or count == 1 < facts.visits:
        return ""
    which = "" if facts.visits == 1 else "all of them " if count == facts.visits else f"{count} of them "
    return f", {which}within an hour of {at:%H:%M}"


def _sequence(told: _Told) -> Iterator[str]:
    facts = told.facts
    if facts.here:
        yield "where the last visit was"
    elif facts.steps > 1:
        yield f"follows {told.last} in {facts.steps} of {so_many(facts.departures, 'case')}"


def _crowd(told: _Told) -> Iterator[str]:
    facts = told.facts
    if facts.crowd_steps > 1 and not facts.here:
        yield f"others went on from {told.last} to there {facts.crowd_steps} times"
    if facts.alike >= LIKE:
        yield "people with like habits go there"


def _popularity(told: _Told) -> Iterator[str]:
    if told.facts.visitors:
        yield f"visited by {so_many(told.facts.visitors, 'other person', 'other people')}"


def _category(told: _Told) -> Iterator[str]:
    if told.kind and told.facts.kind_visits:
        yield f"{so_many(told.facts.kind_visits, 'visit')} to other places of its kind, {told.kind}"


def _geography(told: _Told) -> Iterator[str]:
    facts = told.facts
    if facts.km is not None and facts.km <= CLOSE_KM and not facts.here:
        yield f"{_distance(facts.km)} from the last visit"
    if facts.near_visits:
        yield f"{so_many(facts.near_visits, 'visit')} to other places within {NEAR_KM * 1000:.0f} m"


def _habits(told: _Told) -> Iterator[str]:
    yield from _own(told)
    if not told.facts.visits:
        yield from _popularity(told)
        yield from _geography(told)


def _steps(told: _Told) -> Iterator[str]:
    yield from _sequence(told)
    yield from _own(told)


_VOICES: dict[str, Callable[[_Told], Iterator[str]]] = {
    "own": _own,
    "sequence": _sequence,
    "crowd": _crowd,
    "popularity": _popularity,
    "category": _category,
    "words": _category,
    "geography": _geography,
    "habits": _habits,
    "markov": _steps,
    "m2trec": _category,
    "coder": _crowd,
    "cml": _crowd,
    "llm": _category,
}


def habit_reasons(
    habits: Habits,
    city: CityHabits,
    pois: pl.DataFrame,
    poi: int,
    *,
    at: datetime | None,
    prefix: Sequence[Visit] = (),
) -> list[str]:
    """Why habits speak for a place: short facts, each read off a person's habits; `city` is as of the same moment."""
    place = next((place for place in habits.places if place.poi == poi), None)
    here = poi in {visited for _, visited in prefix}
    facts = [f"visited {place.visits:,} of {so_many(habits.checkins, 'time')}"] if place else []
    if place and at:
        facts += _time_facts(place, at)
    facts += [
        f"follows {_named(pois, step.from_poi)} in {step.count} of {step.departures} cases"
        for step in habits.transitions
        if prefix and (step.from_poi, step.to_poi) == (prefix[-1][1], poi)
    ]
    if here:
        facts.append("visited earlier in this trajectory")
    elif place:
        facts.append(_last_visit(place.last_visit, at))
    else:
        facts += _newcomer_facts(habits, city, pois, poi, prefix)
    return facts


def _named(pois: pl.DataFrame, poi: int) -> str:
    """A place with its name or kind, if that is known."""
    place = pois.row(poi, named=True)
    name = place.get(NAME) or place[CATEGORY]
    return f"POI {poi} ({name})" if is_known(name) else f"POI {poi}"


def _distance(km: float) -> str:
    return f"{km:.1f} km" if km >= 1 else f"{max(round(km * 100), 1) * 10} m"


def _time_facts(place: PlaceHabit, at: datetime) -> list[str]:
    """How many of a place's visits were within an hour of the hour of `at`, and on its weekday."""
    around = [(at.hour + shift) % 24 for shift in (-1, 0, 1)]
    at_hours, on_day = sum(place.hours.get(hour, 0) for hour in around), place.weekdays.get(at.weekday(), 0)
    facts = []
    if at_hours:
        facts.append(f"{at_hours} of its visits {hours_phrase((around[0], around[-1]))}")
    if on_day:
        facts.append(f"{on_day} of its visits on {days_phrase((at.weekday(),))}")
    return facts


def _last_visit(last: datetime, at: datetime | None) -> str:
    if at is None or at < last:
        return f"last visit on {last:%Y-%m-%d}"
    days = (at - last).days
    return f"last visit {so_many(days, 'day')} ago" if days else "last visit less than a day ago"


def _newcomer_facts(
    habits: Habits, city: CityHabits, pois: pl.DataFrame, poi: int, prefix: Sequence[Visit]
) -> list[str]:
    """What speaks for a place where the user has not been."""
    visits, people = int(city.visits[poi]), int(city.users[poi])
    popularity = (
        f"{so_many(visits, 'visit')} by {so_many(people, 'person', 'people')}" if visits else "no visits by anybody"
    )
    facts = ["never visited before", popularity]
    last = prefix[-1][1] if prefix else habits.recent[-1].poi if habits.recent else None
    if last is not None:
        facts.append(f"{positions_of(pois).km_from(last)[poi]:.1f} km from the last visit")
    return facts
