"""Claims about how much, how often and since when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from genrec.profiles.claims import (
    MIN_VISITS,
    RARE_SHARE,
    RARE_VISITS,
    SHARES,
    Talk,
    degree,
    parts_of,
    share_at,
    together_when,
)
from genrec.profiles.lexicon import Item
from genrec.profiles.moments import When
from genrec.profiles.segments import TARGETS, has, is_break, value
from genrec.profiles.visits import Places, everywhere

MOSTLY: Final = 0.5
NEW: Final = timedelta(days=30)
SMALL: Final = 10  # "four of five" is a share, "44 of 55" are counts
EXPLORING, RETURNING = 0.4, 0.3
_APPROX: Final = {"about": (0.9, 1.1), "under": (0.85, 1.0), "over": (1.0, 1.15)}
_COUNTS: Final = {"many": 5, "several": 2}
_TURNED: Final = ("never", "anymore", "rarely")


def number_of(item: Item) -> int:
    """The number that an item stands for."""
    return int(item.value) if item.kind == "number" else int(value(item, "number"))


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
            low, high = _widened(talk, told[0], SHARES.get(name, (0.4, 1)))
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
        talk.claim("stopped", last < recently and group.visits >= MIN_VISITS and _on(dates, last), note)
        talk.take(dates)
        return
    after = [item for item in talk.free("step") if value(item, "step") == "after" and dates is not None and item.start < dates.start]
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
                talk.claim(mark.text, told and since is not None and since >= recently, f"{one.name}: first visit {since}")


def _on(dates: Item | None, moment: datetime) -> bool:
    return dates is None or _at(dates, moment)


def _at(time: Item, moment: datetime) -> bool:
    when = time.value
    return (
        (when.days is None or moment.weekday() in when.days)
        and (when.hours is None or moment.hour in when.hours)
        and (when.dates is None or when.dates[0] <= moment.date() <= when.dates[1])
    )


def shares(talk: Talk) -> None:
    """Claims about a part of the visits: "most of their visits are to POI 4", "half", "nine of twelve"."""
    for item in talk.free("share", "rank"):
        if item.start in talk.used or _is_each(talk, item) or _is_inner(talk, item):
            continue
        name = value(item, "share") if has(item, "share") else "most"
        if has(item, "rank") and item.text.lower() != "most":
            continue
        talk.take(item)
        _take_only(talk, item)
        _share(talk, item, name)


def _is_each(talk: Talk, item: Item) -> bool:
    """Whether "each" goes with a number: "with two visits each"."""
    at = talk.items.index(item)
    return has(item, "each") and not any(has(one, "visits") for one in talk.items[at + 1 : at + 2])


def _is_inner(talk: Talk, item: Item) -> bool:
    """Whether "all" belongs to another share: "a quarter of all visits"."""
    at = talk.items.index(item)
    before = [one for one in talk.items[max(at - 2, 0) : at] if has(one, "share", "number", "rank")]
    if before and talk.items[at - 1].text.lower() in ("of", "half of", before[-1].text.lower()):
        talk.take(item)
        return True
    return False


def _share(talk: Talk, item: Item, name: str) -> None:
    at = talk.items.index(item)
    behind = talk.items[at + 1 :]
    noun = next((one for one in behind if has(one, "visits", "places", "kinds", "days", "weeks", "day")), None)
    copula = next((one for one in behind if has(one, "be", "have", "go", "hold") and not has(one, "visits")), None)
    whole, part = _whole(talk, item, behind, noun, copula)
    if name in _COUNTS:
        _many(talk, item, name, noun)
        return
    if noun is not None and has(noun, "days", "weeks", "day"):
        talk.claim(item.text, False, f'"{item.text} {noun.text}": days are not counted one by one')
        return
    low, high = _widened(talk, item, _span(name))
    if noun is not None and has(noun, "places") and not has(noun, "visits") or _of_places(talk, item):
        _places_seen(talk, item, low)
        return
    times = _free_times(talk)
    if not times and part is None:
        times = [one for one in talk.said if one.kind == "time" and one.start not in talk.used]
    when = together_when(times)
    talk.take(*times)
    if part is None and when is None and whole.visits == talk.habits.checkins:
        talk.claim(item.text, False, f'"{item.text}": of what?')
        return
    group = part if part is not None else whole
    if any(value(one, "degree") == "never" for one in talk.free("degree")):
        low, high = 0, 0
        talk.take(*talk.free("degree"))
    parts = list(parts_of(when)) if when else [None]
    for one in parts:
        bounds = group.at(one)
        share = bounds.high / max(whole.visits, 1)
        holds = low <= share <= high if low < 1 else bounds.low == whole.visits
        note = f"{group.name}: {bounds.high} of {whole.visits} visits {one.text if one else ''}".rstrip()
        talk.claim(item.text, holds and whole.visits > 0, note)


def _whole(talk: Talk, item: Item, behind: Sequence[Item], noun: Item | None, copula: Item | None) -> tuple[Places, Places | None]:
    """Of which visits a part is told, and to which places that part is (None: to all of these)."""
    everything = everywhere(talk.habits)
    if talk.inherited and talk.scope and any("them" in one.text.lower() for one in behind):
        everything = talk.scope
    named = [one for one in talk.items if one.kind in TARGETS]
    inner = [one for one in named if one.start > item.start and (copula is None or one.start < copula.start)]
    outer = [one.value for one in named if one not in inner]
    if noun is None and not inner:  # "nearly all on Sundays"
        return talk.whole, None
    adjective = [one for one in inner if noun is not None and one.start < noun.start]
    if noun is None and ("every" in item.text.lower() or " in " in item.text or " out of " in item.text):
        return everything, _union([*outer, *(one.value for one in inner)])
    group = _union([one.value for one in inner])
    if group is None:
        if copula is None and outer:  # "POI 4 and POI 17 make up two fifths of all visits"
            return talk.scope_or(everything, item), _union(outer)
        return everything, _union(outer)
    if adjective:
        return group, _union(outer) or talk.outer(group)
    if outer:
        return group, _union(outer)
    if _free_times(talk):
        return group, None
    return everything, group


def _union(groups: Sequence[Places]) -> Places | None:
    if not groups:
        return None
    found = groups[0]
    for other in groups[1:]:
        found = found.and_(other)
    return found


def _span(name: str) -> tuple[float, float]:
    if name.endswith("%"):
        share = int(name[:-1]) / 100
        return share - 0.025, share + 0.025
    return SHARES[name]


def _many(talk: Talk, item: Item, name: str, noun: Item | None) -> None:
    """"Many", "several": of visits or of places."""
    group = talk.whole
    count = group.visits if noun is not None and has(noun, "visits") else len(group.habits)
    talk.claim(item.text, count >= _COUNTS[name] and bool(talk.focus), f"{group.name}: {count}")


def _of_places(talk: Talk, item: Item) -> bool:
    return item.text.lower() in ("nearly every", "almost every") and any(has(one, "places") for one in talk.items)


def _places_seen(talk: Talk, item: Item, low: float) -> None:
    """A share of the places, seen so many times."""
    group = talk.whole
    numbers = talk.free("number")
    times = _free_times(talk)
    if times or not numbers:
        talk.claim(item.text, False, f'"{item.text}": of places')
        return
    talk.take(*numbers)
    visits = number_of(numbers[0])
    share = sum(place.visits == visits for place in group.habits) / max(len(group.habits), 1)
    talk.claim(item.text, share >= min(low, 0.6), f"{share:.0%} of the places have {visits} visits")


def _free_times(talk: Talk) -> list[Item]:
    return [item for item in talk.times if item.start not in talk.used]


def _widened(talk: Talk, item: Item, span: tuple[float, float]) -> tuple[float, float]:
    """The span of a share behind "about", "more than" or "almost"."""
    at = talk.items.index(item)
    before = next((one for one in reversed(talk.items[:at]) if not has(one, "own")), None)
    low, high = span
    middle = (low + high) / 2
    if before is None or not has(before, "approx"):
        return span
    talk.take(before)
    name = value(before, "approx")
    if name in ("over", "least"):
        return middle, middle + 0.15
    if name in ("under", "less"):
        return middle - 0.15, middle
    return low - 0.03, high + 0.03


def numbers(talk: Talk) -> None:
    """Claims about numbers of visits, of places, of days."""
    free = talk.free("number")
    for i, item in enumerate(free):
        if item.start in talk.used:
            continue
        if has(item, "fill") and item.text.lower() != "both" and not _counts(talk, item):
            talk.take(item)  # "one" as a pronoun
            continue
        _number(talk, item, free[i + 1 :])


def _counts(talk: Talk, item: Item) -> bool:
    return _noun(talk, item) is not None


def _noun(talk: Talk, item: Item) -> Item | None:
    """What a number counts: the noun behind it, with nothing but adjectives between."""
    at = talk.items.index(item)
    for one in talk.items[at + 1 : at + 5]:
        if has(one, "visits", "places", "kinds", "days", "weeks") or one.kind == "kind":
            return one
        if not has(one, "fill", "own", "new", "share", "degree", "event"):
            return None
    return None


def _number(talk: Talk, item: Item, later: Sequence[Item]) -> None:
    count = number_of(item)
    noun = _noun(talk, item)
    text = item.text + (f" {noun.text}" if noun else "")
    at = talk.items.index(item)
    talk.take(item)
    second = _second(talk, at, later)
    if second is not None:
        _out_of(talk, item, count, second)
        return
    if noun is None and at + 1 < len(talk.items) and has(talk.items[at + 1], "percent"):
        talk.take(talk.items[at + 1])
        _share(talk, item, f"{count}%")
        return
    rate = next((one for one in talk.items[at + 1 : at + 4] if has(one, "weeks")), None)
    if rate is not None and rate.start not in talk.used and rate.text.lower().split()[0] in ("a", "per", "each", "every"):
        talk.take(rate)
        _rate(talk, item, count, rate)
        return
    if item.text.lower() == "both" and len(talk.focus) == 2 and not (noun is not None and has(noun, "visits")):
        return
    adverb = item.kind == "words" and any(name == "number" for name, _ in item.value) and item.text.lower().split()[-1] in ("once", "twice", "thrice", "time", "times", "both")
    if noun is not None and noun.kind == "kind" and not _visits_behind(talk, noun) and not adverb:
        group = noun.value
        _check(talk, text, count, [len(group.habits)], item, f"{group.name}: {len(group.habits)} places")
        return
    if noun is not None and has(noun, "places") and not has(noun, "visits"):
        if noun.text.lower() == "of them" and talk.focus and not talk.focus_before:
            _visits(talk, item, text, count, adverb)
            return
        group = talk.whole if noun.text.lower() in ("of them", "one of them") or talk.focus else everywhere(talk.habits)
        group = everywhere(talk.habits) if not talk.focus else group
        _check(talk, text, count, [len(group.habits), len(talk.focus)], item, f"{group.name}: {len(group.habits)} places")
        return
    if noun is not None and has(noun, "kinds"):
        kinds = len(talk.habits.categories)
        _check(talk, text, count, [kinds], item, f"{kinds} kinds of places")
        return
    if noun is not None and has(noun, "days", "weeks") and not has(noun, "visits"):
        days = talk.habits.active_days
        _check(talk, text, count, [days] if has(noun, "days") and not talk.focus else [], item, f"{days} days with visits")
        return
    _visits(talk, item, text, count, adverb)
    times = _free_times(talk)
    if item.text.lower() == "both" and times and len(talk.focus) < 2:
        when = together_when(times)
        talk.take(*times)
        degree(talk, "both", "always", talk.whole, when)


def _rate(talk: Talk, item: Item, count: int, rate: Item) -> None:
    """So many visits a week."""
    habits = talk.habits
    if habits.first is None or habits.last is None:
        return
    days = {"week": 7, "day": 1, "month": 30.4}[rate.text.lower().split()[-1]]
    found = talk.whole.visits / max((habits.last - habits.first).days / days, 1)
    near = talk.items[max(talk.items.index(item) - 1, 0)]
    talk.take(near if has(near, "approx") else None)
    name = value(near, "approx") if has(near, "approx") else ""
    low, high = {"over": (1, 1.5), "least": (1, 9), "under": (0.7, 1), "less": (0.1, 1)}.get(name, (0.75, 1.25))
    holds = low * count <= found <= high * count
    talk.claim(f"{item.text} {rate.text}", holds, f"{talk.whole.name}: {found:.1f} visits {rate.text}")


def _visits_behind(talk: Talk, noun: Item) -> bool:
    """Whether a kind is an adjective of visits: "eight library visits"."""
    at = talk.items.index(noun)
    return at + 1 < len(talk.items) and has(talk.items[at + 1], "visits")


def _second(talk: Talk, at: int, later: Sequence[Item]) -> Item | None:
    """The whole of "nine of twelve visits" and "24 places in 44 visits"."""
    if at + 1 < len(talk.items) and has(talk.items[at + 1], "visits"):
        at += 1
    if len(talk.items) > at + 2 and talk.items[at + 1].text.lower() in ("of", "out of", "of the", "of all") or (
        len(talk.items) > at + 3 and talk.items[at + 1].text.lower() == "out"
    ):
        nearest = next((one for one in talk.items[at + 1 : at + 5] if one in later), None)
        return nearest
    return None


def _out_of(talk: Talk, item: Item, part: int, whole_item: Item) -> None:
    talk.take(whole_item)
    whole = number_of(whole_item)
    _take_only(talk, item)
    when = together_when(_free_times(talk))
    group = talk.whole
    wholes = {group.visits, talk.habits.checkins, talk.scope.visits if talk.scope else -1}
    said = together_when(talk.times)
    parts = {group.at(said).high} if said else {group.visits}
    parts |= {one.at(said).high for one in talk.focus}
    parts |= {group.at(one.value).high for one in talk.said if one.kind == "time"}
    named = [one.value for one in talk.items if one.kind == "kind"]
    wholes |= {places.visits for places in named}
    if whole not in wholes and whole <= SMALL:
        _ratio(talk, item, part, whole_item)
        return
    talk.claim(f"{item.text} of {whole_item.text}", part in parts and whole in wholes, f"{group.name}: {max(parts)} of {sorted(wholes)} visits")
    if when:
        talk.take(*_free_times(talk))


def _ratio(talk: Talk, item: Item, part: int, whole_item: Item) -> None:
    """"Four out of five check-ins are on weekdays"."""
    whole = number_of(whole_item)
    when = together_when(_free_times(talk))
    talk.take(*_free_times(talk))
    everything = everywhere(talk.habits)
    group = talk.whole
    count = group.at(when).high
    share = count / max(everything.visits if talk.focus or when else 1, 1)
    note = f"{group.name}: {count} of {everything.visits} visits"
    talk.claim(f"{item.text} of {whole_item.text}", abs(share - part / whole) <= 0.05, note)


def _visits(talk: Talk, item: Item, text: str, count: int, adverb: bool) -> None:
    groups = talk.focus or [talk.whole]
    at = talk.items.index(item)
    times = _bound_times(talk, at, adverb)
    when = together_when(times)
    possible = [talk.whole.at(when).high]
    if len(groups) > 1:
        each = {group.at(when).high for group in groups}
        if len(each) == 1:
            possible += each
        if any(has(one, "each") for one in talk.items):
            possible = list(each) if len(each) == 1 else []
    talk.take(*(one for one in talk.free("each") if not _before_time(talk, one)))
    near = _nearest(talk, at) if len(groups) > 1 else None
    if near is not None:
        possible.append(near.at(when).high)
    before = talk.items[at - 1].text.lower() if at else ""
    earlier = talk.items[at - 2].text.lower() if at > 1 else ""
    if before == "of" or earlier == "of":
        possible.append(talk.habits.checkins)
    for one in talk.said:
        if one.kind == "time" and not when and (not talk.focus or one in talk.times):
            part = talk.whole.at(one.value).high
            if part == count and part not in possible:
                talk.take(one)
            possible.append(part)
    possible += talk.shared
    whole = talk.whole
    if talk.scope and not talk.focus:
        possible.append(talk.scope.visits)
    said = f" {when.text}" if when else ""
    _check(talk, text, count, possible, item, f"{whole.name}: {possible[0] if possible else 'not the same number of'} visits{said}")
    if when and count in possible:
        talk.take(*times)


def _before_time(talk: Talk, item: Item) -> bool:
    """Whether a time follows: "four visits, each around 19"."""
    return any(one.kind == "time" for one in talk.items[talk.items.index(item) + 1 :][:2])


def _nearest(talk: Talk, at: int) -> Places | None:
    """The place right before a number ("POI 4, with 39 visits"), or behind it ("39 visits to POI 4")."""
    for one in reversed(talk.items[:at]):
        if one.kind in TARGETS:
            return one.value
        if not (is_break(one) or has(one, "fill", "have", "hold")):
            break
    for one in talk.items[at + 1 :]:
        if one.kind in TARGETS:
            return one.value
        if not has(one, "fill", "visits", "go", "be"):
            break
    return None


def _bound_times(talk: Talk, at: int, adverb: bool) -> list[Item]:
    """The times to which a number belongs: right behind it, or, of "twice", those before it."""
    after: list[Item] = []
    for one in talk.items[at + 1 :]:
        if one.kind == "time":
            after.append(one)
        elif is_break(one) or not (has(one, "visits", "fill", "own", "be", "each") or one.kind in TARGETS):
            break
    if after and not any(has(one, "be") for one in talk.items[at + 1 : talk.items.index(after[0])]):
        return [one for one in after if one.start not in talk.used]
    if adverb:
        return [one for one in talk.items[:at] if one.kind == "time" and one.start not in talk.used]
    return []


def _check(talk: Talk, text: str, said: int, counts: Sequence[int], item: Item, note: str) -> None:
    """Compare a number with counts, "about" and "more than" taken into account."""
    at = talk.items.index(item)
    before = next((one for one in reversed(talk.items[:at]) if not has(one, "own") or has(one, "approx")), None)
    name = value(before, "approx") if before is not None and has(before, "approx") else ""
    if name:
        talk.take(before)
        text = f"{before.text if before else ''} {text}"
    _take_only(talk, item)
    if name == "least":
        holds = any(count >= said for count in counts)
    elif name == "less":
        holds = any(0 < count <= said for count in counts)
    elif name:
        low, high = _APPROX[name]
        holds = any(said * low - (name == "about") <= count <= said * high + 1 for count in counts)
    else:
        holds = said in counts
    talk.claim(text, holds, note)


def _take_only(talk: Talk, item: Item) -> None:
    """"Only" beside a number says no more than the number."""
    at = talk.items.index(item)
    near = [*talk.items[max(at - 2, 0) : at], *talk.items[at + 1 : at + 4]]
    talk.take(*(one for one in near if one.text.lower() in ("only", "just", "exactly")))


def degrees_and_times(talk: Talk) -> None:
    """Claims about times, each with the adverb that goes with it, and about how often somebody is somewhere."""
    for item in talk.free("pace"):
        if any(time.value.hours and time.start > item.start for time in talk.times):
            talk.take(item)
    rows = _rows(talk)
    for words, times in rows:
        free = [item for item in times if item.start not in talk.used]
        when = together_when(free)
        words = [word for word in words if word.start not in talk.used]
        talk.take(*words, *free)
        group = talk.whole
        names = {value(word, "degree") for word in words}
        if {"never", "often"} <= names or {"never", "mostly"} <= names:
            degree(talk, "rarely", "rarely", group, when)
            continue
        if not words:
            for one in talk.focus or [group]:
                if when is not None:
                    share_at(talk, one, when)
            continue
        for word in words:
            name = value(word, "degree")
            if name == "anymore":
                talk.unclear(word)
                continue
            alone = when is None or (name == "often" and _before_target(talk, word) and talk.focus)
            if alone:
                for one in talk.focus or [group]:
                    degree(talk, word.text, name, one, None)
                if not talk.focus and when is None and talk.scope is None:
                    talk.claim(word.text, False, f'"{word.text}": of what?')
            if when is not None:
                for one in talk.focus or [group]:
                    if name in ("mostly", "nearly") and _is_where(talk, one, when):
                        share = one.at(when).high / max(everywhere(talk.habits).at(when).low, 1)
                        talk.claim(word.text, share >= MOSTLY, f"{one.name}: {share:.0%} of the visits {when.text}")
                    elif alone:
                        share_at(talk, one, when)
                    else:
                        degree(talk, word.text, name, one, when)


def _is_where(talk: Talk, group: Places, when: When) -> bool:
    """Whether it is told where somebody is at a time ("On Tuesdays mostly at POI 4"), and that is so."""
    target = next((item.start for item in talk.items if item.value is group), 0)
    fronted = all(item.start < target for item in talk.times)
    return fronted and group.at(when).high >= MOSTLY * max(everywhere(talk.habits).at(when).high, 1)


def _before_target(talk: Talk, word: Item) -> bool:
    """Whether an adverb stands before the place, and so tells how often somebody is there at all."""
    target = next((item for item in talk.items if item.kind in TARGETS and item.start > word.start), None)
    time = next((item for item in talk.times if item.start > word.start), None)
    return target is not None and (time is None or target.start < time.start)


def _rows(talk: Talk) -> list[tuple[list[Item], list[Item]]]:
    """Adverbs and times, as they belong together: between joints, where that tells."""
    rows: list[tuple[list[Item], list[Item]]] = [([], [])]
    order = sorted([*talk.times, *(item for item in talk.items if item.kind != "time")], key=lambda item: item.start)
    first = next((item.start for item in order if item.kind in TARGETS), 0)
    apart = False  # whether anything stands behind the last time
    for item in order:
        if is_break(item) and rows[-1][1] and item.start > first:
            rows.append(([], []))
        apart = item.kind != "time" and (apart or not has(item, "fill")) if item.kind != "time" else apart
        if item.start in talk.used:
            continue
        if item.kind == "time":
            if rows[-1][1] and _sorts(rows[-1][1]) & _sorts([item]) and rows[-1][0] and apart:
                rows.append(([], []))
            rows[-1][1].append(item)
            apart = False
        elif has(item, "degree") and not has(item, "number"):
            if rows[-1][1] and _time_follows(order, item):
                rows.append(([], []))
            rows[-1][0].append(item)
    return [row for row in rows if row[0] or row[1]]


def _time_follows(order: Sequence[Item], word: Item) -> bool:
    after = order[order.index(word) + 1 :]
    nearest = next((item for item in after if item.kind == "time" or is_break(item) or item.kind in TARGETS), None)
    return nearest is not None and nearest.kind == "time"


def _sorts(times: Sequence[Item]) -> set[str]:
    found = set()
    for item in times:
        when = item.value
        found |= {"day"} if when.days else set()
        found |= {"hour"} if when.hours else set()
        found |= {"date"} if when.dates else set()
    return found
