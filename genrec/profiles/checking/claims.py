"""Claims, and what a count must be for a word: "often", "most", "a quarter"."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from genrec.habit_models import Habits
from genrec.phrases import WEEKDAYS
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.segments import has
from genrec.profiles.checking.visits import Places, everywhere
from genrec.words import is_known, key_of

# Shares of the visits: from, up to.
SHARES: Final = {
    "all": (1, 1), "nearly_all": (0.75, 1), "most": (0.5, 1), "half": (0.46, 0.54), "third": (0.3, 0.37),
    "two_thirds": (0.63, 0.7), "quarter": (0.215, 0.285), "three_quarters": (0.71, 0.79), "fifth": (0.17, 0.23),
    "two_fifths": (0.37, 0.44), "three_fifths": (0.56, 0.64), "four_fifths": (0.76, 0.84), "sixth": (0.14, 0.19),
    "seventh": (0.12, 0.165), "eighth": (0.105, 0.145), "tenth": (0.08, 0.12),
    "sizeable": (0.2, 1), "minor": (0.001, 0.15), "three_tenths": (0.27, 0.33),
}  # fmt: skip
AT_LEAST: Final = {"mostly": 0.5, "nearly": 0.8, "often": 0.25}
MIN_SHARE: Final = 0.25  # of the visits spoken of, at a time that is named without any degree ...
MIN_GROUP_SHARE: Final = 0.5  # ... and if it is several days, or a part of the day
GROUP_SHARES: Final = {frozenset(range(5)): 0.5, frozenset((5, 6)): 0.4}
_RANGE: Final = re.compile(r"[a-z]+ (?:to|through|until) [a-z]")
RANGE_SHARE: Final = 0.8  # "from Monday to Thursday"
SPAN_SHARE: Final = 1.0  # "between January and April"
MIN_VISITS: Final = 2
OFTEN, AMONG = 5, 4  # so many visits, or so far up among the places or kinds
RARE_VISITS, RARE_SHARE = 3, 0.1


@dataclass(frozen=True)
class Claim:
    """One checkable part of a sentence; `note` says what the evidence has to say about it."""

    text: str
    supported: bool
    note: str


@dataclass
class Talk:
    """A part of a sentence that speaks of some places, and the claims found in it.

    Attributes:
        habits: what is known of the person.
        items: the words.
        focus: the places spoken of, one group for each that is named; none for all visits.
        scope: the kind of which they are ("the bar POI 4"), or of which the sentence spoke before.
        times: when, if that is said.
        used: where the items begin that some claim has taken up.
        said: all words of the segment.
        inherited: whether the scope is that of an earlier segment.
        shared: counts of steps in this segment.
        past: whether it tells of single visits rather than of a habit.

    """

    habits: Habits
    items: list[Item]
    focus: list[Places]
    scope: Places | None
    times: list[Item]
    used: set[int]
    claims: list[Claim] = field(default_factory=list)
    past: bool = False
    said: Sequence[Item] = ()
    inherited: bool = False
    shared: list[int] = field(default_factory=list)

    @property
    def focus_before(self) -> bool:
        """Whether places are spoken of that no item here names."""
        return bool(self.focus) and not any(item.value is group for item in self.items for group in self.focus)

    @property
    def whole(self) -> Places:
        """All that is spoken of."""
        if not self.focus:
            return self.scope or everywhere(self.habits)
        group = self.focus[0]
        for other in self.focus[1:]:
            group = group.and_(other)
        return group

    def outer(self, group: Places) -> Places | None:
        """The places spoken of, if they are others than a kind that only says of which visits a part is told."""
        others = [one for one in self.focus if one is not group]
        return others[0] if others else None

    def take(self, *items: Item | None) -> None:
        """Mark items as taken up."""
        self.used.update(item.start for item in items if item is not None)

    def free(self, *classes: str, among: Sequence[Item] | None = None) -> list[Item]:
        """The items of some classes that no claim has taken up."""
        items = self.items if among is None else among
        return [item for item in items if item.start not in self.used and has(item, *classes)]

    def claim(self, text: str, holds: bool, note: str) -> None:
        """Add a claim."""
        self.claims.append(Claim(text, bool(holds), note))

    def unclear(self, item: Item) -> None:
        """Say that it is not understood what a word belongs to."""
        self.claim(item.text, False, f'"{item.text}": it is not clear what is claimed by this')
        self.take(item)


def visits_note(group: Places) -> str:
    """How often somebody was at some places."""
    kind = f" ({group.categories[0]})" if group.is_one and group.categories else ""
    return f"{group.name}{kind}: {group.visits} visits"


def share_at(talk: Talk, group: Places, when: When, least: float | None = None) -> None:
    """Require that a share of the visits (None: as many as a time without a degree asks for) are at a time."""
    minimum = 1 if talk.past else max(min(MIN_VISITS, group.visits), 1)
    for part in parts_of(when):
        share = _least(part) if least is None else least
        if talk.past and least is None and " and " not in part.text:
            share = 0
        count = group.at(part).high
        note = f"{group.name}: {count} of {group.visits} visits {part.text}"
        talk.claim(part.text, count >= max(minimum, share * group.visits), note)
    each_day(talk, group, when)


def each_day(talk: Talk, group: Places, when: When) -> None:
    """Of several days that are named, each must occur: Tuesdays alone do not make "Tuesdays and Fridays"."""
    for part in when.parts if " and " in when.text else ():
        if not group.at(part).high:
            talk.claim(part.text, False, f"{group.name}: no visits {part.text}")


def _least(part: When) -> float:
    if part.dates is not None:
        return SPAN_SHARE if part.is_span else 0
    if part.days is not None and len(part.days) > 1 and part.days not in GROUP_SHARES and not _RANGE.match(part.text):
        return MIN_GROUP_SHARE
    if part.days is not None and part.days in GROUP_SHARES:
        return GROUP_SHARES[part.days]
    if part.days is not None and _RANGE.match(part.text):
        return RANGE_SHARE
    return MIN_GROUP_SHARE if part.is_group else MIN_SHARE


def parts_of(when: When) -> Iterator[When]:
    """Days, hours and dates apart."""
    if when.days is not None:
        yield When(_text(when, "days") if " to " in when.text else days_text(when.days), days=when.days)
    if when.hours is not None:
        group = any(part.is_group for part in when.parts if part.hours is not None) if when.parts else when.is_group
        yield When(_text(when, "hours"), hours=when.hours, is_group=group)
    if when.dates is not None:
        yield When(_text(when, "dates"), dates=when.dates, is_span=when.is_span)


def _text(when: When, sort: Literal["days", "hours", "dates"]) -> str:
    """The words of one sort of time."""
    return " and ".join(dict.fromkeys(part.text for part in when.parts if getattr(part, sort) is not None)) or when.text


def days_text(days: frozenset[int]) -> str:
    """Days in words."""
    named = {frozenset(range(5)): "weekdays", frozenset((5, 6)): "weekends"}
    return named.get(days, " and ".join(WEEKDAYS[day] for day in sorted(days)))


def together_when(times: Sequence[Item]) -> When | None:
    """Times that hold at once, as one."""
    found: When | None = None
    for item in times:
        one: When = item.value
        if found is None:
            found = one
            continue
        days = one.days if found.days is None else found.days if one.days is None else found.days & one.days
        hours = one.hours if found.hours is None else found.hours if one.hours is None else found.hours & one.hours
        text = found.text if one.text == found.text else f"{found.text}, {one.text}"
        parts = (*(found.parts or (found,)), *(one.parts or (one,)))
        is_group, is_span = found.is_group or one.is_group, found.is_span or one.is_span
        found = When(text, days, hours, found.dates or one.dates, is_group, is_span, parts)
    return found


def degree(talk: Talk, word: str, name: str, group: Places, when: When | None) -> None:
    """Require of visits to some places (at a time) that they are as many as an adverb says."""
    count = group.at(when)
    what = f"{word} {when.text}" if when else word
    note = f"{group.name}: {count.high} of {group.visits} visits {when.text}" if when else visits_note(group)
    if name == "never":
        talk.claim(what, count.high == 0, note)
    elif name == "rarely":
        whole = group.visits if when else talk.habits.checkins
        talk.claim(what, 1 <= count.high <= max(RARE_VISITS, RARE_SHARE * whole), note)
    elif name == "sometimes":
        talk.claim(what, count.high >= MIN_VISITS, note)
    elif when is None:
        _degree_of_places(talk, what, name, group, note)
    elif name == "always":
        talk.claim(what, all(group.at(part).low == group.visits > 0 for part in parts_of(when)), note)
    else:
        for part in parts_of(when):
            high = group.at(part).high
            talk.claim(
                what, high >= max(min(MIN_VISITS, group.visits), AT_LEAST[name] * group.visits) and high > 0, note
            )
        each_day(talk, group, when)


def _degree_of_places(talk: Talk, what: str, name: str, group: Places, note: str) -> None:
    if name == "often":
        talk.claim(what, is_often(talk.habits, group), note)
        return
    scope = talk.scope if talk.scope and group.pois <= talk.scope.pois else everywhere(talk.habits)
    share = group.visits / max(scope.visits, 1)
    least = {"mostly": 0.5, "nearly": 0.8, "always": 1}[name]
    talk.claim(what, share >= least, f"{group.name}: {group.visits} of {scope.visits} visits")


def is_often(habits: Habits, group: Places) -> bool:
    """Whether somebody is often at places: many visits, or as many as to few others."""
    if group.visits >= OFTEN:
        return True
    others = [place.visits for place in habits.places if place.poi not in group.pois]
    kinds = [habit.visits for habit in habits.categories if habit.category not in group.categories]
    return group.visits >= MIN_VISITS and min(_above(others, group), _above(kinds, group)) < AMONG


def _above(others: Collection[int], group: Places) -> int:
    return sum(visits > group.visits for visits in others)


def is_of(place: Places, kind: Places) -> bool:
    """Whether a place is of a kind."""
    return bool(place.habits) and place.pois <= kind.pois


def fits(word: str, kinds: Collection[str], groups: Sequence[Places]) -> bool:
    """Whether what is done somewhere fits the places."""
    fitting = {w for group in groups for name in group.categories if is_known(name) for w in key_of(name)}
    return word in fitting or bool(fitting & set(kinds))
