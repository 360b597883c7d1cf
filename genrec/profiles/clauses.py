"""A sentence cut into clauses: each says one thing of what it names."""

import re
from collections.abc import Iterator

from genrec.profiles.cues import SWAPPING, begins_with_turn
from genrec.profiles.limits import LIMIT
from genrec.profiles.person import ADVERBS, BEING, HELPING, verb_of
from genrec.profiles.sentence import Sentence

_WISHING = frozenset(["want", "love", "like", "enjoy", "prefer", "need", "adore"])
GOING_ON = _WISHING | frozenset(["go", "visit"])
SUBJECTS = frozenset(["i", "we", "he", "she", "they", "you", "it", "my", "our", "the"])
_TURNING = frozenset(["never", "not", "rarely", "seldom"])
_ADVERBS = (ADVERBS | {"now", "nowadays", "instead", "please", "lately", "today"}) - _TURNING
# "museums but no parks": what stands behind is another clause, whatever it begins with.
_ALWAYS = re.compile(
    r";|\s[\u2013\u2014-]\s|(?<!anything)(?<!nothing)(?<!everything)(?<!where),? \bbut\b"
    r"|,? \b(?:yet|however|although|though|whereas|while)\b"
    r"|(?<!anything)(?<!anywhere),? (?=except\b)|,? (?=(?:apart from|other than|instead of|rather than|nor|but not)\b)"
    r"|, (?:and |so )?(?=(?:just )?instead\b(?! of\b)|[^,;]*\binstead(?: please)?\W*$)"  # "no malls, parks instead"
    rf"|,? (?=unless\b[^\u2588]*$)|, (?={LIMIT.pattern}[^\u2588,]*(?:,|$))"
    r"|(?<=[s\u2588]),? (?=(?:more|less|fewer) (?:(?:\w+ )?\u2588|(?!nowadays|always)\w+s$))",  # "less bars more parks"
    re.IGNORECASE,
)
# Each name with its own sign: "bars no, parks yes", "pubs not clubs", "no gym, go to the pub".
_A = r"(?:(?:an?|the|any|some|my) )?\u2588"
_NO_VERB = r"(?:and|or|nor|in|at|to|from|with|on|of|for|by|near|like|especially|particularly|not|no)\b"
_NAMED = re.compile(
    rf"(?<=\u2588),? (?=(?:(?:(?:i|we) )?(?:love|hate|prefer|want|need|avoid)|(?:i|we) like|not|no) {_A}(?! yes))"
    rf"|(?<=\u2588 yes),? (?={_A})|(?<=\u2588 no), (?={_A})"
    rf"|, (?={_A} (?:(?:is|are|was|were)(?:n['\u2019]?t)?|yes|no)\b)"
    rf"|,? (?:(?:and|or|but) )?(?:else|otherwise|then) (?={_A})|(?<=please), (?={_A})"
    rf"|,? (?=(?:how|what) about {_A})|, (?=(?:just|only|mostly|mainly|maybe|perhaps) {_A})"
    rf"|, (?=(?!{_NO_VERB})[\w'\u2019]+ (?:an?|the|my) \u2588)",
    re.IGNORECASE,
)
_YES = re.compile(rf"^(?:just|only|mostly|mainly) {_A}|\u2588 yes\b", re.IGNORECASE)
_ASKING = ("show", "give", "take", "find", "bring", "add", "try", "let", "suggest", "recommend")
_SOMETIMES = re.compile(r",? (?:and then|and|or|so) |, ", re.IGNORECASE)  # ... and these, if a new clause begins there
_PREFERRED = re.compile(
    r"\b(?:(?:rather(?! than)|prefer|preferred|better|sooner|more fun)\b.*?(?= (?:than|over)\b)"
    r"|prefer(?:red)? (?!to )[^ ].*?(?= to\b))"
    r"|(?:\u2588(?:e?s)?|\b(?:take|pick|choose|give me|go for)\b.*?)(?= over (?:\w+ ){0,2}\u2588)",
    re.IGNORECASE,
)
# What goes, and what comes for it: "swap bars for parks", "instead of bars, parks".
_REPLACED = (
    re.compile(rf"\b{SWAPPING}\b.*?\u2588(?P<joint> (?:for|with|to|by) )(?={_A})", re.IGNORECASE),
    re.compile(
        rf"^(?:instead of|rather than) [^,;]*?\u2588(?:(?P<joint>, )| (?=(?:i|we|id|{'|'.join(_ASKING)})\b))",
        re.IGNORECASE,
    ),
)
# Two who do one thing: "my wife and I", "I am sick and tired".
_TOGETHER = re.compile(r"\b(?:my|our)(?: (?!and\b)[^\W_]+){1,2} and (?=i\b)|\bsick and (?=tired\b)", re.IGNORECASE)


def clauses(whole: Sentence) -> Iterator[tuple[str, str]]:
    """Clauses, with the words that join each to the one before."""
    text, masked = whole.text, masked_text(whole)
    found = [match.span() for parts in (_ALWAYS, _NAMED) for match in parts.finditer(masked)]
    together = {match.end() for match in _TOGETHER.finditer(masked)}
    joints = [match.span() for match in _SOMETIMES.finditer(masked) if _begins(masked[match.end() :])]
    found += [(left, right) for left, right in joints if right not in together]
    for replaced in filter(None, (pattern.search(masked) for pattern in _REPLACED)):
        found.append(replaced.span("joint") if replaced["joint"] else (replaced.end(), replaced.end()))
    if preferred := _PREFERRED.search(masked):
        found.append((preferred.end(), preferred.end() + 1))
    ends = sorted(set(found))
    start, joint = 0, ""
    for left, right in [*ends, (len(text), len(text))]:
        if left < start:  # inside the words that join
            continue
        clause = text[start:left].strip(" ,.!?;")
        if clause:
            yield clause, joint
        start, joint = right, masked[left:right].strip(" ,")


def masked_text(sentence: Sentence) -> str:
    """The text with the names of places and kinds blotted out."""
    text = sentence.text
    spans = [(kind.start, kind.end) for kind in sentence.kinds] + [(p.start, p.end) for p in sentence.places]
    for start, end in spans:
        text = text[:start] + "\u2588" * (end - start) + text[end:]
    return text


def _begins(masked: str) -> bool:
    """Whether a clause of its own begins here: with a person, with what turns it round, or with a wish."""
    first = first_word(masked)
    return (
        first in (SUBJECTS - {"the"}) | BEING | HELPING
        or wishes(masked)
        or verb_of(first) in GOING_ON
        or begins_with_turn(masked)
    )


def first_word(masked: str) -> str:
    """The first word that is no adverb."""
    words = [re.split("['\u2019]", word.lower().strip(",."))[0] for word in masked.split()]
    return next((word for word in words if word not in _ADVERBS), "")


def wishes(masked: str) -> bool:
    """Whether it says at once that something is wanted."""
    first = first_word(masked)
    return first in ("more", *_ASKING) or verb_of(first) in _WISHING or _YES.search(masked) is not None
