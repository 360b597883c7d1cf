"""Claims about the order by visits: "the most visited place", "number two", "the busiest day"."""

from collections.abc import Sequence
from itertools import product
from typing import Final

from genrec.profiles.checking.busiest import days_behind, nth_day, top_days, top_part
from genrec.profiles.checking.claims import Talk, together_when
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.segments import TARGETS, has, is_break, value
from genrec.profiles.checking.segments import named as named_places
from genrec.profiles.checking.steps import word_before
from genrec.profiles.checking.visits import Places, everywhere
from genrec.profiles.checking.wording import free_times

AMONG_THE_FIRST: Final = 5
_MOST_OFTEN: Final = frozenset(
    ["most often", "most frequently", "most regularly", "most likely", "most likely to be found", "most commonly"]
)
RANKS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}


def ranked(
    talk: Talk,
    word: str,
    place: int,
    groups: Sequence[Places],
    scope: Places | None,
    *,
    lowest: bool = False,
    span: int = 1,
) -> None:
    """Require that places (or kinds) are at a place of the order by visits, `span` places wide."""
    for group in groups:
        inside = group.is_one
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


def rank(talk: Talk, named: Sequence[Item]) -> None:
    """A claim about the order by visits, if there is one."""
    found = [item for item in talk.free("rank") if not is_share(talk, item)]
    if not found:
        return
    mark = found[0]
    name = value(mark, "rank")
    talk.take(*(item for item in found if item is mark or value(item, "rank") == name or _is_among(talk, item)))
    lowest = name == "last" or _is_rarely(talk, mark)
    for other in found:
        if value(other, "rank") == "last" and not lowest:
            talk.unclear(other)
    of_times = _rank_of_times if name in ("first", "last") else _nth_of_days
    if not of_times(talk, mark, named, lowest=lowest):
        _rank_of_places(talk, mark, named, lowest=lowest)


def _is_rarely(talk: Talk, mark: Item) -> bool:
    """Whether "most" goes with "rarely"."""
    after = next((item for item in talk.items[talk.items.index(mark) + 1 :] if not has(item, "fill")), None)
    if after is None or not has(after, "degree") or value(after, "degree") != "rarely":
        return False
    talk.take(after)
    return True


def _rank_of_times(talk: Talk, mark: Item, named: Sequence[Item], *, lowest: bool) -> bool:
    """Days or hours with the most visits, if these are spoken of; or the place with the most visits at a time."""
    if named and not lowest and _tells_when(talk, mark, named[0]):
        times = [item for item in free_times(talk) if item.start < named[0].start]
        talk.take(*times)
        _first_then(talk, mark, together_when(times))
        return True
    days = _days_of(talk, mark)
    talk.take(days)
    if days is not None and named and days.start < named[0].start and any(has(item, "places") for item in talk.items):
        _first_then(talk, mark, days.value)
        return True
    if days is not None:
        wide = _number_near(talk, mark)
        top_days(talk, days, mark.text, lowest=lowest)
        if wide not in (None, len(days.value.days)):
            talk.claim(mark.text, False, f'"{mark.text}": {wide} are told, {len(days.value.days)} named')
        days_behind(talk, days)
        return True
    part = next((item for item in free_times(talk) if item.value.hours), None)
    if part is None or lowest or (named and not any(has(item, "part") for item in talk.items)):
        return False
    talk.take(part)
    top_part(talk, part, mark.text)
    return True


def _nth_of_days(talk: Talk, mark: Item, named: Sequence[Item], *, lowest: bool) -> bool:
    """Days at the second or third place of the order, if these are spoken of."""
    days = None if named or lowest else _days_of(talk, mark)
    if days is None or len(days.value.days) > 1:
        return False
    talk.take(days)
    nth_day(talk, mark, days, RANKS[value(mark, "rank")])
    return True


def _rank_of_places(talk: Talk, mark: Item, named: Sequence[Item], *, lowest: bool) -> None:
    """Places or kinds at some place of the order, and what comes before or behind them."""
    name = value(mark, "rank")
    wide = _number_near(talk, mark)
    later = [item for item in talk.items if item.start > mark.start]
    behind = next((item for item in later if has(item, "compare", "step")), None)
    before = next((item for item in named if word_before(talk, item) in ("behind", "after")), None)
    followers = [item for item in named if behind is not None and item.start > behind.start]
    referents = [item.value for item in named if item not in followers and item is not before]
    if before is not None:
        lead = talk.items[talk.items.index(before) - 1]
        talk.take(lead)
        _order(talk, mark, referents, [before.value])
    groups = [group for group in talk.focus if any(group is one for one in referents)] or referents
    groups = groups or ([] if followers else talk.focus)
    span = max(wide or 1, len(groups) if name == "first" else 1)
    some = _is_among(talk, mark)
    if some and wide is None:
        span = max(span, AMONG_THE_FIRST)
    if wide is not None and not some and len(groups) not in (1, wide):
        talk.claim(mark.text, False, f'"{mark.text}": {wide} are told, {len(groups)} named')
    scope = _scope(talk, mark)
    ranked(talk, mark.text, RANKS.get(name, 1), groups, scope, lowest=lowest, span=span)
    if behind is not None and followers:
        talk.take(behind)
        _order(talk, behind, groups, [item.value for item in followers])


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
            return named_places(item)
        if not has(item, "fill", "own", "rank", "number"):
            break
    for item in reversed(talk.items[:at]):
        if item.kind == "kind":
            return named_places(item)
        if item.kind == "place" or has(item, "places") or is_break(item):
            break
    after = next((item for item in talk.items[at + 1 :] if not has(item, "fill")), None)
    before = {item.text.lower() for item in talk.items[:at]}
    if (after is not None and after.kind == "place") or before & {"among", "of", "of all"}:
        return talk.scope
    if talk.inherited and not any(has(item, "places") for item in talk.items):
        return talk.scope
    return talk.scope if mark.text.lower() in ("above all", "especially", "particularly", "in particular") else None


def _tells_when(talk: Talk, mark: Item, first: Item) -> bool:
    """Whether it is told where somebody is most often at a time: "On Mondays they are most often at POI 4"."""
    before = [item for item in talk.items if item.start < mark.start]
    return (
        mark.text.lower() in _MOST_OFTEN
        and mark.start < first.start
        and any(has(item, "person") for item in before)
        and any(item.kind == "time" and (item.value.days or item.value.hours) for item in before)
    )


def _first_then(talk: Talk, mark: Item, when: When | None) -> None:
    """The most visited place at a time: "On Tuesdays the most visited place is POI 4"."""
    best = max((Places("", (place,)).at(when).high for place in talk.habits.places), default=0)
    said = when.text if when else ""
    for group in talk.focus:
        count = group.at(when).high
        talk.claim(mark.text, count >= best > 0, f"{group.name}: {count} visits {said}, at most {best} elsewhere")


def _order(talk: Talk, behind: Item, groups: Sequence[Places], followers: Sequence[Places]) -> None:
    """Require that places come before or behind others."""
    is_ahead = behind.text.lower() in ("followed by", "ahead", "before") or (
        has(behind, "compare") and value(behind, "compare") == "more"
    )
    for one, two in product(groups, followers):
        holds = one.visits >= two.visits if is_ahead else one.visits <= two.visits
        talk.claim(
            behind.text, holds and bool(two.visits), f"{one.name}: {one.visits} visits; {two.name}: {two.visits} visits"
        )


def _number_near(talk: Talk, mark: Item) -> int | None:
    """How many are at the top: "the two most visited", "the top three"."""
    at = talk.items.index(mark)
    for item in [*talk.items[max(at - 1, 0) : at], *talk.items[at + 1 : at + 2]]:
        if item.start not in talk.used and has(item, "number"):
            talk.take(item)
            return int(item.value) if item.kind == "number" else int(value(item, "number"))
    return None


def is_share(talk: Talk, item: Item) -> bool:
    """Whether "most" is a share: "most visits", "most of their check-ins"."""
    if item.text.lower() != "most":
        return False
    at = talk.items.index(item)
    after = [
        one
        for one in talk.items[at + 1 : at + 6]
        if not has(one, "own")
        and one.text.lower() not in ("of", "the", "all", "these", "those", "this", "person", "its")
    ]
    before = talk.items[at - 1].text.lower() if at else ""
    is_of = any(one.text.lower() == "of" for one in talk.items[at + 1 : at + 2])
    if before == "the" or (before in ("with", "has", "have", "had") and not is_of):
        return False
    return bool(after) and (
        has(after[0], "visits", "places") or (after[0].kind in TARGETS and len(after) > 1 and has(after[1], "visits"))
    )


def _days_of(talk: Talk, mark: Item) -> Item | None:
    """The days of which a rank speaks, if not of places."""
    days = [item for item in talk.times if item.value.days]
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
