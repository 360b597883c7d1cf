"""Checks whether the evidence supports what a sentence says.

A sentence is read as a row of items: places, kinds, times, numbers, and words of a closed grammar
(`checking/grammar.yaml`). Each word must be one of these, and whatever claims something is held against counts: a
sentence with a word that nothing accounts for does not stand. It stands if it makes at least one claim, every claim is
supported, and it speaks of the person.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from genrec.habit_models import Habits
from genrec.profiles.checking.claims import Claim
from genrec.profiles.checking.items import Reader
from genrec.profiles.checking.rewording import plainly
from genrec.profiles.checking.speaks import objections
from genrec.profiles.checking.understanding import claims_of
from genrec.profiles.kinds import KindIndex, index_of
from genrec.profiles.pattern_claims import pattern_claims, taken_apart
from genrec.profiles.sentence import Sentence, readings, split

__all__ = ["Claim", "check", "sentences", "supported"]

LONGEST: Final = 1000  # characters
_BARE_NUMBER: Final = re.compile(r"(?<!POI )\b\d")  # may be a place: "at 24 on Sundays"
# What ends with a sign of an end, and goes on: a short question that is answered ("Fridays? Mostly bars."), "No. 1".
_GOES_ON: Final = re.compile(
    r"^(?:[^\s?]+ ){0,4}[^\s?]+\?$|\b(?:no|nr|approx|ca|vs|incl|excl|avg|max|min)\.$", re.IGNORECASE
)
APART: Final = ("novelty", "area", "role")


def sentences(text: str, vocabulary: Collection[str]) -> list[str]:
    """The sentences of a text, each to be checked. `vocabulary` holds every category of the catalogue."""
    found: list[str] = []
    for one in split(text, index_of(frozenset(vocabulary))):
        if found and _GOES_ON.search(found[-1]):
            found[-1] = f"{found[-1]} {one}"
        else:
            found.append(one)
    return found


def check(
    sentence: str, habits: Habits, vocabulary: Collection[str], names: Mapping[int, str] | None = None
) -> list[Claim]:
    """All claims of a sentence. `vocabulary` holds every category of the catalogue; `names`: what places are called.

    Of a sentence that can be read in two ways, the claims of one that is supported, if any is.
    """
    if len(sentence) > LONGEST:
        return [Claim(sentence[:40], False, f"{len(sentence):,} characters are too long for a sentence")]
    first: list[Claim] | None = None
    for claims in _ways(sentence, habits, index_of(frozenset(vocabulary)), names or {}):
        if supported(claims):
            return claims
        first = claims if first is None else first
    return first or []


def _ways(sentence: str, habits: Habits, index: KindIndex, names: Mapping[int, str]) -> Iterator[list[Claim]]:
    """The claims of a sentence in each way in which it may be read, as it is and in plainer words."""
    own = {place.poi: place.category for place in habits.places}
    ways = readings(sentence, index, own, names)
    yield from _ways_of(sentence, ways, habits, index, names)
    plain = plainly(ways[0], index, names, own)
    if plain != ways[0].text:
        yield from _ways_of(plain, readings(plain, index, own, names), habits, index, names)


def _ways_of(
    sentence: str, ways: Sequence[Sentence], habits: Habits, index: KindIndex, names: Mapping[int, str]
) -> Iterator[list[Claim]]:
    own = {place.poi: place.category for place in habits.places}
    for reading in ways:
        yield _claims(reading, habits, index, names, bare=False)
    if _BARE_NUMBER.search(sentence):
        for reading in ways:
            yield _claims(reading, habits, index, names, bare=True)
    # Words with rules of their own, such as of home and work, are taken out, and the rest is read in the same way.
    plain, patterns = taken_apart(sentence, index, own)
    if patterns and all(pattern.kind in APART for pattern in patterns):
        for reading in readings(plain, index, own, names):
            of_patterns = [Claim(*claim) for claim in pattern_claims(patterns, reading, habits)]
            yield _claims(reading, habits, index, names, bare=False) + of_patterns


def supported(claims: Collection[Claim]) -> bool:
    """True if there is at least one claim and all of them hold."""
    return bool(claims) and all(claim.supported for claim in claims)


def _claims(
    sentence: Sentence, habits: Habits, index: KindIndex, names: Mapping[int, str], *, bare: bool
) -> list[Claim]:
    reader = Reader(sentence, habits, index, names, bare=bare)
    items = reader.items()
    claims = [*reader.bracket_claims(), *claims_of(items, habits)]
    # Of what makes no claim nothing is held against the person's visits, nor need it be about the person.
    return claims + objections(sentence, items) if claims else claims
