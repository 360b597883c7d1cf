"""Which kinds of places a clause of a person's words names, and the clause with "place" for each name."""

import re
from typing import Final

from genrec.profiles.kinds import Kind, KindIndex
from genrec.profiles.person import ADVERBS, BEING, FUNCTION_WORDS, HELPING
from genrec.profiles.sentence import Sentence
from genrec.words import Words, is_known, key_of, tokens

# Kinds of some catalogues that are mostly something else in a sentence: "in this city", "at home", "the best".
_ORDINARY: Final = re.compile(
    "area|best|big|black|blue|building|business|buy|central|city|company|corner|country|county|east|fair|famous|five|"
    "food|general|grand|great|green|group|high|home|house|international|life|line|little|man|moment|national|"
    "neighbou?rhood|network|new|north|office|old|one|other|place|point|public|real|red|road|room|service|social|south|"
    "state|street|sweet|town|two|union|village|west|white|whole|world"
)
# Before these words such a kind is meant all the same: "any office", "fewer roads".
_INDEFINITE = re.compile(r"(?:^|\s)(?:an?|any|every|each|some|all|no|more|fewer|less|another|many|too much)\s$", re.I)
_WHOLLY = re.compile(r"(?:^|\s)(?:all|every)(?: kinds? of| sorts? of)? $", re.IGNORECASE)  # with what it is the head of
_NEXT_WORD = re.compile(r" ([^\W\d_]+)")
_BEHIND = FUNCTION_WORDS | ADVERBS | BEING | HELPING | {"please", "pls", "plz", "thanks", "thx", "again", "more", "but"}
_ONES = re.compile(r"(?<=\w )ones?\b", re.IGNORECASE)
# What may stand beside a name as one types who looks for something.
_BESIDE = {"a", "an", "the", "some", "more", "please", "just", "only", "also", "mostly", "mainly", "definitely", "then"}
_BESIDE |= {"now", "yes", "rather"}
_ARTICLE = re.compile(r"\b([Aa])n (?=places?\b)")


def named_kinds(reading: Sentence, index: KindIndex) -> tuple[str, ...]:
    """The kinds that a clause names, in their order."""
    meant = [kind for kind in reading.kinds if _is_meant(kind, reading.text)]
    named = [name for kind in meant for name in index.names(kind)]
    heads = [kind.key[-1] for kind in meant if _WHOLLY.search(reading.text, 0, kind.start)]
    heads += [token.word for token in reading.words if not _ORDINARY.fullmatch(token.word)]
    named += [name for word in heads for name in index.headed(word)]
    return tuple(dict.fromkeys(filter(is_known, named)))


def spelled_out(clause: str, before: Words) -> str:
    """The clause with the last of the words that it takes up in place of "ones" ("every restaurant" ... "Indian ones").

    `before`: the words of earlier clauses that name kinds.
    """
    return _ONES.sub(before[-1], clause) if before else clause


def naming_words(reading: Sentence, index: KindIndex) -> Words:
    """The words of a clause that name kinds, in their order, without plural."""
    found = [(kind.start, key_of(reading.text[kind.start : kind.end])[-1]) for kind in reading.kinds]
    found += [(token.start, token.word) for token in reading.words if index.headed(token.word)]
    return tuple(word for _, word in sorted(found))


def without_names(reading: Sentence) -> str:
    """The text with "place" for each name, as a sentence: whether it is liked does not hang on what it is."""
    text = reading.text
    spans = [(kind.start, kind.end) for kind in reading.kinds if _is_meant(kind, text)]
    spans += [(place.start, place.end) for place in reading.places]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}{'places' if text[start:end].lower().endswith('s') else 'place'}{text[end:]}"
    return _ARTICLE.sub(r"\1 ", text).strip(" ,.!?;") + "."


def is_a_name(reading: Sentence, masked: str) -> bool:
    """Whether it is a name and nothing else, as one types who looks for something: "museum", "Coffee, please".

    `masked`: the text with its names blotted out. A word that names nothing may be one, too, by itself.
    """
    words = re.findall(r"[^\W_]+", re.sub("\u2588+e?s?", "", masked.lower()))
    named = bool(reading.kinds or reading.places)
    return len(words) <= (0 if named else 1) or (named and set(words) <= _BESIDE)


def is_ordinary(word: str) -> bool:
    """Whether a word of a name is mostly something else in a sentence."""
    return _ORDINARY.fullmatch(word) is not None


def _is_meant(kind: Kind, text: str) -> bool:
    """Whether a kind is spoken of: ordinary words must be spelled as it is, or stand for any of their kind."""
    if len(kind.key) > 1 or not _ORDINARY.fullmatch(kind.key[0]):
        return True
    behind = _NEXT_WORD.match(text, kind.end)
    goes_on = behind is not None and behind[1].lower() not in _BEHIND
    if kind.names and text[kind.start].isupper() and (kind.start or not goes_on):
        return True
    is_plural = next(tokens(text[kind.start : kind.end])).word != text[kind.start : kind.end].casefold()
    return (is_plural or _INDEFINITE.search(text, 0, kind.start) is not None) and not goes_on
