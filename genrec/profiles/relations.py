"""Claims that set places or times against each other: steps from one to another, ranks, "more often than"."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Final

from genrec.profiles.claims import MIN_VISITS, Talk, together_when
from genrec.profiles.lexicon import Item
from genrec.profiles.moments import PARTS, When, circle
from genrec.profiles.segments import TARGETS, has, is_break, value
from genrec.profiles.visits import Places, everywhere

RANKS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
STEP_SHARES: Final = {"mostly": 0.5, "nearly": 0.8, "always": 1.0, "often": 0.0}
FACTOR_LEEWAY: Final = 0.15
LESS_OF_ALL = 0.7
MORE, LESS = 1.5, 0.6  # times as often as before, and times the share of the visits
_MORE_THAN: Final = {"over": "more", "less": "less"}


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
    said = f"from {start.value.name} straight to {end.value.name}" if _straight(talk) else f"from {start.value.name} to {end.value.name}"
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
    if len(named) < 2 or any(has(item, "rank", "visits") and not has(item, "go") for item in talk.free("rank", "compare")):
        return None
    kinds = {value(item, "step") for item in marks}
    lead = [_word_before(talk, item) for item in named[:2]]
    if lead[0] in ("to", "at") and lead[1] == "from":
        return named[1], named[0]
    if lead[1] == "for" and any(item.text.lower().startswith(("leave", "left")) for item in talk.items):
        return named[0], named[1]
    if lead[0] == "from" and lead[1] in ("to", "onto", "for", "back to"):
        return named[0], named[1]
    if "after" in kinds:
        mark = next(item for item in marks if value(item, "step") == "after")
        behind = [item for item in named if item.start > mark.start]
        others = [item for item in named if item not in behind[:1]]
        return (behind[0], others[0]) if behind and others else None
    if "before" in kinds:
        mark = next(item for item in marks if value(item, "step") == "before")
        behind = [item for item in named if item.start > mark.start]
        others = [item for item in named if item not in behind[:1]]
        return (others[0], behind[0]) if behind and others else None
    if kinds & {"then", "next", "go"}:
        return named[0], named[1]
    return None


def _word_before(talk: Talk, target: Item) -> str:
    """The preposition before a place, if only an article stands between them."""
    at = talk.items.index(target) - 1
    while at >= 0 and talk.items[at].text.lower() in ("the", "a", "an", "his", "her", "their"):
        at -= 1
    return talk.items[at].text.lower().rpartition(" ")[2] if at >= 0 else ""


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
    """"Prefers POI 4 to POI 17"."""
    mark = next((item for item in talk.items if item.text.lower().startswith("prefer")), None)
    if mark is None or len(named) < 2 or _word_before(talk, named[1]) not in ("to", "over"):
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
    if lately is None or any(item not in dates for item in talk.times) or not all(_is_lately(item, lately.since) for item in dates):
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
            if than is None and (item.text.lower() in ("ahead", "behind") or item.text.lower().startswith(("outnumber", "exceed", "beat"))):
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
        days = next((item for item in [*times, *(one for one in talk.said if one.kind == "time")] if item.value.days), None)
        if days is None:
            talk.unclear(other)
            return
        talk.take(days)
        top_days(talk, days, mark.text, lowest=op == "less")
        return
    kind = next((item.value for item in after[:1] if item.kind == "kind"), None)
    ranked(talk, mark.text, 1, [group for group in talk.focus if group is not kind], kind or talk_scope(talk, "kind" in other.text.lower()), lowest=op == "less")


def talk_scope(talk: Talk, kinds: bool) -> Places | None:
    """Nothing: places are held against all places, kinds against all kinds."""
    return None


def top_days(talk: Talk, days: Item, word: str, *, lowest: bool = False) -> None:
    """Require that the days that are named have the most visits."""
    named: frozenset[int] = days.value.days
    rest = frozenset(range(7)) - named
    group = talk.whole
    sign = -1 if lowest else 1

    def count(day: int) -> int:
        return sign * group.at(When("", days=frozenset([day]))).high

    if named == frozenset((5, 6)) or named == frozenset(range(5)):
        holds = sign * group.at(days.value).high > sign * group.visits / 2
    else:
        holds = min(map(count, named)) >= max(map(count, rest)) and (lowest or min(map(count, named)) > 0)
    counts = ", ".join(str(abs(count(day))) for day in sorted(named))
    talk.claim(f"{word} {days.value.text}", holds, f"{group.name}: {counts} of {group.visits} visits {days.value.text}")


def ranked(talk: Talk, word: str, place: int, groups: Sequence[Places], scope: Places | None, *, lowest: bool = False, span: int = 1) -> None:
    """Require that places (or kinds) are at a place of the order by visits, `span` places wide."""
    for group in groups:
        inside = len(group.habits) == 1 and group.name.startswith("POI ")
        if inside:
            pool = [p.visits for p in (scope or everywhere(talk.habits)).habits if p.poi not in group.pois]
        else:
            own = set(group.categories)
            pool = [h.visits for h in talk.habits.categories if h.category not in own]
        above = sum(visits < group.visits if lowest else visits > group.visits for visits in pool)
        level = sum(visits == group.visits for visits in pool)
        holds = group.visits > 0 and above < place + span - 1 and above + level + 1 >= place
        if scope is not None and inside:
            holds = holds and group.pois <= scope.pois
        talk.claim(word, holds, f"{group.name}: {group.visits} visits, rank {above + 1}")
    if not groups:
        talk.claim(word, False, f'"{word}": of what?')


def rank(talk: Talk, named: Sequence[Item]) -> bool:
    """A claim about the order by visits, if there is one."""
    found = [item for item in talk.free("rank") if not _is_share(talk, item)]
    if not found:
        return False
    mark = found[0]
    name = value(mark, "rank")
    talk.take(*(item for item in found if item is mark or value(item, "rank") == name))
    lowest = name == "last"
    days = _days_of(talk, mark)
    if days is not None and named and days.start < named[0].start and any(has(item, "places") for item in talk.items):
        talk.take(days)
        _first_then(talk, mark, days)
        return True
    if days is not None and name in ("first", "last"):
        talk.take(days)
        top_days(talk, days, mark.text, lowest=lowest)
        return True
    part = next((item for item in talk.times if item.value.hours and item.start not in talk.used), None)
    if part is not None and name == "first" and (not named or any(has(item, "part") for item in talk.items)):
        talk.take(part)
        _top_part(talk, part, mark.text)
        return True
    wide = _number_near(talk, mark)
    behind = next((item for item in talk.items if item.start > mark.start and (has(item, "compare", "step") or item.text.lower() == "followed by")), None)
    followers = [item for item in named if behind is not None and item.start > behind.start]
    referents = [item.value for item in named if item not in followers]
    groups = [group for group in talk.focus if any(group is one for one in referents)] or ([] if referents and followers else talk.focus)
    if len(groups) == 0 and referents:
        groups = referents
    span = max(wide or 1, len(groups) if name == "first" else 1)
    some = _is_among(talk, mark)
    if some and wide is None:
        span = max(span, 5)
    if wide is not None and not some and len(groups) not in (1, wide):
        talk.claim(mark.text, False, f'"{mark.text}": {wide} are told, {len(groups)} named')
    scope = _scope(talk, mark)
    ranked(talk, mark.text, RANKS.get(name, 1), groups, scope, lowest=lowest, span=span)
    if behind is not None and followers:
        talk.take(behind)
        _order(talk, behind, groups, [item.value for item in followers])
    return True


def _is_among(talk: Talk, mark: Item) -> bool:
    """Whether something is said to be one of the first: "among the three most visited", "one of the most visited"."""
    for item in reversed(talk.items[: talk.items.index(mark)]):
        if item.text.lower() in ("among", "one of the", "belongs"):
            return True
        if not has(item, "fill", "number", "own"):
            return False
    return False


def _scope(talk: Talk, mark: Item) -> Places | None:
    """The kind within which a rank is told: "the favourite bar", "the library they use most", "above all POI 4"."""
    at = talk.items.index(mark)
    for item in talk.items[at + 1 :]:
        if item.kind == "kind":
            return item.value
        if not has(item, "fill", "own", "rank", "number"):
            break
    for item in reversed(talk.items[:at]):
        if item.kind == "kind":
            return item.value
        if item.kind == "place" or has(item, "places") or is_break(item):
            break
    after = next((item for item in talk.items[at + 1 :] if not has(item, "fill")), None)
    before = {item.text.lower() for item in talk.items[:at]}
    if (after is not None and after.kind == "place") or before & {"among", "of", "of all"}:
        return talk.scope
    if talk.inherited and not any(has(item, "places") for item in talk.items):
        return talk.scope
    return talk.scope if mark.text.lower() in ("above all", "especially", "particularly", "in particular") else None


def _first_then(talk: Talk, mark: Item, days: Item) -> None:
    """The most visited place at a time: "On Tuesdays the most visited place is POI 4"."""
    best = max((Places("", (place,)).at(days.value).high for place in talk.habits.places), default=0)
    for group in talk.focus:
        count = group.at(days.value).high
        talk.claim(mark.text, count >= best > 0, f"{group.name}: {count} visits {days.value.text}, at most {best} elsewhere")


def _top_part(talk: Talk, part: Item, word: str) -> None:
    """Require that a part of the day has more visits than the others."""
    group = talk.whole
    counts = {name: group.at(When("", hours=circle(*PARTS[name]))).high for name in ("morning", "afternoon", "evening", "night")}
    said = group.at(part.value).high
    holds = said >= max((count for name, count in counts.items() if name not in part.value.text), default=0)
    talk.claim(f"{word} {part.value.text}", holds and said > 0, f"{group.name}: {said} of {group.visits} visits {part.value.text}")


def _order(talk: Talk, behind: Item, groups: Sequence[Places], followers: Sequence[Places]) -> None:
    """Require that places come before or behind others."""
    is_ahead = behind.text.lower() in ("followed by", "ahead", "before") or (has(behind, "compare") and value(behind, "compare") == "more")
    for one, two in product(groups, followers):
        holds = one.visits >= two.visits if is_ahead else one.visits <= two.visits
        talk.claim(behind.text, holds and bool(two.visits), f"{one.name}: {one.visits} visits; {two.name}: {two.visits} visits")


def _number_near(talk: Talk, mark: Item) -> int | None:
    """How many are at the top: "the two most visited", "the top three"."""
    at = talk.items.index(mark)
    for item in [*talk.items[max(at - 1, 0) : at], *talk.items[at + 1 : at + 2]]:
        if item.start not in talk.used and has(item, "number"):
            talk.take(item)
            return int(item.value) if item.kind == "number" else int(value(item, "number"))
    return None


def _is_share(talk: Talk, item: Item) -> bool:
    """Whether "most" is a share: "most visits", "most of their check-ins"."""
    if item.text.lower() != "most":
        return False
    at = talk.items.index(item)
    after = [one for one in talk.items[at + 1 : at + 6] if not has(one, "own") and one.text.lower() not in ("of", "the", "all", "these", "those", "this", "person")]
    before = talk.items[at - 1].text.lower() if at else ""
    if before in ("with", "has", "have", "had") and not talk.items[at + 1 : at + 2][0:1] == []:
        if at + 1 < len(talk.items) and talk.items[at + 1].text.lower() != "of":
            return False
    if before == "the":
        return False
    return bool(after) and (has(after[0], "visits", "places") or (after[0].kind in TARGETS and len(after) > 1 and has(after[1], "visits")))


def _days_of(talk: Talk, mark: Item) -> Item | None:
    """The days of which a rank speaks, if not of places."""
    days = [item for item in talk.times if item.value.days and item.start not in talk.used]
    if not days:
        return None
    if not talk.focus or any(has(item, "day") for item in talk.items):
        return days[0]
    at = talk.items.index(mark)
    after = [item for item in talk.items[at + 1 :] if not has(item, "fill")]
    if after and after[0] in days:
        return after[0]
    before = [item for item in talk.items[:at] if item in days or item.kind in TARGETS]
    if before and before[-1] in days and before[-1].value.days and _says_times(talk, mark, before[-1]):
        return before[-1]
    return None


def _says_times(talk: Talk, mark: Item, days: Item) -> bool:
    between = [item for item in talk.items if days.start < item.start < mark.start]
    return all(has(item, "fill", "be", "hold", "own", "go", "day", "visits") for item in between)
