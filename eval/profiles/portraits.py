"""How good the text of a profile is, and which of two is better, by rules that are written down here.

Rules of `prefer`, the first that tells decides:
1. More of the sentences are supported.
2. More of the ten most important facts are said, by weight.
3. Less is said twice.
4. It is easier to read.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from genrec.habit_models import Habits
from genrec.profiles.faithfulness import check, sentences, supported
from genrec.profiles.kinds import index_of
from genrec.profiles.pattern_claims import taken_apart
from genrec.profiles.portrait.facts import Fact, facts
from genrec.profiles.sentence import readings
from genrec.words import key_of

# The least difference that counts, of each measure in the order of the rules.
LEAST: Final = {"supported": 0.01, "told": 0.05, "redundant": 0.05, "readability": 5.0}
WITHOUT_TIME: Final = 0.5  # of a fact's weight, where its days and hours are left out
# The words of a pattern that a fact of each kind must be said with.
PATTERNS: Final = {
    "lives": "role", "works": "role", "studies": "role", "more": "more", "less": "less", "new": "new", "area": "area",
    "new places": "novelty", "known places": "novelty",
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """Of a text about a person: shares between 0 and 1, Flesch's reading ease (100 is very easy), and words.

    supported: sentences that the evidence supports. told: the weight of the ten most important facts that supported
    sentences say. redundant: sentences of which all was said before.
    """

    supported: float
    told: float
    redundant: float
    readability: float
    words: int


@dataclass(frozen=True)
class _Said:
    """What a sentence says."""

    text: str
    pois: frozenset[int]
    kinds: frozenset[tuple[str, ...]]
    times: frozenset[str]
    patterns: frozenset[str]

    @property
    def parts(self) -> frozenset[object]:
        return frozenset((*self.pois, *self.kinds, *self.times, *self.patterns))


def score(text: str, habits: Habits, vocabulary: Collection[str], found: Sequence[Fact] | None = None) -> Score:
    """How good a text about a person is; `found`: the facts that it should tell, if not those of the person."""
    parts = sentences(text, vocabulary) if text.strip() else []
    good = [supported(check(part, habits, vocabulary)) for part in parts]
    said = [_said(part, habits, vocabulary) for part in parts]
    backed = [one for one, right in zip(said, good, strict=True) if right]
    told = sum(fact.weight * _share_told(fact, backed) for fact in (facts(habits) if found is None else found))
    redundant, before = 0, set[object]()
    for one in said:
        redundant += one.parts <= before
        before |= one.parts
    count = max(len(parts), 1)
    return Score(sum(good) / count, told, redundant / count, readability(text), len(text.split()))


def prefer(a: Score, b: Score) -> int:
    """1 if the first text is better, -1 if the second is, 0 if the rules do not tell."""
    for name, least in LEAST.items():
        difference = getattr(a, name) - getattr(b, name)
        if abs(difference) >= least:
            return (1 if difference > 0 else -1) * (-1 if name == "redundant" else 1)
    return 0


def readability(text: str) -> float:
    """Flesch's reading ease of a text, a place's id and kind counting as one short word."""
    plain = re.sub(r"POI \d+(?: \([^)]*\)+)?", "place", text)
    words = re.findall(r"[^\W\d_]+|\d+", plain)
    if not words:
        return 0.0
    ends = max(len(re.findall(r"[.!?](?:\s|$)", plain)), 1)
    syllables = sum(max(len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", word.lower()))), 1) for word in words)
    return 206.835 - 1.015 * len(words) / ends - 84.6 * syllables / len(words)


def _said(sentence: str, habits: Habits, vocabulary: Collection[str]) -> _Said:
    index = index_of(frozenset(vocabulary))
    own = {place.poi: place.category for place in habits.places}
    plain, patterns = taken_apart(sentence, index, own)
    reading = readings(plain, index, own)[0]
    return _Said(
        " ".join(sentence.lower().split()),
        frozenset(place.poi for place in reading.places),
        frozenset(kind.key for kind in reading.kinds),
        frozenset(phrase.text.lower() for phrase in reading.times),
        frozenset(pattern.kind for pattern in patterns),
    )


def _share_told(fact: Fact, said: Sequence[_Said]) -> float:
    """How much of a fact the sentences tell: all, all but its days and hours, or nothing."""
    telling = [one for one in said if _tells(fact, one)]
    if not telling:
        return 0.0
    timed = not fact.when or any(_when(fact) <= set(one.text.rstrip(".").replace(",", "").split()) for one in telling)
    return 1.0 if timed else WITHOUT_TIME


def _when(fact: Fact) -> set[str]:
    return set(fact.when.lower().replace(",", "").split()) - {"often"}


def _tells(fact: Fact, said: _Said) -> bool:
    if fact.kind == "rhythm":
        return bool(said.times) and not said.pois and not said.kinds
    if fact.kind in PATTERNS and PATTERNS[fact.kind] not in said.patterns:
        return False
    if fact.kind in ("place", "step") and said.patterns & {"area", "more", "less"}:
        return False
    if fact.pois:
        return said.pois.issuperset(fact.pois) and (fact.kind != "step" or "from poi" in said.text)
    return all(key_of(name) in said.kinds for name in fact.names)
