"""What a person says of themselves, taken apart: whether they like or avoid it, which places, kinds, days and hours.

What is avoided gets a positive wording, because a small model reads past a "not": the sign is kept apart from the
words. What cannot be told is called unclear, and counts for nothing. A person corrects the reading by saying it as
"likes: museums, parks", "avoids: bars" or "routine: gym, on Mondays around 18".
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from genrec.errors import GenRecError
from genrec.profiles.clauses import GOING_ON, SUBJECTS, clauses, first_word, masked_text, wishes
from genrec.profiles.cues import Turn, is_of_another, is_reported, turns
from genrec.profiles.english import is_english
from genrec.profiles.kinds import KindIndex, index_of
from genrec.profiles.limits import is_limit, others
from genrec.profiles.naming import is_a_name, named_kinds, naming_words, spelled_out, without_names
from genrec.profiles.person import ADVERBS, BEING, FUNCTION_WORDS, HELPING, verb_of
from genrec.profiles.sentence import Sentence, readings, split
from genrec.profiles.when import days_said, hours_said
from genrec.words import Words, tokens

Polarity = Literal["likes", "avoids", "routine", "unclear"]

LONGEST: Final = 2000  # characters of all that is said at once
MOST: Final = 50  # clauses

_PREFIX = re.compile(r"(likes|avoids|routine):\s*", re.IGNORECASE)
_WISH = re.compile(
    r"(?:i|we)(?:['\u2019]d| would| do| will|['\u2019]ll)? (?:(?:really|also|just|always|still|now|truly) )*"
    r"(?:want|love|like|enjoy|prefer|need|adore|rather)\b",
    re.IGNORECASE,
)
# A wish for now, where a liking only tells of where somebody goes.
_ASKS = re.compile(
    r"\b(?:want|wants|wanna|need|show|take me|take us|find|give|get me|get us|bring|send|suggest|recommend|looking for"
    r"|look for|more|crav(?:e|ing)|fancy|in the mood|feel like|please|pls|plz|(?:i['\u2019]d|would) (?:like|love))\b",
    re.IGNORECASE,
)
_ONCE = re.compile(
    r"\bused to (?!it\b|be\b.*\bbut\b)|\b(?:was|were) my thing|\buntil (?:last|recently)|\bback (?:then|in the day)",
    re.IGNORECASE,
)
_MISSED = re.compile(
    r"\b(?:have|has)(?: not|n['\u2019]?t) (?:been|had|gone|seen|visited)\b.*\b(?:ages|years|while|long|yet|lately)\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"my (?!(?:back|body|budget|ears|eyes|feet|head|heart|knees|legs|nerves|nose|skin|stomach|wallet)\b)"
    r"\S+ (?:hates|dislikes|avoids|can|cannot|does|never)\b",
    re.IGNORECASE,
)
_INSTEAD = re.compile(r"\binstead\b(?! of\b)", re.IGNORECASE)
_EXCEPT = re.compile(r"(?:except|apart from|other than)\b", re.IGNORECASE)
_GOES = re.compile(r"instead of|rather than", re.IGNORECASE)  # "instead of bars, parks"
_TAKES_UP = re.compile(r"\b(?:it|them|they|there|ones?|those|these)\b", re.IGNORECASE)
_AND = ("and", "and then", "or", "so")
_ANOTHER = "it speaks of somebody else"
TWICE: Final = "it turns round twice"
# Notes of clauses whose sign a model may know all the same.
_OPEN = ("it speaks of the past", TWICE, "it is not clear whether")
_THINGS = frozenset(["it", "that", "this", "them", "those", "these", "everything", "anything", "something", "thing"])


@dataclass(frozen=True)
class Said:
    """One clause of what a person says.

    Attributes:
        text: the clause, verbatim.
        polarity: "unclear" counts for nothing.
        wording: the same in a positive way, for a model.
        kinds: categories of the catalogue that it names.
        pois: places that it names.
        days: weekdays (0 = Monday) that it is about; none for all.
        hours: hours of the day that it is about; none for all.
        note: why it is unclear.
        sure: whether its words tell the polarity; a model may know better.
        asked: what to ask a model about; nothing if nobody can know better.
        tells: whether it may tell anything of where the person goes.
        wish: whether it asks for something now, and does not only tell what is liked.
        moves: kinds that it moves in a ranking, the furthest first.

    """

    text: str
    polarity: Polarity
    wording: str
    kinds: tuple[str, ...] = ()
    pois: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    note: str = ""
    sure: bool = True
    asked: str = ""
    tells: bool = True
    wish: bool = False
    moves: tuple[str, ...] = ()

    @property
    def sign(self) -> int:
        """1 for what is liked or done, -1 for what is avoided, 0 for what is unclear."""
        return {"avoids": -1, "unclear": 0}.get(self.polarity, 1)


def parse(text: str, vocabulary: Collection[str], own: Mapping[int, str]) -> list[Said]:
    """The clauses of a text, in their order.

    `vocabulary`: every category of the catalogue; `own`: the category of each place that may be named by its number.
    Raises GenRecError for a text that is too long.
    """
    if len(text) > LONGEST:
        raise GenRecError(f"{len(text):,} characters said at once ({text[:40]}...); at most {LONGEST:,}")
    index = index_of(frozenset(vocabulary))
    said = [one for sentence in _sentences(text, index) for one in _sentence(sentence, index, own)]
    if len(said) > MOST:
        raise GenRecError(f"{len(said)} things said at once; at most {MOST}")
    return said


def _sentences(text: str, index: KindIndex) -> Iterator[str]:
    """The sentences of a text; a question goes with what is said to it ("Bars? No, thanks.")."""
    question = ""
    for sentence in split(text, index):
        question += f"{sentence} "
        if not sentence.endswith("?"):
            yield question.strip()
            question = ""
    if question:
        yield question.strip()


def _sentence(text: str, index: KindIndex, own: Mapping[int, str]) -> list[Said]:
    """The clauses of a sentence."""
    whole = readings(text, index, own)[0]
    if is_reported(masked_text(whole)):
        return [Said(whole.text, "unclear", whole.text, note="it is what somebody else says")]
    if is_of_another(masked_text(whole)) and not _ASKS.search(masked_text(whole)):
        return [Said(whole.text, "unclear", whole.text, note=_ANOTHER)]
    cut = list(clauses(whole))
    if limits := [i for i in range(1, len(cut)) if _is_limit(cut[i][0], index, own)]:
        return _limited(whole.text, cut, limits, index, own)
    said: list[Said] = []
    joints: list[str] = []
    names: Words = ()
    whole_english = is_english(whole, index)
    for clause, joint in cut:
        reading = readings(clause, index, own)[0]
        kinds = named_kinds(readings(spelled_out(clause, names), index, own)[0], index)
        named_before = any(set(kinds) <= set(one.kinds) for one in said)
        if named_before and "ones" not in clause.split() and not named_kinds(reading, index):
            kinds = ()  # "..., so I want one nearby": nothing beside what was named
        one = _said(reading, kinds, joint, said[-1] if said else None)
        if whole.text.endswith("?") and one.asked:  # "Why are there no parks?" wants some
            one = replace(one, sure=False)
        said.append(one if whole_english or is_english(reading, index) else _foreign(one))
        if len(said) > 1 and (said[-2].polarity, said[-1].polarity) == (
            "likes",
            "avoids",
        ):  # "every bar but sports bars"
            said[-2] = replace(said[-2], kinds=tuple(kind for kind in said[-2].kinds if kind not in kinds))
        names += naming_words(reading, index)
        joints.append(joint)
    if len(said) == 1 and said[0].polarity == "likes" and is_a_name(whole, masked_text(whole)):
        return [replace(said[0], sure=True, asked="", wish=True)]
    if len(said) == 1 and said[0].note and not whole.text.endswith("?") and _ONCE.search(masked_text(whole)):
        return [replace(said[0], asked="")]  # how it was says nothing of now
    said = [_beside(one, said[i + 1 : i + 2] or said[:i][-1:], index, own) for i, one in enumerate(said)]
    naming = [i for i, one in enumerate(said) if one.kinds or one.pois]
    return _with_context(said, naming[0], whole, joints) if len(naming) == 1 else said


def _beside(one: Said, near: Sequence[Said], index: KindIndex, own: Mapping[int, str]) -> Said:
    """A clause, surely liked if it is a name alone beside another clause that names something ("museums, not bars")."""
    if one.sign <= 0 or not any((other.kinds or other.pois) and not _TAKES_UP.search(other.text) for other in near):
        return one
    reading = readings(one.text, index, own)[0]
    return replace(one, sure=True, asked="") if is_a_name(reading, masked_text(reading)) else one


def _is_limit(clause: str, index: KindIndex, own: Mapping[int, str]) -> bool:
    reading = readings(clause, index, own)[0]
    return is_limit(clause) and not reading.places and not named_kinds(reading, index)


def _limited(
    text: str, cut: Sequence[tuple[str, str]], limits: Sequence[int], index: KindIndex, own: Mapping[int, str]
) -> list[Said]:
    """The clauses of a sentence of which some, by number, limit the one before: it is read without them."""
    rest = text
    for i in reversed(limits):
        left, _, right = rest.rpartition(cut[i][0])
        rest = left.rstrip(" ,").removesuffix(cut[i][1]).rstrip(" ,") + right
    said = _sentence(rest, index, own)
    for i in limits:
        main = max(set(range(i)) - set(limits))
        at = next((n for n, one in enumerate(said) if one.text == cut[main][0]), len(said) - 1)
        limit = _said(readings(cut[i][0], index, own)[0], (), "", None)
        one, note = said[at], f'it is a condition of "{said[at].text}" that is not heeded'
        days = others(limit.days, one.days or tuple(range(7)), limit.text) if limit.days else one.days
        hours = others(limit.hours, one.hours or tuple(range(24)), limit.text) if limit.hours else one.hours
        # "Not on Monday evenings" is more than days and hours apart can say.
        if bool(limit.days) != bool(limit.hours) and (days or hours):
            said[at], note = replace(one, days=days, hours=hours), f'it limits when "{one.text}" counts'
        limit = replace(limit, polarity="unclear", note=note, asked="", days=(), hours=())
        said.insert(at + i - main, limit)
    return said


def _with_context(said: list[Said], naming: int, whole: Sentence, joints: Sequence[str]) -> list[Said]:
    """Clauses of which one names something: the others may tell how that is meant ("but now I miss it")."""
    named = said[naming]
    found = [
        replace(one, polarity="unclear", note=f'it goes with "{named.text}"', asked="")
        if i > naming and one.sign and _TAKES_UP.search(one.text)
        else one
        for i, one in enumerate(said)
    ]
    if named.asked and joints[naming] not in _AND:
        found[naming] = replace(named, asked=without_names(whole))
    return found


def _foreign(one: Said) -> Said:
    """A clause without any English word, unless it avoids something or is unclear already."""
    if one.polarity in ("avoids", "unclear"):
        return one
    return replace(one, polarity="unclear", note="it is not understood; say it as a plain English sentence", asked="")


def _said(reading: Sentence, kinds: tuple[str, ...], joint: str, before: Said | None) -> Said:
    clause = reading.text
    polarity, wording, note = _polarity(clause, masked_text(reading), joint, before)
    times = [phrase.text for phrase in reading.times]
    days = tuple(sorted(days_said(times)))
    hours = tuple(sorted({hour for _, span, _ in hours_said(times) for hour in span}))
    pois = tuple(dict.fromkeys(place.poi for place in reading.places))
    may_be_known = not note or note.startswith(_OPEN)
    if not note and not (kinds or pois or times or _says_something(wording)):
        polarity, note, may_be_known = "unclear", "it does not say what", False
    if polarity == "likes" and (days or hours):
        polarity = "routine"
    given = _PREFIX.match(clause) is not None
    sure = given or polarity == "avoids" or _WISH.match(wording) is not None
    asked = without_names(reading) if may_be_known and not given else ""
    wish = _ASKS.search(masked_text(reading)) is not None
    return Said(clause, polarity, wording, kinds, pois, days, hours, note, sure, asked, wish=wish)


def _polarity(clause: str, masked: str, joint: str, before: Said | None) -> tuple[Polarity, str, str]:
    """Polarity, positive wording, and why it is unclear."""
    if prefix := _PREFIX.match(clause):
        given: Polarity = prefix[1].lower()  # type: ignore[assignment]
        return given, f"I like {clause[prefix.end() :]}", ""
    found = turns(clause, masked)
    if problem := _unclear(found, masked, joint, before):
        return "unclear", clause, problem
    if found:
        return "avoids", found[0].wording, ""
    if before is None or first_word(masked) in SUBJECTS:
        return "likes", clause, ""
    wording = f"I {clause}" if verb_of(first_word(masked)) else f"I like {clause}"
    return "avoids" if before.polarity == "avoids" and joint == "or" else "likes", wording, ""


def _unclear(found: Sequence[Turn], masked: str, joint: str, before: Said | None) -> str:
    """Why the sign of a clause cannot be told; empty if it can."""
    if _ONCE.search(masked) or _MISSED.search(masked):
        return "it speaks of the past"
    if found and _OTHERS.match(masked):
        return _ANOTHER
    if len(found) > 1:
        return f'{TWICE}: "{found[0].cue}" and "{found[1].cue}"'
    if found and before and before.polarity in ("avoids", "unclear") and _EXCEPT.match(masked):
        return "an exception from what is avoided"
    goes_on = before and before.polarity == "avoids" and joint in ("and", "") and first_word(masked) not in SUBJECTS
    goes_on = goes_on and before and not _GOES.match(before.text)
    if before and goes_on and not found and not (wishes(masked) or _INSTEAD.search(masked)):
        return f'it is not clear whether "{before.text}" is meant here, too'
    return ""


def _says_something(wording: str) -> bool:
    plain = FUNCTION_WORDS | ADVERBS | BEING | HELPING | _THINGS | SUBJECTS
    return any(not (token.word in plain or verb_of(token.word) in GOING_ON) for token in tokens(wording))
