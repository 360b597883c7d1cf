"""Claims about numbers of visits, of places, of days."""

from collections.abc import Sequence
from typing import Final

from genrec.profiles.checking.claims import (
    Talk,
    degree,
    together_when,
)
from genrec.profiles.checking.lexicon import Item
from genrec.profiles.checking.moments import When
from genrec.profiles.checking.segments import TARGETS, has, is_break, named, value
from genrec.profiles.checking.shares import ratio, share
from genrec.profiles.checking.visits import Places, everywhere
from genrec.profiles.checking.wording import free_times, number_of, take_only

SMALL: Final = 10  # "four of five" is a share, "44 of 55" are counts
_APPROX: Final = {"about": (0.9, 1.1), "under": (0.85, 1.0), "over": (1.0, 1.5)}


def numbers(talk: Talk) -> None:
    """Claims about numbers of visits, of places, of days."""
    free = talk.free("number")
    for i, item in enumerate(free):
        if item.start in talk.used:
            continue
        if has(item, "fill") and item.text.lower() != "both" and not _counts(talk, item):
            talk.take(item)  # "one" as a pronoun
            continue
        _number(talk, item, free[i + 1 :])


def _counts(talk: Talk, item: Item) -> bool:
    return _noun(talk, item) is not None


def _noun(talk: Talk, item: Item) -> Item | None:
    """What a number counts: the noun behind it, with nothing but adjectives between."""
    at = talk.items.index(item)
    for one in talk.items[at + 1 : at + 5]:
        if has(one, "visits", "places", "kinds", "days", "weeks") or one.kind == "kind":
            return one
        if not has(one, "fill", "own", "new", "share", "degree", "event", "adjective"):
            return None
    return None


def _number(talk: Talk, item: Item, later: Sequence[Item]) -> None:
    """What one number claims."""
    noun = _noun(talk, item)
    at = talk.items.index(item)
    talk.take(item)
    second = _second(talk, at, later)
    behind = talk.items[at + 1 : at + 4]
    rate = next((one for one in behind if one.start not in talk.used and has(one, "weeks")), None)
    if second is not None:
        _out_of(talk, item, number_of(item), second)
    elif noun is None and behind and has(behind[0], "percent"):
        talk.take(behind[0])
        share(talk, item, f"{number_of(item)}%")
    elif rate is not None and rate.text.lower().split()[0] in ("a", "an", "per", "each", "every", "on"):
        talk.take(rate)
        _rate(talk, item, number_of(item), rate)
    elif noun is not None and not _is_adverb(item) and not has(noun, "visits") and not _visits_behind(talk, noun):
        _things(talk, item, noun)
    elif item.text.lower() != "both" or len(talk.focus) != 2 or (noun is not None and has(noun, "visits")):
        _visits(talk, item, f"{item.text} {noun.text}" if noun else item.text)
        _both(talk, item)


def _is_adverb(item: Item) -> bool:
    """Whether a number tells how often: "once", "five times"."""
    last = item.text.lower().split()[-1]
    return item.kind == "words" and last in ("once", "twice", "thrice", "time", "times", "both")


def _both(talk: Talk, item: Item) -> None:
    """Claims such as "Both were on Sundays": each of the two visits."""
    times = free_times(talk)
    if item.text.lower() == "both" and times and len(talk.focus) < 2:
        talk.take(*times)
        degree(talk, "both", "always", talk.whole, together_when(times))


def _things(talk: Talk, item: Item, noun: Item) -> None:
    """So many places, kinds of places, or days."""
    text = f"{item.text} {noun.text}"
    if noun.kind == "kind":
        counts, note = [len(noun.value.habits)], f"{noun.value.name}: {len(noun.value.habits)} places"
    elif noun.text.lower() == "of them" and talk.focus and (free_times(talk) or not talk.focus_before):
        _visits(talk, item, text)
        return
    elif has(noun, "places"):
        group = talk.whole if talk.focus else everywhere(talk.habits)
        counts, note = [len(group.habits), len(talk.focus)], f"{group.name}: {len(group.habits)} places"
    elif has(noun, "kinds"):
        counts = [len(talk.habits.categories)]
        note = f"{counts[0]} kinds of places"
    else:
        days = talk.habits.active_days
        counts, note = [days] if has(noun, "days") and not talk.focus else [], f"{days} days with visits"
    _check(talk, text, counts, item, note)


def _rate(talk: Talk, item: Item, count: float, rate: Item) -> None:
    """So many visits a week."""
    habits = talk.habits
    if habits.first is None or habits.last is None:
        return
    unit = next(one for one in ("week", "month", "day") if one in rate.text.lower())
    days = {"week": 7, "day": 1, "month": 30.4}[unit]
    spans = habits.active_days if "active" in rate.text.lower() else (habits.last - habits.first).days / days
    found = talk.whole.visits / max(spans, 1)
    near = talk.items[max(talk.items.index(item) - 1, 0)]
    talk.take(near if has(near, "approx") else None)
    name = value(near, "approx") if has(near, "approx") else ""
    low, high = {"over": (1, 1.5), "least": (1, 9), "under": (0.7, 1), "less": (0.1, 1)}.get(name, (0.75, 1.25))
    holds = low * count <= found <= high * count
    talk.claim(f"{item.text} {rate.text}", holds, f"{talk.whole.name}: {found:.1f} visits {rate.text}")


def _visits_behind(talk: Talk, noun: Item) -> bool:
    """Whether a kind is an adjective of visits: "eight library visits"."""
    at = talk.items.index(noun)
    return at + 1 < len(talk.items) and has(talk.items[at + 1], "visits")


def _second(talk: Talk, at: int, later: Sequence[Item]) -> Item | None:
    """The whole of "nine of twelve visits" and "24 places in 44 visits"."""
    if at + 1 < len(talk.items) and has(talk.items[at + 1], "visits"):
        at += 1
    if (len(talk.items) > at + 2 and talk.items[at + 1].text.lower() in ("of", "out of", "of the", "of all")) or (
        len(talk.items) > at + 3 and talk.items[at + 1].text.lower() == "out"
    ):
        return next((one for one in talk.items[at + 1 : at + 5] if one in later), None)
    return None


def _out_of(talk: Talk, item: Item, part: float, whole_item: Item) -> None:
    talk.take(whole_item)
    whole = number_of(whole_item)
    take_only(talk, item)
    when = together_when(free_times(talk))
    group = talk.whole
    wholes = {group.visits, talk.habits.checkins, talk.scope.visits if talk.scope else -1}
    said = together_when(talk.times)
    parts = {group.at(said).high} if said else {group.visits}
    parts |= {one.at(said).high for one in talk.focus}
    parts |= {group.at(one.value).high for one in talk.said if one.kind == "time"}
    named = [one.value for one in talk.items if one.kind == "kind"]
    wholes |= {places.visits for places in named}
    if talk.scope and group.pois < talk.scope.pois and not said:  # "most bar visits, 9 of 12, are to POI 4"
        wholes.discard(group.visits)
    if whole not in wholes and whole <= SMALL:
        ratio(talk, item, part, whole_item)
        return
    talk.claim(
        f"{item.text} of {whole_item.text}",
        part in parts and whole in wholes,
        f"{group.name}: {max(parts)} of {sorted(wholes)} visits",
    )
    if when:
        talk.take(*free_times(talk))


def _visits(talk: Talk, item: Item, text: str) -> None:
    """So many visits."""
    at = talk.items.index(item)
    times = _bound_times(talk, at, adverb=_is_adverb(item))
    when = together_when(times)
    possible = [*_counts_of_groups(talk, at, when), *talk.shared]
    if any(one.text.lower() == "of" for one in talk.items[max(at - 2, 0) : at]):
        possible.append(talk.habits.checkins)  # "of the 225 check-ins, ..."
    if when is None:
        possible += _counts_at_times(talk, number_of(item), possible)
    if (beside := _time_beside(talk, item)) is not None:
        possible = [talk.whole.at(beside.value).high]
        talk.take(beside)
    if talk.scope and not talk.focus:
        possible.append(talk.scope.visits)
    said = f" {when.text}" if when else ""
    counted = str(possible[0]) if possible else "not the same number of"
    _check(talk, text, possible, item, f"{talk.whole.name}: {counted} visits{said}")
    if number_of(item) in possible:
        talk.take(*times)


def _time_beside(talk: Talk, item: Item) -> Item | None:
    """The time right before a number of visits that are not told of any place: "Weekdays 69"."""
    before = [one for one in talk.said if one.start < item.start and one.text not in (":", "(", "-")][-1:]
    return before[0] if before and before[0].kind == "time" and not (talk.focus or talk.scope) else None


def _counts_of_groups(talk: Talk, at: int, when: When | None) -> list[int]:
    """The visits to all places together, or to each, or to the nearest."""
    groups = talk.focus or [talk.whole]
    found = [talk.whole.at(when).high]
    if len(groups) == 1 and any(has(one, "each") for one in talk.items[at + 1 :]):
        found = _each_alone(talk, groups[0])
    if len(groups) > 1:
        each = {group.at(when).high for group in groups}
        same = list(each) if len(each) == 1 else []
        if any(has(one, "each") for one in talk.items) or any(one.text.lower() == "both" for one in talk.items[:at]):
            approximate = any(has(one, "approx") for one in talk.items[max(at - 2, 0) : at])
            found = [min(each)] if approximate else same
        else:
            found += same
        near = _nearest(talk, at)
        if near is not None and at and talk.items[at - 1].text == "(":  # "POI 4 (33 visits)"
            found = []
        found += [near.at(when).high] if near is not None else []
    talk.take(*(one for one in talk.free("each") if not _before_time(talk, one)))
    return found


def _each_alone(talk: Talk, group: Places) -> list[int]:
    """The visits to each place of a kind, or on each of several days, if these are as many."""
    times = talk.times or [one for one in talk.said if one.kind == "time"]
    days = [one for one in times if one.value.days and not talk.focus]
    if days:
        counts = {group.at(When("", days=frozenset([day]))).high for one in days for day in one.value.days}
        talk.take(*days)
    else:
        counts = {place.visits for place in group.habits}
    return list(counts) if len(counts) == 1 else []


def _counts_at_times(talk: Talk, said: float, possible: Sequence[int]) -> list[int]:
    """The visits at each time of the sentence's part."""
    found = []
    for one in (item for item in talk.said if item.kind == "time"):
        count = talk.whole.at(one.value).high
        found.append(count)
        if count == said and said not in possible:
            talk.take(one)
    return found


def _before_time(talk: Talk, item: Item) -> bool:
    """Whether a time follows: "four visits, each around 19"."""
    after = (one for one in talk.items[talk.items.index(item) + 1 :] if not has(one, "fill"))
    return next((one.kind == "time" for one in after), False)


def _nearest(talk: Talk, at: int) -> Places | None:
    """The place right before a number ("POI 4, with 39 visits"), or behind it ("39 visits to POI 4")."""
    for one in reversed(talk.items[:at]):
        if one.kind in TARGETS:
            return named(one)
        if not (is_break(one) or has(one, "fill", "have", "hold", "rank")):
            break
    for one in talk.items[at + 1 :]:
        if one.kind in TARGETS:
            return named(one)
        if not has(one, "fill", "visits", "go", "be"):
            break
    return None


def _bound_times(talk: Talk, at: int, *, adverb: bool) -> list[Item]:
    """The times to which a number belongs: right behind it, or, of "twice", those before it."""
    after: list[Item] = []
    for one in talk.items[at + 1 :]:
        if one.kind == "time":
            after.append(one)
        elif is_break(one) or not (has(one, "visits", "fill", "own", "be", "each") or one.kind in TARGETS):
            break
    if after and not any(has(one, "be") for one in talk.items[at + 1 : talk.items.index(after[0])]):
        return [one for one in after if one.start not in talk.used]
    if adverb:
        return [one for one in talk.items[:at] if one.kind == "time" and one.start not in talk.used]
    return []


def _check(talk: Talk, text: str, counts: Sequence[int], item: Item, note: str) -> None:
    """Compare a number with counts, "about" and "more than" taken into account."""
    said = number_of(item)
    at = talk.items.index(item)
    before = next((one for one in reversed(talk.items[:at]) if not has(one, "own") or has(one, "approx")), None)
    name = value(before, "approx") if before is not None and has(before, "approx") else ""
    if name:
        talk.take(before)
        text = f"{before.text if before else ''} {text}"
    take_only(talk, item)
    if name == "least":
        holds = any(count >= said for count in counts)
    elif name == "less":
        holds = any(0 < count <= said for count in counts)
    elif name:
        low, high = _APPROX[name]
        holds = any(said * low - (name == "about") <= count <= said * high + 1 for count in counts)
    else:
        holds = said in counts
    talk.claim(text, holds, note)
