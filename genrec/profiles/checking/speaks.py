"""Whether a sentence speaks of the person, and is a whole one."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from genrec.profiles.checking.claims import Claim
from genrec.profiles.checking.lexicon import Item, requests
from genrec.profiles.checking.segments import TARGETS, has, is_break, value
from genrec.profiles.sentence import Sentence

_DANGLING = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "at",
        "on",
        "to",
        "into",
        "by",
        "during",
        "over",
        "for",
        "with",
        "from",
        "and",
        "or",
        "but",
        "which",
        "who",
        "where",
        "that",
        "around",
        "about",
        "then",
        "after",
        "when",
        "straight",
    ]
)
_BEGINNINGS = frozenset(["They", "This", "This person", "He", "She"])
_THERE = ("it is", "it was", "there is", "there was", "it", "this", "there are", "there were")
# What is said of visits only, and of days and hours only.
_OF_VISITS = frozenset(
    [
        "confined",
        "limited to",
        "restricted",
        "reserved",
        "reserved for",
        "reserved exclusively",
        "concentrated",
        "clustered",
        "a fixture",
        "fixture",
        "a staple",
        "staple",
        "heavily",
        "prominently",
    ]
)
_OF_DAYS = frozenset(
    ["liveliest", "greatest", "largest", "fullest", "heaviest", "highest", "livelier", "heavier", "fuller"]
)
_OF_TIMES = frozenset(
    [
        "quiet",
        "very quiet",
        "dead quiet",
        "slow",
        "empty",
        "almost empty",
        "nearly empty",
        "virtually empty",
        "all but empty",
        "practically empty",
        "sparse",
        "minimal",
        "negligible",
        "scarce",
    ]
)
_NOUNS = frozenset(
    ["pattern", "patterns", "routine", "routines", "record", "history", "stretch", "period", "majority", "margin"]
)
_MEALS = ("breakfast", "lunch", "dinner")
_PERSONAL = ("rank", "person", "own", "event", "number", "degree", "compare")


def objections(sentence: Sentence, items: Sequence[Item]) -> list[Claim]:
    """Why a sentence cannot stand, whatever it names."""
    return [Claim(text, False, note) for text, note in _objections(sentence, items)]


def _objections(sentence: Sentence, items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    text = sentence.text
    said = [item for item in items if not has(item, "end")]
    open_end = said and has(said[-1], "stop", "than", "own") and not has(said[-1], "earlier")
    if said and (said[-1].text.lower() in _DANGLING or open_end):
        yield said[-1].text, "the sentence is not finished"
    if sum(item.text == "(" for item in items) != sum(item.text == ")" for item in items):
        yield text, "a bracket is not closed"
    yield from _doubled(items)
    yield from _ill_placed(items)
    if (
        said
        and has(said[0], "person")
        and any(has(item, "degree") and other.text == ":" for item, other in pairwise(said))
        and not any(has(item, "go", "be", "have", "role") for item in takewhile(lambda item: item.text != ":", said))
    ):
        yield text, "the sentence has no verb"
    for one, other in pairwise(items):
        if one.text.lower() == "so" and has(other, "be", "help"):
            yield f"{one.text} {other.text}", "it is not clear what this takes up"
        if other.text in _BEGINNINGS and not is_break(one):
            yield other.text, "a sentence begins within another"
    if _nested(items):
        yield text, "a place at a place"
    kinds = {item.kind for item in items if item.kind in TARGETS}
    more = () if len(kinds) > 1 else ("join", "stop")  # "POI 4: a bar" says of which kind it is
    if all(item.kind in TARGETS or has(item, "fill", "end", "own", *more) for item in items):
        yield text, "names, and nothing about them"
    subject = _subject(items)
    if subject is not None:
        yield text, subject


def _doubled(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Places, or articles, side by side without a word between."""
    for one, other in pairwise(items):
        if one.kind in TARGETS and other.kind in TARGETS and (one.kind != "kind" or other.kind != "place"):
            yield other.text, "two names side by side"
        if one.text.lower() in ("the", "a", "an") and other.text.lower() in ("the", "a", "an", "of", "on", "at"):
            yield other.text, "the sentence is garbled"


def _ill_placed(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Words that say nothing of visits where they stand: "they win", "the bar is quiet", "they go alone"."""
    for i, item in enumerate(items):
        text, after = item.text.lower(), items[i + 1 : i + 5]
        before = next(
            (one for one in reversed(items[:i]) if not has(one, "fill", "degree", "help", "be", "have")), None
        )
        of_person = before is not None and has(before, "person", "person_noun")
        if has(item, "adjective") and not _is_attributive(after):
            yield item.text, "it is not clear what is claimed by this"
        elif (
            text in _OF_DAYS and after and (after[0].kind in TARGETS or (before is not None and before.kind in TARGETS))
        ):
            yield item.text, "is not said of visits"
        elif text == "alone" and not (i and (items[i - 1].kind in (*TARGETS, "time") or has(items[i - 1], "number"))):
            yield item.text, "check-ins say nothing of this"
        elif (
            of_person
            and (text in _OF_VISITS or text.endswith((" by", " around", " on")))
            and has(item, "rank", "degree")
        ):
            yield item.text, "is not said of a person"
        elif of_person and has(item, "hold") and not has(item, "go", "be", "have", "visits"):
            comes = text.startswith(("come", "came")) and after and after[0].kind in TARGETS
            if not comes and not any(has(one, "visits", "number", "share", "degree") for one in after):
                yield item.text, "is not said of a person"
        elif text in _OF_TIMES and before is not None and before.kind in TARGETS and has(items[i - 1], "be", "degree"):
            yield item.text, "is not said of visits"


def _is_attributive(after: Sequence[Item]) -> bool:
    """Whether a noun of visits stands behind an adjective."""
    head = next((one for one in after if not has(one, "adjective", "own", "degree")), None)
    nouns = ("visits", "places", "kinds", "day", "days", "number", "rank", "share", "event", "weeks", "part", "role")
    return head is not None and (head.kind in TARGETS or has(head, *nouns) or head.text.lower() in _NOUNS)


def _nested(items: Sequence[Item]) -> bool:
    """Whether a place is said to be at a place."""
    rows = zip(items, items[1:], items[2:], strict=False)
    if [item.text.lower() for item in items[:1]] == ["at"] and items[1:] and items[1].kind == "place":
        subject = next((i for i, item in enumerate(items) if has(item, "person", "person_noun")), len(items))
        told = items[subject:]
        goes = any(has(item, "go") for item in told) and not any(item.kind == "time" for item in told)
        if any(item.kind == "place" for item in told) or goes:  # "at POI 4 around 9, they often go to POI 7"
            return True
    return any(a.kind == c.kind == "place" and b.text.lower() in ("at", "in") for a, b, c in rows)


def _subject(items: Sequence[Item]) -> str | None:
    """Why the sentence is not about the person, if it is not."""
    row = [item for item in items if not is_break(item)]
    leading = [item for item in row if item.kind != "time"]
    at = next((i for i, item in enumerate(leading) if not has(item, "degree", "fill")), None)
    if at is None:
        return None
    first, rest = leading[at], leading[at + 1 :]
    if _is_request(row):
        return "a request is not a claim"
    return "does not speak of the person" if _is_of_others(first, rest, row) else None


def _is_of_others(first: Item, rest: Sequence[Item], row: Sequence[Item]) -> bool:
    if first.text.lower() in _THERE:
        after = [item for item in rest if not has(item, "fill")]
        is_adjective = len(after) > 1 and after[0].kind in TARGETS and has(after[1], "visits")
        told = is_adjective or any(has(item, "person", "person_noun") for item in after)
        return not (told or (after and has(after[0], "visits", "number", "share", "approx", "compare", "degree")))
    if _has_a_place(row) or _is_asked(row) or row[0].text.lower() in ("who", "which"):
        return True
    if has(first, "be", "person", "person_noun", "regular", "there", "who") and _is_called(first, rest):
        return True
    if has(first, "places") and not any(item.kind == "time" for item in row):
        return not any(has(item, *_PERSONAL) for item in row)
    following = next((item for item in rest if not has(item, "degree", "help")), None)
    return first.kind in TARGETS and following is not None and not _may_do(following, row, first)


def _is_asked(row: Sequence[Item]) -> bool:
    """Whether a sentence begins with "does" or "can", but for "does not" and "can be found"."""
    if not has(row[0], "help") or any(_is_never(item) for item in row[:3]):
        return False
    return row[0].text.lower() != "can" or not any(item.text.lower() in ("found", "seen") for item in row[1:3])


def _has_a_place(row: Sequence[Item]) -> bool:
    """Whether something "has POI 4", or "has pizza", where only numbers of visits or places can be had."""
    for one, other in pairwise(item for item in row if item.text.lower() not in ("a", "an", "the")):
        if has(one, "have") and (other.kind == "place" or (other.kind == "kind" and not _counts_visits(row))):
            return True
    return False


def _counts_visits(row: Sequence[Item]) -> bool:
    return any(has(item, "visits", "degree", "rank") or item.text.lower() in _MEALS for item in row)


def _is_never(item: Item) -> bool:
    return has(item, "degree") and value(item, "degree") in ("never", "anymore")


def _is_request(row: Sequence[Item]) -> bool:
    """Whether a sentence begins with a verb that asks for something: "visit POI 4", not "visits to POI 4"."""
    word = row[0].text.lower().split()[0]
    is_noun = len(row) > 1 and (has(row[1], "visits") or (has(row[0], "visits") and row[1].text.lower() == "to"))
    return word in requests() and len(row) > 1 and not is_noun


def _is_called(first: Item, rest: Sequence[Item]) -> bool:
    """Whether somebody "is POI 4", or "is a pub"."""
    row = [first, *rest]
    verb = next((i for i, item in enumerate(row) if has(item, "be", "go", "have", "hold", "role")), None)
    if verb is None or not has(row[verb], "be"):
        return False
    for i, item in enumerate(row[verb + 1 :]):
        if item.kind in TARGETS:
            return i > 0 or item.kind == "place" or item.text[:1].isupper()
        if has(item, "degree"):
            continue
        if item.text.lower() not in ("a", "an", "the"):
            return False
    return False


def _may_do(verb: Item, row: Sequence[Item], first: Item) -> bool:
    """Whether a place or a kind may be the subject: it "is visited", or "has 7 visits", but does not "open"."""
    if any(_is_never(item) for item in row):
        return True
    if not has(verb, "go") or has(verb, "hold", "be", "have", "visits"):
        if has(verb, "be") and first.kind in TARGETS:
            return _is_told(verb, row)
        return True
    return verb.text.lower().endswith(("ed", "en", "ing", "seen", "found", "present", "active"))


def first_of(row: Sequence[Item]) -> Item | None:
    """The first place or kind."""
    return next((item for item in row if item.kind in TARGETS), None)


def _is_told(verb: Item, row: Sequence[Item]) -> bool:
    """What a place may be: visited, the favourite, where somebody goes, number two, of a kind that somebody goes to."""
    after = [item for item in row if item is not first_of(row) and item is not verb]
    return any(
        has(
            item,
            "go",
            "rank",
            "compare",
            "own",
            "person",
            "person_noun",
            "visits",
            "number",
            "event",
            "degree",
            "who",
            "day",
        )
        or item.kind == "time"
        for item in after
    )
