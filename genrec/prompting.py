"""Renders the templates of `prompts/` into chat messages; the one place that does.

Templates see numbers and strings only and run sandboxed; what a user wrote is always a value,
never a template.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import polars as pl
from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from genrec.columns import CATEGORY
from genrec.faithfulness import PLAIN_WORDS, words_of
from genrec.habits import CategoryHabit, CityHabits, Habits, PlaceHabit, Transition
from genrec.llm.backend import Message
from genrec.phrases import WEEKDAYS, when_phrase
from genrec.profile import UNKNOWN, Level, Profile
from genrec.trajectories import Visit

EVIDENCE_PLACES = 8
EVIDENCE_CATEGORIES = 6
EVIDENCE_TRANSITIONS = 3
HABIT_ROWS = 12
POPULAR_ROWS = 5
PREFIX_VISITS = 5

FACT_CATEGORIES = 3
FACT_PLACES = 4
FACT_STEPS = 1
MIN_VISITS = 2

Section = Literal["preferences", "routines", "summary"]
WRITE_PROMPTS: dict[Section, str] = {
    "preferences": "write_preference",
    "routines": "write_routine",
    "summary": "write_summary",
}
WRITING = (*WRITE_PROMPTS.values(), "note", "write_user", "evidence", "field_system", "field_user", "field_reference")
RANKING = ("rank_system", "rank_visit", "rank_example")
NO_EVIDENCE = "No visits are known."


@dataclass(frozen=True)
class RankingPrompt:
    """Chat messages that ask for the next POI, and how many lines the token budget left out."""

    messages: list[Message]
    dropped: int
    pois: frozenset[int]  # those that it names


def _source(name: str) -> str:
    return files("prompts").joinpath(f"{name}.jinja").read_text(encoding="utf-8")


def _when(habit: PlaceHabit | CategoryHabit) -> str:
    phrase = when_phrase(habit.hours, habit.weekdays)
    return f", {phrase}" if phrase else ""


def _joined_lines(value: object) -> object:
    """A value of a template, unable to add lines to a prompt."""
    return " ".join(value.splitlines()) if isinstance(value, str) else value


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        finalize=_joined_lines,
    )
    environment.filters["when"] = _when
    return environment


def render(name: str, **values: Any) -> str:
    """A template of `prompts/` with its values; a missing value is an error."""
    return _environment().get_template(name).render(values).strip()


@cache
def prompt_version(names: tuple[str, ...]) -> str:
    """Hash of the templates' words: artefacts made with other words do not mix."""
    return hashlib.sha256("\0".join(_source(name) for name in names).encode()).hexdigest()[:12]


def one_line(text: str) -> str:
    """Text from data or people, unable to add lines to a prompt."""
    return " ".join(text.split())


def evidence(habits: Habits, about: str = "") -> str:
    """The notes that the profile writer reads; `about` is what the user says of themselves."""
    if habits.checkins == 0:
        return f"The person says: {one_line(about)}" if about else NO_EVIDENCE
    notes = render(
        "evidence",
        habits=habits,
        exploration=round(100 * habits.exploration_rate),
        categories=habits.categories[:EVIDENCE_CATEGORIES],
        places=habits.places[:EVIDENCE_PLACES],
        transitions=habits.transitions[:EVIDENCE_TRANSITIONS],
    )
    return f"{notes}\nThe person says: {one_line(about)}" if about else notes


@dataclass(frozen=True)
class Fact:
    """One thing the evidence says, to be put into a sentence."""

    section: Section
    kind: Literal["category", "place", "step", "summary"]
    habit: CategoryHabit | PlaceHabit | Transition | None = None
    places: tuple[PlaceHabit, ...] = ()


def facts(habits: Habits) -> list[Fact]:
    """What a profile should speak of: the main kinds of places, the main places and steps, and a summary."""
    regular = [habit for habit in habits.categories if habit.visits >= MIN_VISITS]
    places = [place for place in habits.places if place.visits >= MIN_VISITS]
    chosen = [Fact("preferences", "category", habit) for habit in regular[:FACT_CATEGORIES]]
    chosen += [Fact("routines", "place", place) for place in places[:FACT_PLACES]]
    steps = [step for step in habits.transitions if step.from_poi != step.to_poi]
    chosen += [Fact("routines", "step", step) for step in steps[:FACT_STEPS]]
    if places:
        chosen.append(Fact("summary", "summary", places=tuple(places[:2])))
    return chosen


def fact_sentence(fact: Fact) -> str:
    """The fact in a sentence of a template's."""
    return render("sentence", fact=fact)


def fact_messages(fact: Fact, habits: Habits) -> list[Message]:
    """Ask a model to put the fact into a sentence."""
    return [
        {"role": "system", "content": render(WRITE_PROMPTS[fact.section])},
        {"role": "user", "content": render("write_user", note=render("note", fact=fact, habits=habits))},
    ]


def reference_notes() -> list[str]:
    """The notes of invented people that guesses are calibrated on."""
    return render("field_reference").split("\n\n")


def field_messages(notes: str, field: str, options: Sequence[str]) -> list[Message]:
    """Ask for one closed field of a profile."""
    return [
        {"role": "system", "content": render("field_system")},
        {
            "role": "user",
            "content": render("field_user", evidence=notes.split("\n"), field=field.replace("_", " "), options=options),
        },
    ]


def ranking_messages(
    profile: Profile,
    city: CityHabits,
    pois: pl.DataFrame,
    *,
    at: datetime | None,
    prefix: Sequence[Visit],
    level: Level,
    count_tokens: Callable[[str], int],
    budget: int,
    habit_table: bool = True,
) -> RankingPrompt:
    """Ask for the next POI of a user at a time (None: unknown), after the visits of `prefix`.

    Earlier visits stand as turns of the conversation: a time asked about, a POI answered. The
    system message and the first turns are frozen as of the profile's moment, so they stay the
    same, byte for byte, until the profile is refreshed. At most `budget` tokens are spent on the
    user's lines; the least informative go first. `habit_table` may leave out the user's places.
    """
    new = suggestions(profile, city, pois)
    lines = profile_lines(profile, level) + place_lines(
        profile.habits.places if habit_table else [], new, pois, as_of=profile.as_of
    )
    kept = _within(lines, budget, count_tokens)
    system = render("rank_system", user_id=one_line(profile.user_id), lines=kept)
    messages: list[Message] = [{"role": "system", "content": system}]
    visits = _earlier_visits(profile.habits, prefix)
    if not visits:  # without a turn to go by, a model does not know what an answer looks like
        for poi in new:
            question = render("rank_example", category=one_line(pois[CATEGORY][poi]))
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": str(poi)}]
    for time, poi in visits:
        messages.append({"role": "user", "content": render("rank_visit", time=_moment(time))})
        messages.append({"role": "assistant", "content": str(poi)})
    messages.append({"role": "user", "content": render("rank_visit", time=_moment(at) if at else "")})
    shown = {poi for _, poi in visits} if visits else set(new)
    return RankingPrompt(messages, dropped=len(lines) - len(kept), pois=named_pois(kept) | shown)


def named_pois(lines: Sequence[str]) -> frozenset[int]:
    """The POIs that lines of a prompt name."""
    return frozenset(int(poi) for line in lines for poi in re.findall(r"\bPOI (\d+)", line))


def _earlier_visits(habits: Habits, prefix: Sequence[Visit]) -> list[Visit]:
    """The last visits that the evidence knows, always the same ones, then those of the trajectory since then."""
    known = [(visit.time, visit.poi) for visit in habits.recent]
    return known + [visit for visit in prefix if visit[0] >= habits.as_of][-PREFIX_VISITS:]


@dataclass(frozen=True)
class Line:
    """A line of a prompt; lines with the highest rank are left out first."""

    text: str
    rank: int


def profile_lines(profile: Profile, level: Level) -> list[Line]:
    """The parts of a profile that a level shows (GenUP's ablation), as lines of the system prompt."""
    lines = []
    if level == "full":
        traits = [f"{guess.value} {name}" for name, guess in profile.traits.items() if guess.value != UNKNOWN]
        if traits:
            lines.append(Line(f"You have the following traits: {', '.join(traits)}.", 40))
    if level in ("attributes", "full"):
        facts = [
            f"{name.replace('_', ' ')} {guess.value}"
            for name, guess in profile.attributes.items()
            if guess.value != UNKNOWN
        ]
        if facts:
            lines.append(Line(f"You have the following attributes: {', '.join(facts)}.", 40))
    sections = {
        "none": [],
        "routines": [profile.preferences, profile.routines],
        "attributes": [profile.preferences, profile.routines],
        "full": [profile.preferences, profile.routines, profile.summary],
    }[level]
    for section in sections:
        lines += [Line(one_line(s.text), 20 + 10 * i) for i, s in enumerate(section)]
    return lines


def place_lines(places: Sequence[PlaceHabit], new: Sequence[int], pois: pl.DataFrame, as_of: datetime) -> list[Line]:
    """The habit table, most visited first, then places that the user may like but has not been to."""
    lines = [Line("Your places:", -1)] if places else []
    for i, place in enumerate(places[:HABIT_ROWS]):
        lines.append(Line(_place_line(place, as_of), 10 * i))
    if new:
        lines.append(Line("Popular places that you have not been to:", 25))
        lines += [Line(f"POI {poi}: {one_line(pois[CATEGORY][poi])}", 25 + 10 * i) for i, poi in enumerate(new)]
    return lines


def suggestions(profile: Profile, city: CityHabits, pois: pl.DataFrame) -> list[int]:
    """Popular places that the user has not been to; those of the kinds that the profile speaks of come first."""
    known = {place.poi for place in profile.habits.places}
    looked_at = POPULAR_ROWS + len(known) if known else len(pois)
    new = [poi for poi in city.most_visited(looked_at) if poi not in known]
    if known:
        return new[:POPULAR_ROWS]
    said = {word for statement in profile.statements() for word in words_of(statement.text)} - PLAIN_WORDS
    return sorted(new, key=lambda poi: not said.intersection(words_of(pois[CATEGORY][poi])))[:POPULAR_ROWS]


def _place_line(place: PlaceHabit, as_of: datetime) -> str:
    days = (as_of - place.last_visit).days
    ago = "today" if days == 0 else "1 day ago" if days == 1 else f"{days} days ago"
    when = when_phrase(place.hours, place.weekdays) or "any time"
    return f"POI {place.poi}: {one_line(place.category)}, {place.visits} visits, {when}, {ago}"


def _within(lines: list[Line], budget: int, count_tokens: Callable[[str], int]) -> list[str]:
    """The most informative lines that fit into the budget, in their order."""
    kept, spent = set(), 0
    for i in sorted(range(len(lines)), key=lambda i: lines[i].rank):
        spent += count_tokens(lines[i].text + "\n")
        if spent > budget:
            break
        kept.add(i)
    return [line.text for i, line in enumerate(lines) if i in kept]


def _moment(time: datetime) -> str:
    return f"{WEEKDAYS[time.weekday()][:3]} {time:%H:%M}"  # not %a, which follows the locale
