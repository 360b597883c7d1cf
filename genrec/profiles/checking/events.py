"""Claims about the first and the last visit, and about new places."""

from datetime import datetime, timedelta
from typing import Final

from genrec.profiles.checking.claims import (
    MIN_VISITS,
    SHARES,
    Talk,
)
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import has, value
from genrec.profiles.checking.wording import widened

NEW: Final = timedelta(days=30)
EXPLORING, RETURNING = 0.4, 0.3
_TURNED: Final = ("never", "anymore", "rarely")


def exploration(talk: Talk) -> None:
    """Claims about new places, or about going to the same ones."""
    for item in talk.free("explore", "known"):
        talk.take(item)
        words = talk.free("degree")
        names = [value(word, "degree") for word in words]
        talk.take(*words)
        rate = talk.habits.exploration_rate
        told = [word for word in talk.free("share", "rank") if word.text.lower() == "most" or has(word, "share")]
        if told and has(item, "explore"):
            name = value(told[0], "share") if has(told[0], "share") else "most"
            low, high = widened(talk, told[0], SHARES.get(name, (0.4, 1)))
            talk.take(*told)
            talk.claim(told[0].text, low <= rate <= high, f"{100 * rate:.0f}% of the visits were to new places")
            continue
        turned = any(name in _TURNED for name in names)
        new = has(item, "explore") != turned
        holds = rate >= EXPLORING if new else rate <= RETURNING
        if names and names[0] == "sometimes" and has(item, "explore"):
            holds = rate > 0
        talk.claim(item.text, holds, f"{100 * rate:.0f}% of the visits were to new places")


def events(talk: Talk) -> None:
    """Claims about the first and the last visit."""
    group = talk.whole
    if not group.habits:
        return
    first = min(place.first_visit for place in group.habits)
    last = max(place.last_visit for place in group.habits)
    recently = talk.habits.as_of - NEW
    dates = next((item for item in talk.times if item.value.dates and item.start not in talk.used), None)
    marks = talk.free("event")
    kinds = [value(item, "event") for item in marks]
    never = [item for item in talk.free("degree") if value(item, "degree") in ("never", "anymore")]
    note = f"{group.name}: first visit {first:%Y-%m-%d}, last {last:%Y-%m-%d}"
    for item in never:
        if value(item, "degree") == "anymore":
            talk.take(*never)
            talk.claim(item.text, last < recently and group.visits >= MIN_VISITS, note)
    if "stopped" in kinds:
        talk.take(*marks)
        talk.claim("stopped", last < recently and group.visits >= MIN_VISITS and _is_on(dates, last), note)
        talk.take(dates)
        return
    after = [
        item
        for item in talk.free("step")
        if value(item, "step") == "after" and dates is not None and item.start < dates.start
    ]
    if after and never:
        talk.take(*after, *never, dates)
        talk.claim(f"after {dates.text}", last.date() <= dates.value.dates[1], note)
    if {"before", "until"} & set(kinds) and dates is not None and not talk.free("compare"):
        talk.take(*marks, *never, dates)
        begin, end = dates.value.dates
        if never:
            talk.claim(f"not before {dates.text}", first.date() >= begin, note)
        elif "before" in kinds:
            talk.claim(f"before {dates.text}", first.date() < begin, note)
        else:
            talk.take(*(item for item in talk.free("degree") if value(item, "degree") == "always"))
            talk.claim(f"until {dates.text}", begin <= last.date() <= end, note)
        return
    if "since" in kinds and dates is not None and not {"first", "last"} & set(kinds) and not talk.free("compare"):
        talk.take(*marks, dates)
        begin, end = dates.value.dates
        if never:
            talk.take(*never)
            talk.claim(dates.text, last.date() <= end and group.visits > 0, note)
        else:
            talk.take(*(item for item in talk.free("degree") if value(item, "degree") == "always"))
            talk.claim(dates.text, begin <= first.date() <= end and not talk.free("compare"), note)
        return
    for mark, kind in zip(marks, kinds, strict=True):
        if kind == "start" and talk.habits.first is not None:
            talk.take(mark)
            talk.claim(mark.text, first - talk.habits.first <= NEW / 4, note)
        if kind == "still":
            talk.take(mark, dates)
            talk.claim(mark.text, last >= recently and (dates is None or _at(dates, last)), note)
        if kind in ("first", "last"):
            moment = first if kind == "first" else last
            talk.take(mark)
            times = [item for item in talk.times if item.start not in talk.used]
            times = times or [item for item in talk.said if item.kind == "time" and item.start not in talk.used]
            talk.take(*times)
            whole = talk.habits.first if kind == "first" else talk.habits.last
            holds = all(_at(item, moment) for item in times) if times else bool(talk.focus) and moment == whole
            talk.take(*(item for item in marks if value(item, "event") == "since"))
            talk.claim(mark.text, holds, note)
        elif kind == "new":
            talk.take(mark, dates)
            for one in talk.focus or [group]:
                since = min((place.first_visit for place in one.habits), default=None)
                told = since is not None and (dates is None or _at(dates, since))
                talk.claim(
                    mark.text, told and since is not None and since >= recently, f"{one.name}: first visit {since}"
                )


def _is_on(dates: Item | None, moment: datetime) -> bool:
    return dates is None or _at(dates, moment)


def _at(time: Item, moment: datetime) -> bool:
    when = time.value
    return (
        (when.days is None or moment.weekday() in when.days)
        and (when.hours is None or moment.hour in when.hours)
        and (when.dates is None or when.dates[0] <= moment.date() <= when.dates[1])
    )
