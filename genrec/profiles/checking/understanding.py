"""From the items of a sentence to claims: each segment's places, then what is said of them."""

from collections.abc import Sequence
from itertools import pairwise

from genrec.habit_models import Habits
from genrec.profiles.checking import bounds, comparisons, degrees, events, numbers, ranks, shares, steps
from genrec.profiles.checking.busiest import LEADS
from genrec.profiles.checking.claims import Claim, Talk, fits, is_of, visits_note
from genrec.profiles.checking.exceptions import left_out
from genrec.profiles.checking.lexicon import UNKNOWN, Item, roles
from genrec.profiles.checking.segments import TARGETS, Segment, chunks, has, segments, value
from genrec.profiles.checking.visits import Places
from genrec.profiles.person import OTHERS
from genrec.words import is_known, key_of

_NOTHING = '"{}": check-ins say nothing of this'
# What must be taken up by a claim.
CLAIMING = (
    "place", "kind", "time", "number", "degree", "share", "rank", "compare", "factor", "event", "explore", "known",
    "role", "det_else", "approx", "step", "each", "pace", "weeks", "percent", "earlier", "than", "except", "spread",
)  # fmt: skip
_FREE = (
    "fill",
    "person",
    "own",
    "who",
    "be",
    "have",
    "help",
    "go",
    "hold",
    "visits",
    "places",
    "there",
    "day",
    "little",
    "kinds",
)
_PAST = frozenset(["was", "were", "had", "went", "came", "once", "twice", "has been", "have been", "been"])


def claims_of(items: Sequence[Item], habits: Habits) -> list[Claim]:
    """All claims of a sentence's items."""
    unknown = [
        Claim(item.text, False, "speaks of others" if item.text.lower() in OTHERS else _NOTHING.format(item.text))
        for item in items
        if item.kind == UNKNOWN
    ]
    items, habits, found = left_out(items, habits)
    scope: Places | None = None
    focus: list[Places] = []
    past = any(word in _PAST for item in items for word in item.text.lower().split())
    for segment in segments(items):
        claims, scope, focus = _segment(segment, habits, scope, focus, past=past)
        found += claims
    return [*unknown, *found] if found else []


def _segment(
    segment: Segment, habits: Habits, scope: Places | None, before: list[Places], *, past: bool
) -> tuple[list[Claim], Places | None, list[Places]]:
    claims: list[Claim] = []
    named, kinds = _appositions(segment, claims)
    groups = [item.value for item in named]
    if kinds:
        scope = kinds[-1]
    elif scope and not all(group.pois <= scope.pois for group in groups):
        scope = None
    if not groups:
        groups = before
    used: set[int] = {item.start for item in segment.items if item.kind in TARGETS}
    roles_of = [item for item in segment.items if has(item, "role")]
    for item in roles_of:
        words = roles()[value(item, "role")]
        used.add(item.start)
        if groups or kinds:
            right = fits(item.text.lower(), words, [*groups, *kinds])
            done = value(item, "role").split()[-1].removesuffix("*")
            claims.append(Claim(done, right, f"{done}: {'a' if right else 'no'} kind of place spoken of"))
        else:
            found = tuple(p for p in habits.places if is_known(p.category) and set(key_of(p.category)) & words)
            groups = [Places(item.text, found, habits.lately)]
            named = []
            claims += (
                [Claim(item.text, bool(found), f"{item.text}: {groups[0].visits} visits")]
                if not _turned(segment.items)
                else []
            )
    if not _turned(segment.items):
        said = {item.value.name: item.text for item in named}
        claims += [_visited(group, said.get(group.name, group.name)) for group in groups if group not in before]
    rows = _rows(segment)
    shared: list[int] = []
    for row in rows:
        talk = Talk(habits, row, groups, scope, [item for item in row if item.kind == "time"], used)
        talk.past, talk.said, talk.inherited, talk.shared = past, segment.items, not kinds, shared
        _say(talk, [item for item in named if item in row], segment)
        claims += talk.claims
    claims += [
        Claim(item.text, False, f'"{item.text}": it is not clear what is claimed by this')
        for item in segment.items
        if item.start not in used and has(item, *CLAIMING) and not has(item, *_FREE)
    ]
    return claims, scope if kinds or not named else _kind_scope(named, scope), groups


def _kind_scope(named: Sequence[Item], scope: Places | None) -> Places | None:
    kinds = [item.value for item in named if item.kind == "kind"]
    return kinds[0] if len(kinds) == 1 else scope


def _say(talk: Talk, named: Sequence[Item], segment: Segment) -> None:
    """All claims of one row, in an order that settles the ambiguous words."""
    events.exploration(talk)
    bounds.nothing_more(talk)
    if not steps.steps(talk, named):
        comparisons.compare(talk, named)
        events.events(talk)
        ranks.rank(talk, named)
    shares.shares(talk)
    numbers.numbers(talk)
    if not any(has(item, "compare") for item in talk.items):
        talk.times += [item for item in segment.fronted if named]
        talk.used -= {item.start for item in segment.fronted}
    degrees.degrees_and_times(talk)


def _rows(segment: Segment) -> list[list[Item]]:
    """The chunks of a segment; those before the first place belong to its chunk."""
    found = chunks(segment.items)
    first = next((i for i, chunk in enumerate(found) if any(item.kind in TARGETS for item in chunk)), None)
    last = next((i for i in reversed(range(len(found))) if any(item.kind in TARGETS for item in found[i])), None)
    if first is None or last is None:
        leads = len(found) > 1 and all(item.kind == "time" or has(item, "event", "fill") for item in found[0])
        return _ranked_times([[*found[0], *found[1]], *found[2:]] if leads else found)
    end = last + 1
    if end < len(found) and found[end][0].text == "(" and found[last][-1].kind in TARGETS:  # "POI 4 (33 visits)"
        end += 1
    return [[item for chunk in found[:end] for item in chunk], *found[end:]]


def _ranked_times(found: Sequence[list[Item]]) -> list[list[Item]]:
    """Chunks, each with an order by visits with its days: "Busiest day: Friday", "Fridays, followed by Mondays"."""
    rows: list[list[Item]] = []
    for chunk in found:
        waits = (
            rows and any(has(item, "rank") for item in rows[-1]) and not any(item.kind == "time" for item in rows[-1])
        )
        ranks = rows and any(item.kind == "time" for item in rows[-1]) and _ranks_days(chunk)
        if rows and (waits or ranks or any(item.text.lower() in LEADS for item in chunk)):
            rows[-1] = [*rows[-1], *chunk]
        else:
            rows.append(chunk)
    return rows


def _ranks_days(chunk: Sequence[Item]) -> bool:
    """Whether a chunk says of the days before it which of all they are: "the fewest of any day"."""
    return any(has(item, "rank") for item in chunk) and all(
        has(item, "rank", "day", "det_else", "fill", "join", "end", "share") for item in chunk
    )


def _turned(items: Sequence[Item]) -> bool:
    """Whether it is said that somebody does not go somewhere."""
    return any(has(item, "degree") and value(item, "degree") == "never" for item in items)


def _visited(group: Places, text: str) -> Claim:
    return Claim(text, group.visits > 0, visits_note(group))


def _appositions(segment: Segment, claims: list[Claim]) -> tuple[list[Item], list[Places]]:
    """The places and kinds that are spoken of, without the kinds that only say of which kind a place is."""
    targets = segment.targets
    told: list[Item] = []
    for one, other in pairwise(targets):
        between = [item for item in segment.items if one.start < item.start < other.start]
        if one.kind == other.kind == "place" and [item.text for item in between] == ["("]:
            claims.append(
                Claim(other.text, one.value.pois == other.value.pois, f"{one.value.name}: not {other.value.name}")
            )
        if one.kind == other.kind or one in told or not _is_same(one, between):
            continue
        kind, place = (one, other) if one.kind == "kind" else (other, one)
        told.append(kind)
        places = [place]
        if kind is one:  # "three churches: POI 78, POI 113 and POI 79"
            places += _listed(segment.items, place)
        for item in places:
            note = f"{item.value.name}: {'a' if is_of(item.value, kind.value) else 'not a'} {kind.value.name}"
            claims.append(Claim(kind.text, is_of(item.value, kind.value), note))
    for item in targets:  # "six of eight library visits"
        after = segment.items[segment.items.index(item) + 1 :][:1]
        compared = any(has(one, "compare") for one in segment.items)
        if (
            item.kind == "kind"
            and len(targets) > 1
            and after
            and has(after[0], "visits")
            and item not in told
            and not compared
        ):
            told.append(item)
    return [item for item in targets if item not in told], [item.value for item in told]


def _listed(items: Sequence[Item], place: Item) -> list[Item]:
    found = []
    for item in items[items.index(place) + 1 :]:
        if item.kind == "place":
            found.append(item)
        elif not has(item, "join", "fill"):
            break
    return found


def _is_same(one: Item, between: Sequence[Item]) -> bool:
    """Whether what stands between a kind and a place says that it is the same."""
    if one.kind == "kind" and len(between) == 2 and has(between[0], "visits", "role"):  # "bakery visits to POI 4"
        return between[1].text.lower() in ("to", "at", "(")
    words = [item.text.lower() for item in between]
    words = [word for i, word in enumerate(words) if word != "to" or words[i + 1 : i + 2] not in (["is"], ["was"])]
    if any(word in ("and", "or", "to", "from", "on", "as well as", "but", "nor") for word in words):
        return False
    if one.kind == "place" and any(item.text.lower() in ("only", "main", "usual") for item in between):
        between = [item for item in between if not has(item, "degree")]
    allowed = ["fill", "be", "join", "stop", "own", "bracket", "who", "rank", "number"]
    if one.kind == "kind" and any(has(item, "be") for item in between):  # "the library they use most is POI 4"
        allowed += ["person", "person_noun", "go", "degree"]
    if ":" in words:
        allowed += ["go", "time", "degree", "event", "person"]
    elif one.kind == "kind" and "," in words:
        allowed += ["time"]
    if not all(has(item, *allowed) or item.text.lower() == "number" for item in between):
        return False
    if one.kind == "place":  # "POI 4, a bar", "POI 4 is a bar"
        return not any(word in ("at", "in", "with", "for") for word in words) and bool(words)
    return True
