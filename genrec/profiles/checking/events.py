"""Claims about the first and the last visit, and about new places."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from genrec.profiles.checking.claims import MIN_VISITS, SHARES, Talk
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import has, value
from genrec.profiles.checking.wording import free_times, number_of, percentage, take_only, widened

NEW: Final = timedelta(days=30)
FROM_THE_START: Final = timedelta(days=7)
EXPLORING, RETURNING = 0.4, 0.3
# What visits do in the month of the first, or the last, of them.
_BEGIN: Final = frozenset(["began", "begin", "begins", "beginning", "started", "starts", "start", "starting"])
_END: Final = frozenset(["ended", "ends", "end", "ending", "stopped", "stop", "ceased", "finished", "finishes"])
_TURNED: Final = ("never", "anymore", "rarely")


@dataclass(frozen=True)
class _Span:
    """The first and the last visit to what a sentence speaks of."""

    first: datetime
    last: datetime
    note: str


def exploration(talk: Talk) -> None:
    """Claims about new places, or about going to the same ones."""
    rate = talk.habits.exploration_rate
    note = f"{100 * rate:.0f}% of the visits were to new places"
    for item in talk.free("explore", "known"):
        words = talk.free("degree")
        talk.take(item, *words)
        if has(item, "explore") and _percentage(talk, rate, note):
            continue
        told = [word for word in talk.free("share", "rank") if word.text.lower() == "most" or has(word, "share")]
        if told and has(item, "explore"):
            name = value(told[0], "share") if has(told[0], "share") else "most"
            low, high = widened(talk, told[0], SHARES.get(name, (EXPLORING, 1)))
            talk.take(*told)
            talk.claim(told[0].text, low <= rate <= high, note)
            continue
        names = [value(word, "degree") for word in words]
        new = has(item, "explore") != any(name in _TURNED for name in names)
        least = 0.01 if names[:1] == ["sometimes"] else EXPLORING
        talk.claim(item.text, rate >= least if new else rate <= RETURNING, note)


def _percentage(talk: Talk, rate: float, note: str) -> bool:
    """Claims such as "26 % of the visits are to new places"."""
    for item, sign in pairwise(talk.items):
        if has(item, "number") and has(sign, "percent"):
            low, high = widened(talk, item, percentage(number_of(item)))
            talk.take(item, sign)
            talk.claim(f"{item.text}{sign.text}", low <= rate <= high, note)
            return True
    return False


def events(talk: Talk) -> None:
    """Claims about the first and the last visit."""
    group = talk.whole
    if not group.habits:
        return
    first = min(place.first_visit for place in group.habits)
    last = max(place.last_visit for place in group.habits)
    span = _Span(first, last, f"{group.name}: first visit {first:%Y-%m-%d}, last {last:%Y-%m-%d}")
    _begun_or_ended(talk, span)
    dates = next((item for item in free_times(talk) if item.value.dates), None)
    _ended(talk, span, dates)
    if dates is not None and not talk.free("compare"):
        _bounded(talk, span, dates)
    for mark in talk.free("event"):
        kind = value(mark, "event")
        if kind in ("first", "new", "since"):
            take_only(talk, mark)  # "was only added in April"
        if kind in ("first", "last"):
            _first_or_last(talk, span, mark, kind)
        elif kind in ("start", "still", "new"):
            talk.take(mark)
            _at_an_end(talk, span, mark, kind, dates)


def _begun_or_ended(talk: Talk, span: _Span) -> None:
    """Claims such as "Visits to POI 4 began in March"."""
    if not any(item.value.dates for item in free_times(talk)):
        return
    for i, mark in enumerate(talk.items):
        word = mark.text.lower().split()[0]
        if word in _BEGIN | _END and not any(has(item, "person") for item in talk.items[:i]):
            _first_or_last(talk, span, mark, "first" if word in _BEGIN else "last")
            return


def _never(talk: Talk) -> list[Item]:
    return [item for item in talk.free("degree") if value(item, "degree") in ("never", "anymore")]


def _ended(talk: Talk, span: _Span, dates: Item | None) -> None:
    """Claims such as "No longer goes", "stopped going": not within the last weeks."""
    marks = [item for item in talk.free("event") if value(item, "event") == "stopped"]
    marks += [item for item in talk.free("degree") if value(item, "degree") == "anymore"]
    if not marks:
        return
    ended = span.last < talk.habits.as_of - NEW and talk.whole.visits >= MIN_VISITS
    if "absent" in marks[0].text.lower() and any(value(item, "event") == "until" for item in talk.free("event")):
        talk.unclear(marks[0])
        return
    if has(marks[0], "event"):
        after = [item for item in talk.free("step") if dates is not None and value(item, "step") == "after"]
        talk.take(dates, *after, *(item for item in talk.free("event") if value(item, "event") == "since"))
        ended = ended and (dates is None or _at(dates, span.last))
    talk.take(*marks, *_never(talk))
    talk.claim(marks[0].text, ended, span.note)


def _bounded(talk: Talk, span: _Span, dates: Item) -> None:
    """Claims such as "Since March", "until March", "not before April", "not after March"."""
    if talk.free("share"):  # "all visits are from April"
        return
    marks = {value(item, "event"): item for item in talk.free("event")}
    behind = [item for item in talk.free("step") if value(item, "step") == "after" and item.end < dates.start]
    marks |= dict.fromkeys(["after"], behind[0]) if behind else {}
    never = _never(talk)
    begin, end = dates.value.dates
    first, last = span.first.date(), span.last.date()
    holds = {
        "before": first >= begin if never else first < begin,
        "until": first >= begin if never else begin <= last <= end,
        "since": last <= end if never else begin <= first <= end,
        "after": last <= end,
    }
    name = next((name for name in holds if name in marks), None)
    if name is None or (name == "since" and marks.keys() & {"first", "last", "new"}) or (name == "after" and not never):
        return
    if name == "since" and talk.free("number") and not never:  # "once since April"
        talk.take(marks[name])
        return
    always = [item for item in talk.free("degree") if value(item, "degree") == "always"]
    talk.take(marks[name], dates, *never, *always)
    talk.claim(f"{name} {dates.text}", holds[name], span.note)


def _first_or_last(talk: Talk, span: _Span, mark: Item, kind: str) -> None:
    """Claims such as "First seen on 28 April": the visit is of that time; without one, it is the first of all."""
    moment = span.first if kind == "first" else span.last
    times = free_times(talk) or [item for item in talk.said if item.kind == "time" and item.start not in talk.used]
    whole = talk.habits.first if kind == "first" else talk.habits.last
    holds = all(_at(item, moment) for item in times) if times else bool(talk.focus) and moment == whole
    talk.take(mark, *times, *(item for item in talk.free("event") if value(item, "event") == "since"))
    talk.claim(mark.text, holds, span.note)


def _at_an_end(talk: Talk, span: _Span, mark: Item, kind: str, dates: Item | None) -> None:
    """Claims such as "From the start", "still", "new"."""
    recently = talk.habits.as_of - NEW
    if kind == "start":
        begin = talk.habits.first or span.first
        talk.claim(mark.text, span.first - begin <= FROM_THE_START, span.note)
        return
    talk.take(dates, *(item for item in talk.free("event") if value(item, "event") == "since"))
    if kind == "still":
        talk.claim(mark.text, span.last >= recently and (dates is None or _at(dates, span.last)), span.note)
        return
    for group in talk.focus or [talk.whole]:
        firsts: Sequence[datetime] = [place.first_visit for place in group.habits]
        first = min(firsts, default=datetime.min)
        since = any(has(item, "event") and value(item, "event") == "since" for item in talk.items)
        told = dates is not None and (first.date() >= dates.value.dates[0] if since else _at(dates, first))
        holds = told if dates is not None else first >= recently
        talk.claim(mark.text, holds, f"{group.name}: first visit {first:%Y-%m-%d}")


def _at(time: Item, moment: datetime) -> bool:
    when = time.value
    return (
        (when.days is None or moment.weekday() in when.days)
        and (when.hours is None or moment.hour in when.hours)
        and (when.dates is None or when.dates[0] <= moment.date() <= when.dates[1])
    )
