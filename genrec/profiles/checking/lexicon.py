"""The words of a sentence, each with what it stands for: a place, a time, a number, or a word of `grammar.yaml`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

import yaml

from genrec.profiles.person import stems_of
from genrec.words import words_of

UNKNOWN: Final = "unknown"
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*(?!\w)|\d+\.\d{1,2}(?![\w.])|\d+(?!\w)|\w+|[^\w\s]")
_CONTRACTED: Final = (("n't", "not"), ("n\u2019t", "not"))


@dataclass(frozen=True)
class Item:
    """A part of a sentence: its class, and what it stands for."""

    kind: str
    value: Any
    text: str
    start: int
    end: int

    @cached_property
    def classes(self) -> frozenset[str]:
        """All classes that it may be of."""
        return frozenset(name for name, _ in self.value) if self.kind == "words" else frozenset([self.kind])


class _Node(dict[str, "_Node"]):
    """Where the phrases go on from; `meanings` of the phrase that ends here."""

    def __init__(self) -> None:
        super().__init__()
        self.meanings: list[tuple[str, str]] = []


@cache
def _classes() -> dict[str, Any]:
    text = files("genrec.profiles.checking").joinpath("grammar.yaml").read_text(encoding="utf-8")
    classes: dict[str, Any] = yaml.safe_load(text)
    return classes


@cache
def _grammar() -> _Node:
    root = _Node()
    for name, entry in _classes().items():
        if name in ("role", "request", "pleasure"):
            continue
        for value, phrases in entry.items() if isinstance(entry, dict) else [("", entry)]:
            for phrase in phrases if isinstance(phrases, list) else phrases.split(","):
                _add(root, phrase.split(), (name, str(value)))
    for phrase, number in _compound_numbers():
        _add(root, [phrase], ("number", str(number)))
    return root


@cache
def roles() -> dict[str, frozenset[str]]:
    """What one does at places, and words of the kinds of places that bear it out."""
    return {str(word): frozenset(words_of(kinds)) for word, kinds in _classes()["role"].items()}


@cache
def pleasures() -> tuple[str, ...]:
    """What one does at places because one likes it: some of the `roles`."""
    return tuple(activity.strip() for activity in _classes()["pleasure"].split(","))


@cache
def _role_words() -> _Node:
    root = _Node()
    for phrase in roles():
        _add(root, phrase.split(), ("role", phrase))
    return root


_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ONES: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _compound_numbers() -> Iterator[tuple[str, int]]:
    for ten, tens in enumerate(_TENS, start=2):
        for one, ones in enumerate(_ONES, start=1):
            yield f"{tens}-{ones}", 10 * ten + one


@cache
def requests() -> frozenset[str]:
    """Forms of verbs with which nobody tells of a person."""
    return frozenset(word.strip() for word in _classes()["request"].split(","))


def _add(root: _Node, words: Sequence[str], meaning: tuple[str, str]) -> None:
    for word in words:
        root = root.setdefault(word, _Node())
    root.meanings.append(meaning)


@dataclass(frozen=True)
class Word:
    """A word or a sign of a sentence, with the forms that it may be looked up by."""

    text: str
    start: int
    end: int

    @property
    def forms(self) -> list[str]:
        """As it is, as a form of a verb, as a plural."""
        return _forms(self.text.lower().replace("\u2019", "'"))


@cache
def _cached_forms(word: str) -> tuple[str, ...]:
    single = words_of(word.rpartition("-")[2])[:1]
    found = [word, *(f"{stem}*" for stem in stems_of(word))]
    found += [f"{word[: word.rfind('-') + 1]}{end}~" for end in single]
    return tuple(dict.fromkeys(found))


def _forms(word: str) -> list[str]:
    return list(_cached_forms(word)) if len(word) < 30 else [word]


def words_in(text: str, start: int, end: int) -> list[Word]:
    """The words and signs between two places of a text."""
    found = []
    for match in _WORD.finditer(text, start, end):
        lower = match[0].lower()
        cut = next((len(c) for c, _ in _CONTRACTED if lower.endswith(c)), 0)
        if cut:
            found.append(Word(match[0][:-cut], match.start(), match.end() - cut))
            found.append(Word("not", match.end() - cut, match.end()))
        else:
            found.append(Word(match[0], match.start(), match.end()))
    return found


def meanings(words: Sequence[Word], at: int) -> tuple[list[tuple[str, str]], int]:
    """What the longest phrase from a word on may stand for, and how many words it has; nothing for no phrase."""
    best: tuple[list[tuple[str, str]], int] = ([], 0)
    for root in (_grammar(), _role_words()):
        nodes = [root]
        for length, word in enumerate(words[at : at + 8], start=1):
            nodes = [node[form] for node in nodes for form in word.forms if form in node]
            ends = [meaning for node in nodes for meaning in node.meanings]
            if not nodes:
                break
            if ends and length > best[1]:
                best = (ends, length)
            elif ends and length == best[1]:
                best = (best[0] + ends, length)
    return best
