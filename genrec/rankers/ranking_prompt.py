"""The conversation that asks for the next POI: profile, habit table, the visits so far, the moment asked about.

Each visit of the current trajectory is a turn: the moment with what the habits alone would say, and the POI that
was visited. So the model reads how far this user follows their habits today, and its work is to know when not to.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE
from genrec.geo import haversine_km
from genrec.habit_models import Habits, PlaceHabit
from genrec.habits import CityHabits
from genrec.llm.backend import Message
from genrec.phrases import WEEKDAYS, when_phrase
from genrec.profiles.profile import UNKNOWN, Level, Profile
from genrec.prompting import name_in_prompt, one_line, render
from genrec.rankers.habits import rank_habits
from genrec.trajectories import Visit, since
from genrec.words import PLAIN_WORDS, words_of

RANKING = ("rank_system", "rank_visit", "rank_example")
HABIT_ROWS = 8
POPULAR_ROWS = 5
CANDIDATES = 6
NEAR_KM = 1.0

# So many visits of a trajectory are told, and at least half as many of a longer one: they fall away a half at a time,
# so that from one question to the next the beginning of the conversation mostly stays the same, and need not be read
# again.
MOST_VISITS = 7


@dataclass(frozen=True)
class RankingPrompt:
    """Chat messages that ask for the next POI.

    Attributes:
        messages: they end with the question.
        dropped: how many lines the token budget left out.
        pois: those that it names.
        answered: how many turns before the question have its form: training learns their answers, too.

    """

    messages: list[Message]
    dropped: int
    pois: frozenset[int]
    answered: int


@dataclass(frozen=True)
class Candidate:
    """A place that habits speak for at a moment.

    `where` is "here" where the user is, "today" where they have been since midnight, "near" within NEAR_KM, or "".
    """

    poi: int
    percent: int
    where: str


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
    most_visits: int = MOST_VISITS,
) -> RankingPrompt:
    """Ask for the next POI of a user at a time (None: unknown), after the visits of `prefix`.

    Earlier visits stand as turns of the conversation: a time asked about, a POI answered. The
    system message and the first turns are frozen as of the profile's moment, so they stay the
    same, byte for byte, until the profile is refreshed. At most `budget` tokens are spent on the
    user's lines; the least informative go first. `habit_table` may leave out the user's places,
    and what habits say of each moment.
    """
    new = suggestions(profile, city, pois)
    lines = profile_lines(profile, level) + place_lines(
        profile.habits.places if habit_table else [], new, pois, as_of=profile.as_of
    )
    kept = _within(lines, budget, count_tokens)
    system = render("rank_system", user_id=name_in_prompt(profile.user_id), lines=kept)
    messages: list[Message] = [{"role": "system", "content": system}]
    known = [(visit.time, visit.poi) for visit in profile.habits.recent]
    recent = since(prefix, profile.as_of)  # the evidence knows the earlier ones
    told = range(first_told(len(recent), most_visits), len(recent))
    if not known and not recent:  # without a turn to go by, a model does not know what an answer looks like
        for poi in new:
            question = render("rank_example", category=name_in_prompt(pois[CATEGORY][poi]))
            messages += _turn(question, poi)
    for time, poi in known:
        messages += _turn(render("rank_visit", time=_moment(time, city), candidates=[]), poi)
    shown = {poi for _, poi in (*known, *recent[told.start :])} or set(new)
    for number in (*told, len(recent)):
        moment = recent[number][0] if number < len(recent) else at
        before = prefix[: len(prefix) - len(recent) + number]
        likely = candidates(profile.habits, city, pois, at=moment, prefix=before) if habit_table else []
        question = render("rank_visit", time=_moment(moment, city) if moment else "", candidates=likely)
        messages += _turn(question, recent[number][1]) if number < len(recent) else [_question(question)]
        shown |= {candidate.poi for candidate in likely}
    return RankingPrompt(messages, len(lines) - len(kept), named_pois(kept) | shown, answered=len(told))


def first_told(visits: int, most: int) -> int:
    """The first of the trajectory's visits that is told, if at most `most` are: 0, or a multiple of half as many."""
    half = (most + 1) // 2
    return 0 if visits <= most else (visits - half) // half * half


def candidates(
    habits: Habits, city: CityHabits, pois: pl.DataFrame, *, at: datetime | None, prefix: Sequence[Visit]
) -> list[Candidate]:
    """The places that habits alone rank first, with their probabilities, and where they are."""
    probabilities = rank_habits(habits, city, pois, at=at, prefix=prefix)
    here = prefix[-1][1] if prefix else None
    today = {poi for time, poi in prefix if at and time.date() == at.date()}

    def where(poi: int) -> str:
        if poi == here:
            return "here"
        if poi in today:
            return "today"
        return "near" if here is not None and _km(pois, here, poi) < NEAR_KM else ""

    best = np.argsort(-probabilities, kind="stable")[:CANDIDATES].tolist()
    return [Candidate(poi, round(100 * probabilities[poi]), where(poi)) for poi in best]


def _km(pois: pl.DataFrame, a: int, b: int) -> float:
    latitude, longitude = pois[LATITUDE], pois[LONGITUDE]
    return float(haversine_km(latitude[a], longitude[a], latitude[b], longitude[b]))


def _question(text: str) -> Message:
    return {"role": "user", "content": text}


def _turn(question: str, poi: int) -> list[Message]:
    return [_question(question), {"role": "assistant", "content": str(poi)}]


def named_pois(lines: Sequence[str]) -> frozenset[int]:
    """The POIs that lines of a prompt name."""
    return frozenset(int(poi) for line in lines for poi in re.findall(r"\bPOI (\d+)", line))


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
    when = when_phrase(place.hours, place.weekdays) or ("any time" if place.hours else "any day")
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


def _moment(time: datetime, city: CityHabits) -> str:
    day = WEEKDAYS[time.weekday()][:3]  # not %a, which follows the locale
    return f"{day} {time:%H:%M}" if city.tells_hours else day
