"""Claims that compare counts: "more often than", "as often as", "more often since April than before"."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Final

from genrec.profiles.checking.claims import MIN_VISITS, Talk, together_when
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.ranks import ranked, top_days
from genrec.profiles.checking.segments import has, value
from genrec.profiles.checking.steps import word_before
from genrec.profiles.checking.visits import Places, everywhere

FACTOR_LEEWAY: Final = 0.15
LESS_OF_ALL = 0.7
MORE, LESS = 1.5, 0.6  # times as often as before, and times the share of the visits
_MORE_THAN: Final = {"over": "more", "less": "less"}


def compare(talk: Talk, named: Sequence[Item]) -> bool:
    """A claim that compares two counts, if there is one."""
    if _preferred(talk, named):
        return True
    found = _comparison(talk)
    if not found:
        return False
    mark, op, factor, than = found
    if _is_change(talk, mark, op, than):
        return True
    behind = [item for item in talk.items if than is not None and item.start > than.start]
    other = next((item for item in talk.items if has(item, "det_else") and item.start > mark.start), None)
    if other is not None:
        _against_all(talk, mark, op, other)
        return True
    right_times = [item for item in behind if item.kind == "time"]
    right = [item for item in named if item in behind]
    left = [item for item in named if item not in behind]
    if right and not talk.focus_before and op != "less" and _none_other(talk):
        talk.take(mark, than)
        ranked(talk, mark.text, 1, [item.value for item in right], left[0].value if left else None)
        return True
    if right:
        left_group, times = [item.value for item in left] or talk.focus, together_when(talk.times)
        counts = [group.at(times).high for group in left_group]
        against = [item.value.at(times).high for item in right]
        names = " and ".join(group.name for group in left_group), " and ".join(item.value.name for item in right)
        talk.take(*talk.times)
    elif right_times:
        left_times = [item for item in talk.times if item not in right_times]
        if not left_times:
            return _drop(talk, mark)
        one, two = together_when(left_times), together_when(right_times)
        if one is None or two is None:
            return _drop(talk, mark)
        counts, against = [talk.whole.at(one).high], [talk.whole.at(two).high]
        names = one.text, two.text
        talk.take(*talk.times)
    elif op == "equal" and len(talk.focus) > 1:
        counts = [group.visits for group in talk.focus[:1]]
        against = [group.visits for group in talk.focus[1:]]
        names = talk.focus[0].name, " and ".join(group.name for group in talk.focus[1:])
    else:
        return _drop(talk, mark)
    talk.take(mark, than)
    holds = bool(counts) and all(_holds(op, factor, one, two) for one, two in product(counts, against))
    talk.claim(mark.text, holds, f"{names[0]}: {sum(counts)} visits; {names[1]}: {sum(against)} visits")
    return True


def _preferred(talk: Talk, named: Sequence[Item]) -> bool:
    """ "Prefers POI 4 to POI 17"."""
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
    talk.take(mark, than, earlier, *dates, *marks, *talk.free("weeks"))
    if (
        lately is None
        or any(item not in dates for item in talk.times)
        or not all(_is_lately(item, lately.since) for item in dates)
    ):
        talk.claim(mark.text, False, "nothing is known of such a change")
        return True
    for group in talk.focus or [everywhere(talk.habits)]:
        late = sum(lately.places.get(poi, 0) for poi in group.pois)
        early, before = group.visits - late, talk.habits.checkins - lately.visits
        first = talk.habits.first or lately.since
        spans = (talk.habits.as_of - lately.since) / (lately.since - first)
        rate = late / max(early * spans, 0.01)
        share = (late / lately.visits) / max(early / before, 0.001) if talk.focus else rate
        least = LESS if talk.focus else LESS_OF_ALL
        holds = min(rate, share) >= MORE if op == "more" else max(rate, share) <= least
        note = f"{group.name}: {late} of {lately.visits} visits since {lately.since:%B %Y}, {early} of {before} before"
        talk.claim(mark.text, holds and group.visits > MIN_VISITS, note)
    return True


def _is_lately(item: Item, since: datetime) -> bool:
    begin, end = item.value.dates
    return begin <= since.date() <= end


def _none_other(talk: Talk) -> bool:
    """Whether it is said that no other place is ("No place is visited more often than POI 4")."""
    found = [item for item in talk.free("degree") if value(item, "degree") == "never"]
    talk.take(*found)
    return bool(found)


def _drop(talk: Talk, mark: Item) -> bool:
    talk.unclear(mark)
    return True


def _holds(op: str, factor: float, one: int, two: int) -> bool:
    if factor != 1:
        ratio = one / max(two, 1) if op != "less" else two / max(one, 1)
        return abs(ratio - factor) <= FACTOR_LEEWAY * factor
    return one > two if op == "more" else one < two if op == "less" else abs(one - two) <= 0.05 * two


def _comparison(talk: Talk) -> tuple[Item, str, float, Item | None] | None:
    """The word that compares, how, by which factor, and its "than"."""
    factor = 1.0
    for i, item in enumerate(talk.items):
        if has(item, "factor") and any(has(one, "compare") for one in talk.items[i + 1 : i + 4]):
            factor = float(value(item, "factor"))
            talk.take(item, *(one for one in talk.items[max(i - 1, 0) : i] if has(one, "approx")))
        after = [one for one in talk.items[i + 1 :] if not has(one, "fill")]
        if has(item, "compare") and item.start not in talk.used:
            than = next((one for one in talk.items[i + 1 :] if has(one, "than")), None)
            if than is None and (
                item.text.lower() in ("ahead", "behind")
                or item.text.lower().startswith(("outnumber", "exceed", "beat"))
            ):
                than = item
            op = value(item, "compare")
            if after and has(after[0], "degree") and value(after[0], "degree") == "rarely":
                talk.take(after[0])
                op = {"more": "less", "less": "more"}.get(op, op)
            if factor != 1 and op == "equal":
                op = "more"
            return item, op, factor, than
        if has(item, "approx") and item.text.lower().endswith(" than") and after and after[0].kind != "number":
            if not has(after[0], "share", "number"):
                return item, _MORE_THAN.get(value(item, "approx"), "more"), factor, item
    return None


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
        kind or talk_scope(talk, "kind" in other.text.lower()),
        lowest=op == "less",
    )


def talk_scope(talk: Talk, kinds: bool) -> Places | None:
    """Nothing: places are held against all places, kinds against all kinds."""
    return None
