"""Claims that compare counts: "more often than", "as often as", "more often since April than before"."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from genrec.habit_models import Lately
from genrec.profiles.checking.busiest import top_days
from genrec.profiles.checking.claims import MIN_VISITS, Talk, together_when
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.ranks import ranked
from genrec.profiles.checking.segments import has, value
from genrec.profiles.checking.steps import word_before
from genrec.profiles.checking.visits import Places, everywhere
from genrec.profiles.checking.wording import number_of

FACTOR_LEEWAY: Final = 0.15
NEARLY: Final = 0.05  # "as often as"
LESS_OF_ALL = 0.7
MORE, LESS = 1.5, 0.6  # times as often as before, and times the share of the visits
_MORE_THAN: Final = {"over": "more", "less": "less"}


@dataclass(frozen=True)
class _Comparison:
    """The word that compares, how, by which factor, and its "than"."""

    mark: Item
    op: str
    factor: float
    than: Item | None
    beyond: bool = False  # "more than twice as often"
    by: Item | None = None  # "16 more check-ins than"


def compare(talk: Talk, named: Sequence[Item]) -> None:
    """A claim that compares two counts, if there is one."""
    if _preferred(talk, named):
        return
    found = _comparison(talk)
    if found is None or _is_change(talk, found.mark, found.op, found.than):
        return
    other = next((item for item in talk.items if has(item, "det_else") and item.start > found.mark.start), None)
    if other is not None:
        _against_all(talk, found.mark, found.op, other)
        return
    behind = [item for item in talk.items if found.than is not None and item.start > found.than.start]
    right = [item for item in named if item in behind]
    left = [item for item in named if item not in behind]
    if not left and len(right) > 1 and found.mark is found.than:  # "behind POI 4 comes POI 17"
        left, right = right[1:], right[:1]
    if right and not talk.focus_before and found.op != "less" and _none_other(talk):
        talk.take(found.mark, found.than)
        ranked(talk, found.mark.text, 1, [item.value for item in right], left[0].value if left else None)
        return
    if not named and found.op != "less" and _no_other_day(talk, found):
        return
    sides = _sides(talk, found, left, right)
    if sides is None:
        talk.unclear(found.mark)
        return
    talk.take(found.mark, found.than)
    (one, counts), (two, against) = sides
    holds = bool(counts) and all(_holds(found, *pair) for pair in product(counts, against))
    talk.claim(found.mark.text, holds, f"{one}: {sum(counts)} visits; {two}: {sum(against)} visits")


def _no_other_day(talk: Talk, found: _Comparison) -> bool:
    """Claims such as "On no day are they out as much as on Fridays"."""
    days = [item for item in talk.times if item.value.days and found.than and item.start > found.than.start]
    if not (days and any(has(item, "day", "days") for item in talk.items) and _none_other(talk)):
        return False
    talk.take(found.mark, found.than, *days)
    top_days(talk, days[0], found.mark.text)
    return True


_Side = tuple[str, list[int]]


def _sides(talk: Talk, found: _Comparison, left: Sequence[Item], right: Sequence[Item]) -> tuple[_Side, _Side] | None:
    """What is compared, with the numbers of visits; None if that cannot be told."""
    if right:
        when = together_when(talk.times)
        talk.take(*talk.times)
        return _side([item.value for item in left] or talk.focus, when), _side([item.value for item in right], when)
    later = [item for item in talk.times if found.than is not None and item.start > found.than.start]
    one, two = together_when([item for item in talk.times if item not in later]), together_when(later)
    if one is not None and two is not None:
        talk.take(*talk.times)
        return (one.text, [talk.whole.at(one).high]), (two.text, [talk.whole.at(two).high])
    if found.op == "equal" and one is not None and one.days and len(one.days) > 1 and not (talk.focus or later):
        talk.take(*talk.times)
        counts = [talk.whole.at(When("", days=frozenset([day]))).high for day in sorted(one.days)]
        return (one.text, counts[:1]), (one.text, counts[1:])
    if found.op == "equal" and len(talk.focus) > 1 and not later:
        return _side(talk.focus[:1], None), _side(talk.focus[1:], None)
    return None


def _side(groups: Sequence[Places], when: When | None) -> _Side:
    return " and ".join(group.name for group in groups), [group.at(when).high for group in groups]


def _preferred(talk: Talk, named: Sequence[Item]) -> bool:
    """Claims such as "Prefers POI 4 to POI 17"."""
    mark = next((item for item in talk.items if item.text.lower().startswith("prefer")), None)
    if mark is None or len(named) < 2 or word_before(talk, named[1]) not in ("to", "over"):
        return False
    one, two = named[0].value, named[1].value
    talk.claim(mark.text, one.visits > two.visits, f"{one.name}: {one.visits} visits; {two.name}: {two.visits} visits")
    return True


def _is_change(talk: Talk, mark: Item, op: str, than: Item | None) -> bool:
    """A claim that somebody goes more or less often to places lately than before, if that is what is compared."""
    earlier = next((item for item in talk.items if has(item, "earlier") and item.start > mark.start and than), None)
    dates = [item for item in talk.times if item.value.dates]
    marks = [item for item in talk.free("event") if value(item, "event") == "since"]
    becomes = any(item.text.lower().endswith(("become", "became")) for item in talk.items)
    if op == "equal" or (earlier is None and not ((dates or becomes) and than is None)):
        return False
    lately = talk.habits.lately
    others = [item for item in talk.times if item not in dates]
    when = together_when(others)
    talk.take(mark, than, earlier, *dates, *marks, *others, *talk.free("weeks"))
    unknown = lately is None or not all(_is_lately(item, talk) for item in dates)
    if lately is None or unknown or (when is not None and bool(talk.focus)):
        talk.claim(mark.text, False, "nothing is known of such a change")
        return True
    for group in talk.focus or [everywhere(talk.habits)]:
        late = _late(lately, group, when)
        holds, note = _changed(talk, op, late, group.at(when).high, is_part=bool(talk.focus) or when is not None)
        talk.claim(mark.text, holds, f"{group.name}: {note}")
    return True


def _late(lately: Lately, group: Places, when: When | None) -> int:
    """Visits to places, or at a time, since what counts as lately."""
    if when is None:
        return sum(lately.places.get(poi, 0) for poi in group.pois)
    counts = [sum(lately.weekdays.get(day, 0) for day in when.days)] if when.days else []
    counts += [sum(lately.hours.get(hour, 0) for hour in when.hours)] if when.hours else []
    return min(counts, default=0)


def _changed(talk: Talk, op: str, late: int, total: int, *, is_part: bool) -> tuple[bool, str]:
    """Whether visits have become more or less frequent: by the day, and as a part of all visits."""
    habits, lately = talk.habits, talk.habits.lately
    if lately is None or habits.first is None:
        return False, "nothing is known of before"
    early, before = total - late, habits.checkins - lately.visits
    rate = late / max(early * ((habits.as_of - lately.since) / (lately.since - habits.first)), 0.01)
    share = (late / lately.visits) / max(early / before, 0.001) if is_part else rate
    least = LESS if is_part else LESS_OF_ALL
    holds = min(rate, share) >= MORE if op == "more" else max(rate, share) <= least
    note = f"{late} of {lately.visits} visits since {lately.since:%B %Y}, {early} of {before} before"
    return holds and total > MIN_VISITS, note


def _is_lately(item: Item, talk: Talk) -> bool:
    """Whether a time is that since which visits are counted apart: its month, or "lately"."""
    when: When = item.value
    lately = talk.habits.lately
    if when.dates is None or lately is None:
        return False
    return when.dates[1] == talk.habits.as_of.date() or when.dates[0] <= lately.since.date() <= when.dates[1]


def _none_other(talk: Talk) -> bool:
    """Whether it is said that no other place is ("No place is visited more often than POI 4")."""
    found = [item for item in talk.free("degree") if value(item, "degree") == "never"]
    talk.take(*found)
    return bool(found)


def _holds(found: _Comparison, one: int, two: int) -> bool:
    op, factor = found.op, found.factor
    if found.by is not None:
        return (one - two if op == "more" else two - one) == number_of(found.by)
    if factor != 1:
        ratio = one / max(two, 1) if op != "less" else two / max(one, 1)
        return ratio >= factor if found.beyond else abs(ratio - factor) <= FACTOR_LEEWAY * factor
    return one > two if op == "more" else one < two if op == "less" else abs(one - two) <= NEARLY * two


def _comparison(talk: Talk) -> _Comparison | None:
    """The first comparison of a sentence."""
    factor, beyond = 1.0, False
    for i, item in enumerate(talk.items):
        behind = talk.items[i + 1 :]
        if has(item, "factor") and any(has(one, "compare") for one in behind[:3]):
            factor = float(value(item, "factor"))
            about = [one for one in talk.items[max(i - 1, 0) : i] if has(one, "approx")]
            beyond = any(value(one, "approx") in ("over", "least") for one in about)
            talk.take(item, *about)
        after = next((one for one in behind if not has(one, "fill")), None)
        if has(item, "compare") and item.start not in talk.used:
            near = talk.items[max(i - 1, 0)]
            talk.take(near if has(near, "approx") or near.text.lower() == "much" else None)
            counts = item.text.lower().endswith("visits") or (after is not None and has(after, "visits"))
            by = near if i and counts and has(near, "number") else None
            talk.take(by)
            op = _direction(talk, item, after, factor)
            return _Comparison(item, op, factor, _than(item, behind), beyond, by)
        is_than = has(item, "approx") and item.text.lower().endswith(" than") and after is not None
        if is_than and after is not None and not has(after, "share", "number"):
            return _Comparison(item, _MORE_THAN.get(value(item, "approx"), "more"), factor, item)
    return None


def _than(mark: Item, behind: Sequence[Item]) -> Item | None:
    text = mark.text.lower()
    is_itself = text.endswith(("ahead", "behind")) or text.startswith(("outnumber", "exceed", "beat"))
    return next((one for one in behind if has(one, "than")), mark if is_itself else None)


def _direction(talk: Talk, mark: Item, after: Item | None, factor: float) -> str:
    """Claims such as "more", "less" or "equal"; "more rarely" is less, "twice as often" is more."""
    op = value(mark, "compare")
    if after is not None and has(after, "degree") and value(after, "degree") == "rarely":
        talk.take(after)
        return {"more": "less", "less": "more"}.get(op, op)
    if after is not None and has(after, "degree") and value(after, "degree") == "often":
        talk.take(after)
    return "more" if factor != 1 and op == "equal" else op


def _against_all(talk: Talk, mark: Item, op: str, other: Item) -> None:
    """More than any other place, kind or day."""
    talk.take(mark, other, *(item for item in talk.items if has(item, "than")))
    if op == "equal":
        talk.unclear(mark)
        return
    after = [item for item in talk.items if item.start > other.start]
    times = [item for item in talk.times if item.start < other.start or not after]
    if "day" in other.text.lower() or any(has(item, "day", "days") for item in after[:1]) or (times and not talk.focus):
        days = next(
            (item for item in [*times, *(one for one in talk.said if one.kind == "time")] if item.value.days), None
        )
        if days is None:
            talk.unclear(other)
            return
        talk.take(days)
        top_days(talk, days, mark.text, lowest=op == "less")
        return
    kind = next((item.value for item in after[:1] if item.kind == "kind"), None)
    ranked(
        talk,
        mark.text,
        1,
        [group for group in talk.focus if group is not kind],
        kind,
        lowest=op == "less",
    )
