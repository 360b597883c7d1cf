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
