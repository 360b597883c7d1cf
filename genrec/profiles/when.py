"""Days and hours that a sentence speaks of."""

import re
from collections.abc import Iterable, Iterator

from genrec.phrases import WEEKDAYS

# Days, and the share of the visits that they must hold to be worth a word (by chance: .71 and .29).
DAY_GROUPS = {"weekday": ((0, 1, 2, 3, 4), 0.7), "weekend": ((5, 6), 0.4)}
DAY_PARTS = {
    "early morning": (5, 9),
    "morning": (5, 12),
    "noon": (11, 14),
    "lunch": (11, 15),
    "afternoon": (12, 18),
    "evening": (17, 23),
    "night": (20, 6),
}

DAY_NAME = rf"\b({'|'.join(WEEKDAYS)}|weekday|weekend)s?\b"
_CLOCK = r"(\d{1,2})(?::\d\d)?\s?([ap]\.?m\.?)?"
DAY = re.compile(DAY_NAME, re.IGNORECASE)
PART = re.compile(rf"\b({'|'.join(DAY_PARTS)})s?\b", re.IGNORECASE)
SPAN = re.compile(rf"\b(?:between|from) {_CLOCK} (?:and|to|until) {_CLOCK}(?![\d:])", re.IGNORECASE)
HOUR = re.compile(rf"\b(?:around|at|about|by) {_CLOCK}(?![\d:])(?! ?(?:visits|times|%|km))", re.IGNORECASE)


def days_said(times: Iterable[str]) -> frozenset[int]:
    """All days (0 = Monday) that phrases name."""
    named = {match[1].lower() for time in times for match in DAY.finditer(time)}
    groups = {day for word in named & DAY_GROUPS.keys() for day in DAY_GROUPS[word][0]}
    return frozenset(groups | {WEEKDAYS.index(word.capitalize()) for word in named - DAY_GROUPS.keys()})


def hours_said(times: Iterable[str]) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    """What phrases say of hours: words, the hours, and whether these are a part of the day ("evening")."""
    times = list(times)
    for first, half, last, other_half in (match.groups("") for time in times for match in SPAN.finditer(time)):
        begin, end = _hour(first, half or other_half), _hour(last, other_half)
        yield f"{begin} to {end}", _circle(begin, end), False
    for digits, half in (match.groups("") for time in times for match in HOUR.finditer(time)):
        hour = _hour(digits, half)
        yield f"around {hour}", _circle(hour - 1, hour + 2), False
    for part in dict.fromkeys(match[1].lower() for time in times for match in PART.finditer(time)):
        yield part, _circle(*DAY_PARTS[part]), True


def _circle(first: int, end: int) -> tuple[int, ...]:
    """Hours from `first` up to but not including `end`, around midnight if need be."""
    return tuple((first + i) % 24 for i in range((end - first) % 24 or 24))


def _hour(digits: str, half: str) -> int:
    hour = int(digits)
    if half.lower().startswith("p") and hour < 12:
        hour += 12
    return (0 if half.lower().startswith("a") and hour == 12 else hour) % 24
