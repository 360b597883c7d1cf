"""Claims of a pattern in somebody's visits: a change, what is new, how far they go, home and work, what comes first.

Their words are taken out of a sentence; what is left makes claims of places, kinds, days and hours as any other does.
"""

import re
from calendar import month_name
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from genrec.habit_models import Habits, Lately
from genrec.profiles.change import changed, is_new, visits_lately
from genrec.profiles.kinds import Kind, KindIndex
from genrec.profiles.patterns import novelty, share_within
from genrec.profiles.sentence import Place, Sentence, readings
from genrec.words import is_known, key_of

MOST: Final = 0.5  # share of the visits that "within 3 km" must hold
SEEN_LATELY: Final = 2  # visits
_ROLES: Final = {"live": "home-like", "home": "home-like", "work": "work-like", "stud": "study-like"}

_KM: Final = r"within (?:about )?\d{1,4} km of\b"
_OFTEN: Final = r"\b(?:(?:mostly|usually|mainly|often|frequently) )?"
_NOVEL: Final = r"(?: to)?(?: visit(?:ing)?)? (?:new|known|familiar) places\b"
# The words of patterns, of which kind each is, and what stands for them in the sentence that is left: somebody must do
# something there.
_WORDS: Final = (
    ("since", rf"\bsince (?:{'|'.join(month_name[1:])})(?: \d{{4}})?,?|\b(?:lately|recently)\b,?", ""),
    ("more", r"\bmore (?:often|frequently)(?: than before)?", ""),
    ("less", r"\bless (?:often|frequently)(?: than before)?", ""),
    ("novelty", r"\b(?:many|most) of their visits are to (?:new|known|familiar) places\b", "they go"),
    ("novelty", rf"{_OFTEN}(?:goes|returns|keeps|likes|prefers|enjoys|chooses){_NOVEL}", "goes"),
    ("novelty", rf"{_OFTEN}(?:go|return|keep|like|prefer|enjoy|choose){_NOVEL}", "go"),
    ("new", r",? (?:a|both) new (?:to them|place|stop|spot)|\bnew(?:ly)?\b", ""),
    ("area", rf"\bmost of their visits are {_KM}", "they visit"),
    ("area", rf"{_OFTEN}(?:stays|keeps|moves|goes)(?: to places)? {_KM}", "visits"),
    ("area", rf"{_OFTEN}(?:stay|keep|move|go)(?: to places)? {_KM}", "visit"),
    ("role", r"\blikely (?:lives|works|studies) (?:at|in)\b", "visits"),
    ("role", r"\blikely (?:live|work|study) (?:at|in)\b", "visit"),
    ("role", r",? likely (?:home|at home|at work|for work|to work|to study)\b", ""),
    ("role", r"\bhome to\b", "to"),
    ("first", r"\bmost time\b", "time"),
    ("first", r"\bmost (?:often|visited)\b|\bfavou?rite\b", ""),
)
_PATTERN = re.compile("|".join(f"({words})" for _, words, _ in _WORDS), re.IGNORECASE)


@dataclass(frozen=True)
class Pattern:
    """What a sentence claims of a pattern; `at`: where it stood, in the sentence without it."""

    kind: str
    text: str
    at: int


def taken_apart(sentence: str, index: KindIndex, own: Mapping[int, str]) -> tuple[str, list[Pattern]]:
    """A sentence without the words of patterns, and these."""
    if not _PATTERN.search(sentence):
        return sentence, []
    whole = readings(sentence, index, own)[0]
    names = [(place.start, place.end) for place in whole.places] + [(kind.start, kind.end) for kind in whole.kinds]
    plain, behind = "", 0
    patterns: list[Pattern] = []
    for match in _PATTERN.finditer(whole.text):
        if any(match.start() < end and start < match.end() for start, end in names):
            continue
        kind, _, stands_for = _WORDS[int(match.lastindex or 1) - 1]
        plain = _joined(plain, whole.text[behind : match.start()])
        patterns.append(Pattern(kind, match[0].strip(" ,"), len(plain)))
        plain = _joined(plain, stands_for)
        behind = match.end()
    return (_joined(plain, whole.text[behind:]), patterns) if patterns else (sentence, [])


def _joined(plain: str, more: str) -> str:
    """Two parts of a sentence, with a blank between words."""
    if not plain:
        return more.lstrip(" ,:")
    if more.startswith((".", ",", ";", ":")):
        return plain.rstrip() + more
    return f"{plain.rstrip()} {more.lstrip()}" if more.strip() else plain + more


def pattern_claims(patterns: Collection[Pattern], reading: Sentence, habits: Habits) -> Iterator[tuple[str, bool, str]]:
    """Text, whether it is so, and what the visits say, of each pattern; `reading` is of the sentence without them."""
    changes = {pattern.kind for pattern in patterns} & {"more", "less", "new"}
    for pattern in patterns:
        if pattern.kind == "novelty":
            said = "new" if pattern.text.lower().endswith("new places") else "known"
            yield pattern.text, novelty(habits) == said, f"{habits.exploration_rate:.0%} of the visits are first ones"
        elif pattern.kind == "area":
            yield _area(pattern, reading, habits)
        elif pattern.kind == "role":
            yield _role(pattern, reading, habits)
        elif pattern.kind == "first":
            yield _first(pattern, reading, habits)
        elif pattern.kind == "since" and not _is_since(pattern.text, habits, reading if "new" in changes else None):
            yield pattern.text, False, "nothing is known to have changed then"
        elif pattern.kind != "since" or not changes:
            yield _change(pattern, reading, habits)


def _is_since(said: str, habits: Habits, new: Sentence | None) -> bool:
    """Whether it is the month since which visits are compared with those before, or the first one of `new` places."""
    words = said.lower().split()
    if new:
        named = {place.poi for place in new.places}
        dates = [place.first_visit for place in habits.places if place.poi in named]
    else:
        dates = [habits.lately.since] if habits.lately else []
    months = [f"{date:%B %Y}".lower().split()[: len(words) - 1] for date in dates]
    return bool(months) and (words[0] != "since" or all(month == words[1:] for month in months))


def _change(pattern: Pattern, reading: Sentence, habits: Habits) -> tuple[str, bool, str]:
    """Everything that the sentence names is new, or comes more or less often, or is visited lately at all."""
    named = [{place.poi} for place in reading.places] + [_of(kind, habits) for kind in reading.kinds]
    lately = habits.lately
    if pattern.kind == "new":
        new = bool(named) and all(len(pois) == 1 and is_new(habits, *pois) for pois in named)
        first = [f"POI {p.poi}: first visit {p.first_visit:%Y-%m-%d}" for p in habits.places if {p.poi} in named]
        return pattern.text, new, ", ".join(first)
    if lately is None or not named:
        return pattern.text, False, "nothing is known of a change"
    total = {place.poi: place.visits for place in habits.places}
    everything = {poi for pois in named for poi in pois}
    late = visits_lately(lately, everything)
    early = sum(total.get(poi, 0) for poi in everything) - late
    before = habits.checkins - lately.visits
    note = f"{late} of {lately.visits} visits since {lately.since:%B %Y}, {early} of {before} before"
    return pattern.text, all(_holds(pattern.kind, pois, habits, lately) for pois in named), note


def _holds(kind: str, pois: Collection[int], habits: Habits, lately: Lately) -> bool:
    if kind == "since":
        return visits_lately(lately, pois) >= SEEN_LATELY
    return changed(habits, pois) == kind


def _of(kind: Kind, habits: Habits) -> set[int]:
    """The person's places of a kind: of the category that is spelled so, or of all that have its words."""
    same = {place.poi: place.category for place in habits.places if key_of(place.category) == kind.key}
    return {poi for poi, category in same.items() if category in kind.names} or set(same)


def _area(pattern: Pattern, reading: Sentence, habits: Habits) -> tuple[str, bool, str]:
    place = _named(pattern, reading, habits)
    if place is None:
        return pattern.text, False, "of nothing that they visit"
    km = float(re.findall(r"\d+", pattern.text)[0])
    share = share_within(habits, place.poi, km)
    return pattern.text, share >= MOST, f"{share:.0%} of the visits are within {km:.0f} km of POI {place.poi}"


def _role(pattern: Pattern, reading: Sentence, habits: Habits) -> tuple[str, bool, str]:
    place = _named(pattern, reading, habits)
    role = next(role for word, role in _ROLES.items() if word in pattern.text.lower())
    why = [anchor.why for anchor in habits.anchors if place and (anchor.poi, anchor.kind) == (place.poi, role)]
    return pattern.text, bool(why), f"{role}: {why[0]}" if why else f"nothing says {role}"


def _first(pattern: Pattern, reading: Sentence, habits: Habits) -> tuple[str, bool, str]:
    """What is named must be the most visited place, or kind."""
    known = [habit.category for habit in habits.categories if is_known(habit.category)]
    places = [place.poi for place in reading.places]
    kinds = [kind.key for kind in reading.kinds]
    if places:
        is_first = places[0] == habits.places[0].poi if habits.places else False
    else:
        is_first = bool(kinds and known) and kinds[0] == key_of(known[0])
    return pattern.text, is_first, "the most visited" if is_first else "others are visited more often"


def _named(pattern: Pattern, reading: Sentence, habits: Habits) -> Place | None:
    """The place behind a pattern, or else the last one before it, if it is one of the person's."""
    behind = [place for place in reading.places if place.start >= pattern.at]
    named = (behind or reading.places[::-1])[:1]
    visited = {place.poi for place in habits.places}
    return named[0] if named and named[0].poi in visited else None
