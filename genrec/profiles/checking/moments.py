"""Times that a sentence speaks of: days of the week, hours, and dates.

A time is a set of days, of hours, or a span of dates; what a sentence joins ("on weekdays around 9") is put together by
`genrec.profiles.checking.segments`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from genrec.phrases import WEEKDAYS

MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WORKING, WEEKEND = frozenset(range(5)), frozenset((5, 6))
DAYS: Final = (
    {day.lower(): frozenset([i]) for i, day in enumerate(WEEKDAYS)}
    | {"weekend": WEEKEND}
    | dict.fromkeys(
        (
            "weekday",
            "working day",
            "workday",
            "week day",
            "during the week",
            "in the week",
            "the working week",
            "mon-fri",
        ),
        WORKING,
    )
    | dict.fromkeys(("midweek", "mid-week", "in the middle of the week"), frozenset((1, 2, 3)))
    | dict.fromkeys(
        ("early in the week", "at the start of the week", "at the beginning of the week"), frozenset((0, 1))
    )
    | dict.fromkeys(
        ("late in the week", "towards the end of the week", "toward the end of the week"), frozenset((3, 4))
    )
)
# From the first hour up to but not including the second.
PARTS: Final = {
    "early morning": (5, 9), "late morning": (9, 12), "morning": (5, 12), "breakfast time": (5, 11),
    "breakfast": (5, 11), "noon": (11, 15), "midday": (11, 15), "lunchtime": (11, 15), "lunch time": (11, 15),
    "lunch": (11, 15), "early afternoon": (12, 15), "late afternoon": (15, 18), "afternoon": (12, 18),
    "early evening": (17, 20), "late evening": (20, 24), "evening": (17, 24), "dinner time": (17, 22),
    "dinner": (17, 22), "late at night": (21, 4), "night": (20, 6), "midnight": (23, 2), "daytime": (8, 18),
    "during the day": (8, 18), "in daytime": (8, 18), "mid-morning": (9, 12), "mid morning": (9, 12),
    "mid-afternoon": (14, 17), "mid afternoon": (14, 17), "small hours": (0, 5), "early hours": (0, 5),
}  # fmt: skip
LATELY: Final = timedelta(days=30)
_NAMED_HOURS: Final = {"noon": 12, "midday": 12, "midnight": 0}
_AFTER_DARK = 18  # "after 20" holds the small hours, "after 9" does not
_SMALL_HOURS = 4

_TWO = r"(?:2[0-4]|[01]?\d)(?!\d)"
_MINUTES = r"(?:[:.]\d\d)?(?: ?o['\u2019]clock)?(?: ?[ap]\.?m\b\.?)?"
_CLOCK = rf"(?:{_TWO}{_MINUTES}|noon|midday|midnight)"
_DAY = rf"(?:{'|'.join(sorted(DAYS, key=len, reverse=True))})s?"
_PART = rf"(?:{'|'.join(sorted(PARTS, key=len, reverse=True))})s?"
_MAY = r"may(?! (?:also|be|come|go|have|often|sometimes|still|stop|visit|well)\b)"  # not as in "they may be"
_MONTH = rf"(?:{'|'.join(MONTHS).replace('may', _MAY)})"
_UNIT = (
    rf"(?! ?(?:[%\d]|\.\d(?!\d)|(?:of|out of|different|other|more|separate)\b|{_MONTH}\b"
    r"|(?:visits?|times?|check-?ins?|places?|days|weeks|km|percent|per cent)\b))"
)
_EDGE = (
    r"(?:(?:the )?(?P<edge>early|late|mid|middle of|start of|beginning of|end of|first half of|second half of"
    r"|first day of|last day of)[ -])?"
    r"(?:the )?"
)
_NTH = r"(?:st|nd|rd|th)?"
_LATELY = (
    r"lately|recently|of late|for (?:a|one|the last|the past) month|for (?:four weeks|30 days|thirty days)"
    r"|(?:(?:in|over|during|within) )?the (?:last|past) (?:thirty days|30 days|four weeks|few weeks|month)"
)
_ALTERNATIVES = (
    rf"(?:between|from) (?P<begin>{_CLOCK}) ?(?:and|to|until|till|up to|-|\u2013) ?(?P<end>{_CLOCK})",
    rf"(?P<begin2>{_TWO}(?::\d\d)?) ?[-\u2013] ?(?P<end2>{_TWO}(?::\d\d)?)(?: ?o['\u2019]clock|h\b)?{_UNIT}",
    rf"(?:after|past|from|later than|not before|since)(?: about| around)? (?P<late>{_CLOCK}){_UNIT}"
    r"(?: on(?:wards)?\b)?",
    rf"(?:before|until|till|earlier than|up to)(?: about| around)? (?P<early>{_CLOCK}){_UNIT}",
    rf"(?:at around|at about|around|at|about|by|towards?|near) (?P<hour>{_TWO}{_MINUTES})"
    rf"(?: (?:or|and) (?:around )?(?P<hour2>{_TWO}{_MINUTES}))?{_UNIT}(?![\w-])",
    rf"(?P<lately>{_LATELY})\b",
    r"(?P<all>(?:week)?days?)(?: of the week)? (?:other than|except(?: for)?|apart from|but)(?: on)? "
    rf"(?P<but>{_DAY})\b",
    rf"(?P<from>{_DAY}) (?:to|through|until|till) (?P<to>{_DAY})\b",
    rf"(?P<day>{_DAY})\b",
    rf"(?:(?:around|about|towards) )?(?:(?P<pace>early|late)(?: in the| on an?| at| on)? )?(?P<part>{_PART})\b",
    rf"{_EDGE}(?:(?P<d0>\d{{1,2}}){_NTH} (?:and|to|until) )?(?:(?P<d1>\d{{1,2}}|first){_NTH}(?: of)? )?"
    rf"(?P<month>{_MONTH})\b(?: (?P<d2>\d{{1,2}}){_NTH}\b(?! ?visits))?(?:,? (?P<year>\d{{4}})\b)?",
)
_MOMENT = re.compile(rf"\b(?:{'|'.join(_ALTERNATIVES)})", re.IGNORECASE)


@dataclass(frozen=True)
class When:
    """A time: days (0 = Monday), hours or dates that belong to it; None for any."""

    text: str
    days: frozenset[int] | None = None
    hours: frozenset[int] | None = None
    dates: tuple[date, date] | None = None
    is_group: bool = False  # several days, or a part of the day
    is_span: bool = False  # from one date to another
    parts: tuple["When", ...] = ()  # what it is put together from

    def joined(self, other: "When", *, is_span: bool = False) -> "When":
        """Either of two times of the same sort."""
        days = self.days | other.days if self.days and other.days else self.days or other.days
        hours = self.hours | other.hours if self.hours and other.hours else self.hours or other.hours
        parts = (*(self.parts or (self,)), *(other.parts or (other,)))
        dates = (
            (min(self.dates[0], other.dates[0]), max(self.dates[1], other.dates[1]))
            if self.dates and other.dates
            else None
        )
        text = f"{self.text} and {other.text}"
        return When(text, days, hours, dates or self.dates or other.dates, True, is_span, parts)


@dataclass(frozen=True)
class Moment:
    """Where a text names a time. `kind` is "day", "hour" or "date"."""

    when: When
    start: int
    end: int

    @property
    def sort(self) -> str:
        """Days, hours or dates."""
        return "day" if self.when.days else "hour" if self.when.hours else "date"


def moments(text: str, today: date) -> Iterator[Moment]:
    """The times of a text, in their order; a month without a year is the last one that has begun by `today`."""
    for match in _MOMENT.finditer(text):
        when = _when(match, today)
        if when:
            yield Moment(when, match.start(), match.end())


def _when(match: re.Match[str], today: date) -> When | None:
    text = match[0].lower()
    if match["lately"]:
        return When(text, dates=(today - LATELY, today))
    if match["month"]:
        return _dates(match, today)
    if match["but"] or match["from"] or match["day"]:
        return _of_days(match, text)
    if match["part"]:
        name = text if text == "late at night" else _singular(match["part"].lower())
        first, end = PARTS[name]
        if match["pace"] == "early":
            end = first + max((end - first) % 24 // 2, 1) + 1
        elif match["pace"] == "late" and name != text:
            first += (end - first) % 24 // 2
        return When(_singular(text), hours=circle(first, end), is_group=True)
    return _hours(match, text)


def _of_days(match: re.Match[str], text: str) -> When | None:
    if match["but"]:
        others = (WORKING if match["all"].lower().startswith("week") else WORKING | WEEKEND) - _days(match["but"])
        return When(text, days=others, is_group=True) if others else None
    if match["from"]:
        first, last = min(_days(match["from"])), min(_days(match["to"]))
        return When(text, days=frozenset((first + i) % 7 for i in range((last - first) % 7 + 1)), is_group=True)
    days = _days(match["day"])
    return When(_singular(text), days=days, is_group=len(days) > 1)


def _hours(match: re.Match[str], text: str) -> When | None:
    begin, end = match["begin"] or match["begin2"], match["end"] or match["end2"]
    if begin:
        half = end[-4:] if "m" in end[-4:].lower() and end[0].isdigit() else ""
        first, last = _hour(begin, half), _hour(end, "")
        return When(f"{first} to {last}", hours=circle(first, last))
    if match["late"]:
        first = _hour(match["late"], "")
        night = range(_SMALL_HOURS) if first >= _AFTER_DARK else ()
        return When(
            text, hours=frozenset(range(first, 24 if first else _SMALL_HOURS + 1)) | frozenset(night), is_group=True
        )
    if match["early"]:
        last = _hour(match["early"], "") or 24
        return When(text, hours=frozenset(range(min(_SMALL_HOURS, last - 1), last)), is_group=True)
    hours = [_hour(clock, "") for clock in (match["hour"], match["hour2"]) if clock]
    around = frozenset[int]().union(*(circle(hour - 1, hour + 2) for hour in hours))
    return When(f"around {' or '.join(map(str, hours))}", hours=around)


def circle(first: int, end: int) -> frozenset[int]:
    """Hours from `first` up to but not including `end`, around midnight if need be."""
    return frozenset((first + i) % 24 for i in range((end - first) % 24 or 24))


def _hour(clock: str, half: str) -> int:
    clock = clock.lower()
    if clock in _NAMED_HOURS:
        return _NAMED_HOURS[clock]
    hour = int(re.match(r"\d+", clock)[0])  # type: ignore[index]
    marks = re.sub(r"[^apm]", "", clock.replace("o'clock", "")) or re.sub(r"[^apm]", "", half.lower())
    if marks == "pm" and hour < 12:
        hour += 12
    return (0 if marks == "am" and hour == 12 else hour) % 24


def _singular(text: str) -> str:
    return text.removesuffix("s") if not text.endswith("ss") else text


def _days(text: str) -> frozenset[int]:
    return DAYS[_singular(text.lower())] if text.lower() not in DAYS else DAYS[text.lower()]


def _dates(match: re.Match[str], today: date) -> When | None:
    month = MONTHS.index(match["month"].lower()) + 1
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    if not date.min.year < year < date.max.year:
        return None
    begin = date(year, month, 1)
    end = (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    day = match["d1"] or match["d2"]
    if day:
        number = 1 if day.lower() == "first" else int(day)
        if not 1 <= number <= end.day:
            return None
        begin = end = date(year, month, number)
        if match["d0"] and 1 <= int(match["d0"]) < number:
            begin = date(year, month, int(match["d0"]))
    begin, end = _edged((match["edge"] or "").lower(), begin, end)
    return When(match[0].lower(), dates=(begin, end))


def _edged(edge: str, begin: date, end: date) -> tuple[date, date]:
    """The part of a month that "early", "the end of" and their like speak of."""
    tenth, middle, late, later = (begin.replace(day=day) if begin != end else begin for day in (10, 15, 20, 21))
    spans = dict.fromkeys(("early", "start of", "beginning of"), (begin, tenth))
    spans |= dict.fromkeys(("mid", "middle of"), (tenth, later))
    spans |= dict.fromkeys(("late", "end of"), (late, end))
    spans |= {"first half of": (begin, middle), "second half of": (middle, end)}
    spans |= {"first day of": (begin, begin), "last day of": (end, end)}
    return spans.get(edge, (begin, end))
