"""Claims about a part of the visits: "most", "half", "a quarter"."""

from collections.abc import Sequence
from typing import Final

from genrec.profiles.checking.claims import (
    SHARES,
    Talk,
    parts_of,
    together_when,
)
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import TARGETS, has, value
from genrec.profiles.checking.visits import Places, everywhere
from genrec.profiles.checking.wording import free_times, number_of, percentage, take_only, widened

_COUNTS: Final = {"many": 5, "several": 2}


def shares(talk: Talk) -> None:
    """Claims about a part of the visits: "most of their visits are to POI 4", "half", "nine of twelve"."""
    for item in talk.free("share", "rank"):
        if item.start in talk.used or _is_each(talk, item) or _is_inner(talk, item):
            continue
        name = value(item, "share") if has(item, "share") else "most"
        if has(item, "rank") and item.text.lower() != "most":
            continue
        talk.take(item)
        take_only(talk, item)
        share(talk, item, name)


def _is_each(talk: Talk, item: Item) -> bool:
    """Whether "each" goes with a number: "with two visits each"."""
    at = talk.items.index(item)
    return has(item, "each") and not any(has(one, "visits") for one in talk.items[at + 1 : at + 2])


def _is_inner(talk: Talk, item: Item) -> bool:
    """Whether "all" belongs to another share: "a quarter of all visits"."""
    at = talk.items.index(item)
    near = talk.items[max(at - 1, 0) : at + 2]
    if near[0].text.lower() in ("of", "among") and item.text.lower() == "all" and has(near[-1], "places"):
        talk.take(item)
        return True
    before = [one for one in talk.items[max(at - 2, 0) : at] if has(one, "share", "number", "rank", "percent")]
    if before and talk.items[at - 1].text.lower() in ("of", "half of", before[-1].text.lower()):
        talk.take(item)
        return True
    return False


def share(talk: Talk, item: Item, name: str) -> None:
    """What one share claims: of which visits, and how many of them."""
    at = talk.items.index(item)
    behind = talk.items[at + 1 :]
    noun = next((one for one in behind if has(one, "visits", "places", "kinds", "days", "weeks", "day")), None)
    if noun is not None and noun.text.lower() == "of them":
        noun = None
    copula = next((one for one in behind if has(one, "be", "have", "go", "hold") and not has(one, "visits")), None)
    whole, part = _whole(talk, item, behind, noun, copula)
    if name in _COUNTS:
        _many(talk, item, name, noun)
        return
    if noun is not None and has(noun, "days", "weeks", "day"):
        talk.claim(item.text, False, f'"{item.text} {noun.text}": days are not counted one by one')
        return
    low, high = widened(talk, item, _span(name))
    if (noun is not None and has(noun, "places") and not has(noun, "visits")) or _of_places(talk, item):
        _places_seen(talk, item, low)
        return
    times = _times(talk, part)
    when = together_when(times)
    talk.take(*times)
    if part is None and when is None and talk.focus:  # "they go to POI 4, which makes up half of all visits"
        part = talk.whole
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


def _times(talk: Talk, part: Places | None) -> list[Item]:
    """The times at which the visits of a share are: those near it, or else those of the sentence."""
    times = free_times(talk)
    if times or part is not None:
        return times
    said = [one for one in talk.said if one.kind == "time"]
    # "Saturdays are the busiest, with a third of the check-ins"
    return [one for one in said if one.start not in talk.used] or ([] if talk.focus else said)


def _whole(
    talk: Talk, item: Item, behind: Sequence[Item], noun: Item | None, copula: Item | None
) -> tuple[Places, Places | None]:
    """Of which visits a part is told, and to which places that part is (None: to all of these)."""
    them = talk.inherited and any("them" in one.text.lower() for one in behind)
    everything = talk.scope if them and talk.scope else everywhere(talk.habits)
    named = [one for one in talk.items if one.kind in TARGETS]
    inner = [one for one in named if one.start > item.start and (copula is None or one.start < copula.start)]
    group = _union([one.value for one in inner])
    outer = _union([one.value for one in named if one not in inner])
    is_each = noun is None and any(mark in f" {item.text.lower()} " for mark in (" every ", " in ", " out of "))
    its = noun is not None and any(one.text.lower() == "its" and one.start < noun.start for one in behind)
    if (its and talk.focus) or (noun is None and group is None and not (is_each and named)):  # "nearly all on Sundays"
        return talk.whole, None
    first = next((one for one in behind if not has(one, "fill", "own")), None)
    if (
        not named and talk.focus and first is not None and has(first, "number")
    ):  # "POI 4 is a bar: all seven visits were on Fridays"
        return talk.whole, None
    if (
        group is None or is_each
    ):  # "POI 4 and POI 17 make up two fifths of all visits", "every fourth visit is to POI 4"
        return everything, _union([one.value for one in named])
    if any(noun is not None and one.start < noun.start for one in inner):  # "most library visits"
        return group, outer or talk.outer(group)
    if outer is not None or free_times(talk):
        return group, outer
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
        return percentage(float(name[:-1]))
    return SHARES[name]


def _many(talk: Talk, item: Item, name: str, noun: Item | None) -> None:
    """Claims such as "Many", "several": of visits or of places."""
    group = talk.whole
    count = group.visits if noun is not None and has(noun, "visits") else len(group.habits)
    talk.claim(item.text, count >= _COUNTS[name] and bool(talk.focus), f"{group.name}: {count}")


def _of_places(talk: Talk, item: Item) -> bool:
    return item.text.lower() in ("nearly every", "almost every") and any(has(one, "places") for one in talk.items)


def _places_seen(talk: Talk, item: Item, low: float) -> None:
    """A share of the places, seen so many times."""
    group = talk.whole
    numbers = talk.free("number")
    times = free_times(talk)
    if times or not numbers:
        talk.claim(item.text, False, f'"{item.text}": of places')
        return
    talk.take(*numbers)
    visits = number_of(numbers[0])
    share = sum(place.visits == visits for place in group.habits) / max(len(group.habits), 1)
    talk.claim(item.text, share >= min(low, 0.6), f"{share:.0%} of the places have {visits} visits")


def ratio(talk: Talk, item: Item, part: float, whole_item: Item) -> None:
    """Claims such as "Four out of five check-ins are on weekdays"."""
    whole = number_of(whole_item)
    when = together_when(free_times(talk))
    talk.take(*free_times(talk))
    everything = everywhere(talk.habits)
    group = talk.whole
    count = group.at(when).high
    told = count / max(everything.visits if talk.focus or when else 1, 1)
    low, high = widened(talk, item, (part / whole - 0.05, part / whole + 0.05))
    note = f"{group.name}: {count} of {everything.visits} visits"
    talk.claim(f"{item.text} of {whole_item.text}", low <= told <= high, note)
