"""Does the evidence support what a sentence says?

A sentence is taken apart into checkable claims: POI ids, categories, days, hours, numbers of
visits. Days, hours and numbers are held against the places and categories that the sentence
names, or against all visits if it names none. It stands if it makes at least one claim and
every claim is supported; a sentence that claims nothing checkable ("enjoys hiking") does not.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from genrec.habits import Habits
from genrec.phrases import WEEKDAYS

# Days or hours are supported if they hold this share of the visits spoken of...
MIN_SHARE = 0.25
MIN_GROUP_SHARE = 0.5  # ... or this one for a whole group: weekdays, weekends, a part of the day.
MIN_VISITS = 2

DAY_GROUPS = {"weekday": (0, 1, 2, 3, 4), "weekend": (5, 6)}
DAY_PARTS = {
    "early morning": (5, 9),
    "morning": (5, 12),
    "noon": (11, 14),
    "lunch": (11, 15),
    "afternoon": (12, 18),
    "evening": (17, 23),
    "night": (20, 6),
}

_POI = re.compile(r"\bPOI(?:\s+id)?\s+(\d+)(?:\s*\(([^()]+)\))?", re.IGNORECASE)
_DAY = re.compile(r"\b(" + "|".join(WEEKDAYS) + r"|weekday|weekend)s?\b", re.IGNORECASE)
_PART = re.compile(r"\b(" + "|".join(DAY_PARTS) + r")s?\b", re.IGNORECASE)
_CLOCK = r"(\d{1,2})(?::\d\d)?\s*([ap]\.?m\.?)?"
_SPAN = re.compile(rf"\b(?:between|from)\s+{_CLOCK}\s+(?:and|to|until)\s+{_CLOCK}(?![\d:])", re.IGNORECASE)
_HOUR = re.compile(rf"\b(?:around|at|about|by)\s+{_CLOCK}(?![\d:])(?!\s*(?:visits|times|%|km))", re.IGNORECASE)
_COUNT = re.compile(r"\b(\d+)\s+(?:of\s+\d+\s+)?(?:visits|times|check-ins)\b", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True)
class Claim:
    """One checkable part of a sentence; `note` says what the evidence has to say about it."""

    text: str
    supported: bool
    note: str


@dataclass(frozen=True)
class _Subject:
    """What days, hours and numbers in a sentence speak of."""

    name: str
    visits: int
    hours: Mapping[int, int]
    weekdays: Mapping[int, int]


def check(sentence: str, habits: Habits, vocabulary: Collection[str]) -> list[Claim]:
    """All claims of a sentence. `vocabulary` holds every category of the catalogue."""
    places = {place.poi: place for place in habits.places}
    claims, subjects = [], []
    for match in _POI.finditer(sentence):
        place = places.get(int(match[1]))
        label = match[2]
        right = place is not None and (label is None or _same(label, place.category))
        note = f"POI {place.poi} ({place.category}): {place.visits} visits" if place else "never visited"
        claims.append(Claim(match[0], right, note))
        if place:
            subjects.append(_Subject(f"POI {place.poi}", place.visits, place.hours, place.weekdays))
    rest = _POI.sub(" ", sentence)
    categories = {category.category: category for category in habits.categories}
    for name in _mentioned(rest, vocabulary):
        category = categories.get(name)
        note = f"{name}: {category.visits} visits" if category else "no visits"
        claims.append(Claim(name, category is not None, note))
        if category and not subjects:
            subjects.append(_Subject(name, category.visits, category.hours, category.weekdays))
    if not subjects:
        subjects = [
            _Subject("all", habits.checkins, dict(enumerate(habits.hours)), dict(enumerate(habits.weekdays)))
        ]
    for subject in subjects:
        claims += _time_claims(rest, subject)
    claims += _count_claims(rest, subjects)
    return claims


def supported(claims: Collection[Claim]) -> bool:
    """True if there is at least one claim and all of them hold."""
    return bool(claims) and all(claim.supported for claim in claims)


def has_time(sentence: str) -> bool:
    """True if a sentence speaks of days or hours: a routine rather than a preference."""
    return any(pattern.search(sentence) for pattern in (_DAY, _PART, _SPAN, _HOUR))


def _same(label: str, category: str) -> bool:
    return _key(label) == _key(category)


def _key(text: str) -> tuple[str, ...]:
    """Words of a category, without case, punctuation and plural."""
    return tuple(_singular(word) for word in _WORDS.findall(text.lower()))


def _singular(word: str) -> str:
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss" if ending == "s" else "\0"):
            return word[: -len(ending)] + replacement
    return word


def _mentioned(sentence: str, vocabulary: Collection[str]) -> list[str]:
    """Categories named in a sentence, the longest first, so that "Coffee Shop" is not also "Shop"."""
    words = list(_key(sentence))
    found = []
    for name in sorted(vocabulary, key=lambda name: (-len(_key(name)), name)):
        key = _key(name)
        starts = [i for i in range(len(words) - len(key) + 1) if key and tuple(words[i : i + len(key)]) == key]
        for start in starts:
            words[start : start + len(key)] = [""] * len(key)
        if starts:
            found.append(name)
    return found


def _time_claims(sentence: str, subject: _Subject) -> Iterator[Claim]:
    days, groups = set(), set()
    for match in _DAY.finditer(sentence):
        word = match[1].lower()
        if word in DAY_GROUPS:
            groups.add(word)
        else:
            days.add(WEEKDAYS.index(word.capitalize()))
    for word in sorted(groups):
        yield _share(word + "s", DAY_GROUPS[word], subject.weekdays, subject, MIN_GROUP_SHARE)
    for day in sorted(days):
        yield _share(WEEKDAYS[day], (day,), subject.weekdays, subject, MIN_SHARE / 2 if len(days) > 1 else MIN_SHARE)
    spans = _SPAN.findall(sentence)
    for first, half, last, other_half in spans:
        begin, end = _hour(first, half or other_half), _hour(last, other_half)
        yield _share(f"{begin} to {end}", _circle(begin, end), subject.hours, subject, MIN_SHARE)
    for number, half in _HOUR.findall(_SPAN.sub(" ", sentence)):
        hour = _hour(number, half)
        yield _share(f"around {hour}", _circle(hour - 1, hour + 2), subject.hours, subject, MIN_SHARE)
    for part in {match[1].lower() for match in _PART.finditer(sentence)}:
        yield _share(part, _circle(*DAY_PARTS[part]), subject.hours, subject, MIN_GROUP_SHARE)


def _circle(first: int, end: int) -> tuple[int, ...]:
    """Hours from `first` up to but not including `end`, around midnight if need be."""
    return tuple((first + i) % 24 for i in range((end - first) % 24 or 24))


def _hour(number: str, half: str) -> int:
    hour = int(number)
    if half.lower().startswith("p") and hour < 12:
        hour += 12
    return (0 if half.lower().startswith("a") and hour == 12 else hour) % 24


def _share(
    what: str, bins: Collection[int], histogram: Mapping[int, int], subject: _Subject, least: float
) -> Claim:
    count = sum(histogram.get(i, 0) for i in bins)
    enough = count >= max(MIN_VISITS, least * subject.visits)
    return Claim(what, enough, f"{subject.name}: {count} of {subject.visits} visits {what}")


def _count_claims(sentence: str, subjects: list[_Subject]) -> Iterator[Claim]:
    for match in _COUNT.finditer(sentence):
        number = int(match[1])
        owner = next((s for s in subjects if s.visits == number), None)
        note = f"{owner.name}: {number} visits" if owner else f"not the number of visits of {subjects[0].name}"
        yield Claim(match[0], owner is not None, note)
