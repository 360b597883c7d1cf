"""Claims about steps from one place to the next."""

from collections.abc import Sequence
from typing import Final

from genrec.profiles.checking.claims import MIN_VISITS, Talk
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.segments import has, value

STEP_SHARES: Final = {"mostly": 0.5, "nearly": 0.8, "always": 1.0, "often": 0.0}


def steps(talk: Talk, named: Sequence[Item]) -> bool:
    """A claim about a step from one place to the next, if there is one. `named`: places and kinds in their order."""
    marks = talk.free("step")
    pairs = _pair(talk, named, marks)
    if pairs is None:
        return False
    start, end = pairs
    talk.take(*marks)
    count = departures = 0
    leaving: set[int] = set()
    for step in talk.habits.transitions:
        if step.from_poi in start.value.pois:
            if step.from_poi not in leaving:
                leaving.add(step.from_poi)
                departures += step.departures
            if step.to_poi in end.value.pois:
                count += step.count
    said = (
        f"from {start.value.name} straight to {end.value.name}"
        if _straight(talk)
        else f"from {start.value.name} to {end.value.name}"
    )
    note = f"from {start.value.name} to {end.value.name}: {count} times"
    holds = count >= MIN_VISITS
    for item in talk.free("degree"):
        name = value(item, "degree")
        talk.take(item)
        holds = holds and name in (*STEP_SHARES, "sometimes") and count >= STEP_SHARES.get(name, 0) * departures
    for item in talk.free("number"):
        number = item.value if item.kind == "number" else int(value(item, "number"))
        talk.take(item)
        if has(item, "fill"):
            continue
        talk.claim(item.text, number == count, note)
    talk.claim(said, holds, note)
    talk.shared.append(count)
    return True


def _straight(talk: Talk) -> bool:
    return any("straight" in item.text for item in talk.items)


def _pair(talk: Talk, named: Sequence[Item], marks: Sequence[Item]) -> tuple[Item, Item] | None:
    """From where to where, if a step is spoken of."""
    if len(named) < 2 or talk.free("rank", "compare"):
        return None
    one, two = named[:2]
    leads = word_before(talk, one), word_before(talk, two)
    leaving = any(item.text.lower().startswith(("leave", "left")) for item in talk.items)
    if (leads[0] == "from" and leads[1] in ("to", "onto", "for")) or (leaving and leads[1] == "for"):
        return one, two
    if leads[0] in ("to", "at") and leads[1] == "from":
        return two, one
    for mark in marks:
        kind = value(mark, "step")
        if kind in ("after", "before"):
            behind = next((item for item in named if item.start > mark.start), None)
            other = next((item for item in named if item is not behind), None)
            if behind is None or other is None:
                return None
            return (behind, other) if kind == "after" else (other, behind)
    return (one, two) if marks else None


def word_before(talk: Talk, target: Item) -> str:
    """The preposition before a place, if only an article stands between them."""
    at = talk.items.index(target) - 1
    while at >= 0 and talk.items[at].text.lower() in ("the", "a", "an", "his", "her", "their"):
        at -= 1
    return talk.items[at].text.lower().rpartition(" ")[2] if at >= 0 else ""
