"""Claims about times, each with its adverb, and about how often somebody is somewhere."""

from collections.abc import Sequence
from typing import Final

from genrec.profiles.checking.claims import (
    Talk,
    degree,
    share_at,
    together_when,
)
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.segments import TARGETS, has, is_break, value
from genrec.profiles.checking.visits import Places, everywhere

MOSTLY: Final = 0.5


def degrees_and_times(talk: Talk) -> None:
    """Claims about times, each with the adverb that goes with it, and about how often somebody is somewhere."""
    for item in talk.free("pace"):
        if any(time.value.hours and time.start > item.start for time in talk.times):
            talk.take(item)
    for words, times in _rows(talk):
        when = together_when([item for item in times if item.start not in talk.used])
        left = [word for word in words if word.start not in talk.used]
        talk.take(*left, *times)
        names = {value(word, "degree") for word in left}
        if "never" in names and names & {"often", "mostly"}:
            degree(talk, "rarely", "rarely", talk.whole, when)
            continue
        for word in left:
            _adverb(talk, word, when)
        if not left and when is not None:
            for group in talk.focus or [talk.whole]:
                share_at(talk, group, when)


def _adverb(talk: Talk, word: Item, when: When | None) -> None:
    """How often, and when, by one adverb."""
    name = value(word, "degree")
    if name == "anymore":
        talk.unclear(word)
        return
    takes_up = name == "never" and any(has(item, "there") for item in talk.items)
    if when is None and (takes_up or is_last(talk, word)):  # "..., always.", "..., they are never there"
        when = together_when([item for item in talk.said if item.kind == "time"])
    alone = when is None or (name == "often" and bool(talk.focus) and _before_target(talk, word))
    if alone and when is None and not talk.focus and talk.scope is None:
        talk.claim(word.text, False, f'"{word.text}": of what?')
    for group in talk.focus or [talk.whole]:
        if alone:
            degree(talk, word.text, name, group, None)
        if when is None:
            continue
        if name in ("mostly", "nearly") and _is_where(talk, group, when):
            talk.claim(word.text, True, f"{group.name}: {group.at(when).high} visits {when.text}")
        elif alone:
            share_at(talk, group, when)
        else:
            degree(talk, word.text, name, group, when)


def is_last(talk: Talk, word: Item) -> bool:
    """Whether a part of a sentence is one adverb behind another part."""
    return all(is_break(item) or item is word for item in talk.items) and len(talk.said) > len(talk.items)


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
        apart = apart or not (item.kind == "time" or has(item, "fill"))
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
