"""Words of the sentences about a person: of whom one speaks, verbs, and words that only hold a sentence together.

A sentence begins with somebody of `_PERSON` and a verb, or with a verb alone ("Likes ...", "Often goes ..."), or with
what is the person's own ("Their visits ..."). Words of OTHERS do not speak of the person.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that only hold a sentence together.
FUNCTION_WORDS = _words("""
    a an and as at but by during for from he her his i in into it my near of on or over she since some that the their
    then they through to until up who with within you your
""")
ADVERBS = _words("""
    also always back commonly especially ever exclusively frequently generally habitually just likely mainly most mostly
    much never normally not occasionally often only primarily quite rarely regularly seldom solely sometimes still
    straight then twice typically usually very
""")
BEING = _words("am are be been is was were")
HELPING = _words("can could did do does had has have may might will would")
# Verbs that say nothing of the kind of place ...
_GOING = _words("""
    appear arrive begin check choose come continue drop end enjoy favor favour find frequent get go hang happen have
    head keep leave like love make meet move pass pick pop prefer return see show spend start stay stop take tend turn
    use visit wait want
""")
# ... and verbs that may.
_DOING = _words("""
    attend bike bowl buy commute cook cycle dance dine drink drive eat exercise fly golf hike jog learn live party play
    pray read relax ride run shop skate ski sleep socialise socialize study swim teach train travel unwind walk watch
    work worship
""")
_IRREGULAR = {
    "began": "begin", "chose": "choose", "chosen": "choose", "came": "come", "found": "find", "got": "get",
    "went": "go", "gone": "go", "hung": "hang", "kept": "keep", "left": "leave", "made": "make", "met": "meet",
    "saw": "see", "seen": "see", "spent": "spend", "took": "take", "taken": "take", "spotted": "see", "had": "have",
    "has": "have", "bought": "buy", "drank": "drink", "drove": "drive", "ate": "eat", "flew": "fly", "rode": "ride",
    "ran": "run", "slept": "sleep", "swam": "swim", "taught": "teach",
}  # fmt: skip
_TAKING_A_VERB = _words("begin continue enjoy happen like love prefer start tend use want")
_ENDINGS = {"ies": "y", "ied": "y", "es": "", "s": "", "d": "", "ed": "", "ing": "e"}
_WITHOUT_A_SUBJECT = _words("did does had has is was")
_NOUNS = _words("commuter guest individual person regular student user visitor")
_OWN = _words("""
    choice day evening favorite favourite habit kind morning place preference routine spot stop time trip visit week
    weekday weekend
""")
# Words that others, or the whole city, are spoken of with.
OTHERS = _words("""
    anybody anyone best biggest busiest celebrities citizens city city's country crowds customers everybody everyone
    famous finest greatest largest locals mayor neighbour neighbor neighbours neighbors nobody oldest owner patrons
    people popular population renowned residents staff students tourist tourists town trendiest users visitors weather
    worst
""")

_PERSON = re.compile(
    r"(?:you|he|she|they|i)\b"
    r"|(?:someone|somebody)\b(?: who\b| that\b)?"
    r"|(?:(?:the|this|a|an) )?(?:(?:regular|frequent|keen|avid|loyal) )?"
    rf"(?:{'|'.join(_NOUNS)})\b(?: [^\W_]*\d[^\W_]*)?(?:,? (?:who|that)\b)?",
    re.IGNORECASE,
)
_PERSONS_OWN = re.compile(
    r"(?:(?:most|many|all|half|some) (?:of )?)?(?:(?:the|their|your|his|her|my) )?visits\b"
    rf"|(?:their|your|his|her|my|the (?:person|user)['\u2019]s) (?:most )?(?:[a-z]+ )?(?:{'|'.join(_OWN)})s?\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_LONGEST_FRAME = 12  # words


def verb_of(word: str) -> str:
    """The verb of which a word is a form; "" if it is none that the tables know."""
    if word in _GOING or word in _DOING:
        return word
    return next((stem for stem in stems_of(word) if stem in _GOING or stem in _DOING), "")


def stems_of(word: str) -> list[str]:
    """The verbs of which a word may be a form, the likeliest first, as its spelling has it."""
    stems = [_IRREGULAR[word]] if word in _IRREGULAR else [word]
    stems += [word.removesuffix(ending) + stem for ending, stem in _ENDINGS.items() if word.endswith(ending)]
    bare = word.removesuffix("ing").removesuffix("ed")
    return [*stems, bare, bare[:-1]] if bare != word else stems


def is_silent(word: str) -> bool:
    """Whether a word says nothing by itself of a kind of place, whatever the kinds of the catalogue are called."""
    return word in _SILENT or verb_of(word) in _GOING


_SILENT = FUNCTION_WORDS | ADVERBS | BEING | HELPING | {*_NOUNS, "someone", "somebody", "time"}


@dataclass(frozen=True)
class Frame:
    """The beginning of a sentence that says of whom it speaks, up to the verb."""

    start: int
    end: int


def frame(text: str, start: int) -> Frame | None:
    """The frame that begins at `start`, or None."""
    own = _PERSONS_OWN.match(text, start)
    if own:
        return Frame(start, own.end())
    person = _PERSON.match(text, start)
    words = list(islice(_WORD.finditer(text, person.end() if person else start), _LONGEST_FRAME))
    spelled = [word[0].lower().removesuffix("n't").removesuffix("n\u2019t") for word in words] + [""]
    at = _behind(spelled, 0, ADVERBS)
    begins = BEING | HELPING if person else _WITHOUT_A_SUBJECT
    if not (spelled[at] in begins or (verb_of(spelled[at]) if person else _is_third_or_past(spelled[at]))):
        return None
    verb = verb_of(spelled[at])
    at += 1
    if spelled[at - 1] in BEING | HELPING:
        at = _behind(spelled, at, ADVERBS | BEING)
        verb = verb_of(spelled[at])
        at += bool(verb)
    if spelled[at] == "to" and verb in _TAKING_A_VERB and spelled[at + 1] in _GOING | _DOING | {"be"}:
        at += 2
    return Frame(start, words[at - 1].end())


def _behind(words: list[str], at: int, skipped: Collection[str]) -> int:
    while words[at] in skipped:
        at += 1
    return at


def _is_third_or_past(word: str) -> bool:
    """Whether a verb does without a subject: "goes" and "went" do; "go" is a request, and "going" nobody's."""
    return bool(verb_of(word)) and word not in _GOING | _DOING and not word.endswith("ing")
