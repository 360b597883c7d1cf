"""A sentence in segments: what is said of some places together, with the times, numbers and degrees that belong there.

A segment ends where the sentence goes on to other places ("..., and to POI 0 around 16"). Places that are listed stay
together ("POI 4, POI 7 and POI 9"), and so does what says the same place in other words ("the mall, POI 178").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.visits import Places

TARGETS = ("place", "kind")
BREAKS = ("join", "stop", "bracket", "end")
# What may stand between things that are listed.
_LISTED = ("fill", "own", "each")
_LEADS = frozenset(["at", "to", "the", "a", "an", "in", "of", "for", "by", "both"])


def has(item: Item, *classes: str) -> bool:
    """Whether an item may be of one of these classes."""
    return not item.classes.isdisjoint(classes)


def value(item: Item, name: str) -> str:
    """What an item stands for as one of a class."""
    meanings: list[tuple[str, str]] = item.value
    return next(value for kind, value in meanings if kind == name)


def is_break(item: Item) -> bool:
    """Whether an item parts a sentence."""
    return has(item, *BREAKS)


def named(item: Item) -> Places:
    """The places that an item names."""
    places: Places = item.value
    return places


@dataclass
class Segment:
    """Items, and what they speak of."""

    items: list[Item]
    fronted: list[Item] = field(default_factory=list)  # times before the first place of the sentence
    before: "Segment | None" = None

    @property
    def targets(self) -> list[Item]:
        """Places and kinds that are named."""
        return [item for item in self.items if item.kind in TARGETS]


def chunks(items: Sequence[Item]) -> list[list[Item]]:
    """Between the joints of a sentence; each but the first begins with its joint."""
    found: list[list[Item]] = [[]]
    for item in items:
        if is_break(item) and found[-1] and not is_break(found[-1][-1]):
            found.append([])
        found[-1].append(item)
    return found


def segments(items: Sequence[Item]) -> list[Segment]:
    """The segments of a sentence."""
    found: list[Segment] = []
    current: list[Item] = []
    fronted: list[Item] = []
    for chunk in chunks(join_times(items)):
        if current and _begins_anew(current, chunk):
            found.append(Segment(current, fronted, found[-1] if found else None))
            if len(found) == 1:
                fronted = _fronted(current)
            if _own_times_first(chunk) or any(has(item, "stop") for item in chunk[:1]):
                fronted = []
            current = []
        current = [*current, *chunk]
    found.append(Segment(current, fronted, found[-1] if found else None))
    found[0].fronted = []
    return found


def _own_times_first(chunk: Sequence[Item]) -> bool:
    first = next((i for i, item in enumerate(chunk) if item.kind in TARGETS), len(chunk))
    return any(item.kind == "time" for item in chunk[:first])


def _fronted(items: Sequence[Item]) -> list[Item]:
    first = next((i for i, item in enumerate(items) if item.kind in TARGETS), 0)
    return [item for item in items[:first] if item.kind == "time"]


def _begins_anew(current: Sequence[Item], chunk: Sequence[Item]) -> bool:
    """Whether a chunk speaks of other places than what stands before it."""
    if not any(item.kind in TARGETS for item in current) or not any(item.kind in TARGETS for item in chunk):
        return False
    if any(has(item, "compare", "step", "det_else") for item in chunk) or is_apposition(current, chunk):
        return False
    if any(
        has(item, "step") and value(item, "step") in ("after", "before", "next")
        for item in current
        if has(item, "step")
    ):
        return False
    if _ends_with_rank(chunk) or _goes_on(current, chunk):
        return False
    return not is_listed(current, chunk)


def _goes_on(current: Sequence[Item], chunk: Sequence[Item]) -> bool:
    """Whether a verb follows a number put between commas: "most bar visits, 9 of 12, are to POI 4"."""
    between = chunks(current)[-1]
    return (
        [item.text for item in (chunk[0], between[0])] == [",", ","]
        and has(chunk[1], "be", "hold")
        and any(has(item, "number", "share") for item in between)
        and not any(item.kind in (*TARGETS, "time") for item in between)
    )


def _ends_with_rank(chunk: Sequence[Item]) -> bool:
    return (
        any(has(item, "share", "number") for item in chunk)
        and any(has(item, "visits") for item in chunk[2:])
        and not any(item.kind == "place" for item in chunk)
        and not any(item.kind == "time" for item in chunk)
    )


def last_content(items: Sequence[Item]) -> Item | None:
    """The last item that is not a word of the grammar's."""
    return next((item for item in reversed(items) if not is_break(item) and not has(item, *_LISTED)), None)


def is_listed(current: Sequence[Item], chunk: Sequence[Item]) -> bool:
    """Whether a chunk goes on with a list of places."""
    before = last_content(current)
    inner = [item for item in chunk if not is_break(item)]
    start = next((i for i, item in enumerate(inner) if item.kind in TARGETS), len(inner))
    words = [item.text.lower() for item in inner[:start]]
    if set(words) & {"at", "to"} and any(item.kind == "time" for item in inner[start:]):
        return False
    return (
        before is not None
        and before.kind in TARGETS
        and all(has(item, "own", "each") or item.text.lower() in _LEADS for item in inner[:start])
    )


def is_apposition(current: Sequence[Item], chunk: Sequence[Item]) -> bool:
    """Whether a chunk says in other words what the last place before it is ("POI 24, a bakery")."""
    before = last_content(current)
    if before is not None and chunk[0].text == "(" and has(before, "visits"):  # "bakery visits (POI 4)"
        before = last_content(current[: list(current).index(before)])
    inner = [item for item in chunk if not is_break(item) and not has(item, "fill")]
    if chunk[0].text == ":" and inner and inner[0].kind == "place":  # "one bar was visited: POI 4"
        return [item.kind for item in current if item.kind in TARGETS][-1:] == ["kind"]
    if before is None or before.kind not in TARGETS or not inner or inner[0].kind not in TARGETS:
        return False
    if inner[0].kind == before.kind:
        return False
    if any(has(item, "join") and item.text in ("and", "or", "as well as", "nor") for item in chunk):
        return False
    return inner[0].kind == "kind" or before.kind == "kind"


def join_times(items: Sequence[Item]) -> list[Item]:
    """Times that are listed ("Mondays, Fridays and Saturdays") as one."""
    row: list[Item] = []
    for item in items:
        row.append(item)
        if item.kind != "time":
            continue
        back = len(row) - 2
        while back >= 0 and (
            has(row[back], "fill")
            or row[back].text.lower() in ("until", "from")
            or (has(row[back], "join") and row[back].text != "but")
        ):
            back -= 1
        between = row[back + 1 : -1]
        spans = back > 0 and row[back - 1].text.lower() == "between"
        if back < 0 or row[back].kind != "time":
            continue
        is_dated = row[back].value.dates is not None and item.value.dates is not None
        is_span = is_dated and (spans or any(one.text.lower() in ("to", "until") for one in between))
        if not is_span and not any(has(one, "join") for one in between):
            continue
        one, other = row[back].value, item.value
        if _sort(one) == _sort(other):
            listed = Item(
                "time",
                one.joined(other, is_span=is_span),
                f"{row[back].text} and {item.text}",
                row[back].start,
                item.end,
            )
            row[back - (spans and is_span) :] = [listed]
    return row


def _sort(when: When) -> tuple[bool, bool, bool]:
    return when.days is not None, when.hours is not None, when.dates is not None


def places_of(items: Sequence[Item]) -> Iterator[Places]:
    """The places that items name."""
    for item in items:
        if item.kind in TARGETS:
            places: Any = item.value
            yield places
