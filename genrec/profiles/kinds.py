"""Kinds of places: where a text names one of a catalogue's."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from genrec.columns import UNKNOWN
from genrec.profiles.person import is_silent
from genrec.words import PLAIN_WORDS, Token, Words, key_of, tokens

_BREAK = re.compile(r"[,.;:!?()]")


@dataclass(frozen=True)
class Kind:
    """Where a text names a kind; `names`: those of the catalogue that are spelled so, if any is."""

    key: Words
    start: int
    end: int
    names: frozenset[str]
    silent: bool


@dataclass(frozen=True)
class _Name:
    """A category with single blanks, and where in it its words are: punctuation may stand around them.

    It is silent if all of its words mostly hold a sentence together ("A", "With").
    """

    category: str
    text: str
    start: int
    end: int
    silent: bool


class KindIndex:
    """The kinds of a catalogue, to be found in texts."""

    def __init__(self, names: Collection[str]) -> None:
        """`names`: every category of the catalogue; a kind that is not known is always among them."""
        self._names: dict[Words, list[_Name]] = {}
        for name in sorted({*names, UNKNOWN}):
            if key_of(name):
                self._names.setdefault(key_of(name), []).append(_name(name))
        self._lengths: dict[str, set[int]] = {}
        for key in self._names:
            self._lengths.setdefault(key[0], set()).add(len(key))
        headed: dict[str, list[tuple[bool, str]]] = {}
        for key, named in self._names.items():
            if telling := [word for word in key if not (word in PLAIN_WORDS or is_silent(word))]:
                headed.setdefault(telling[-1], []).extend((len(telling) == 1, name.category) for name in named)
        # One kind alone must have no other word: not every house is a noodle house.
        self._headed = {
            word: [name for _, name in named] for word, named in headed.items() if len(named) > 1 or named[0][0]
        }
        self._with_word: dict[str, list[str]] = {}
        for key, named in self._names.items():
            for word in {*key} - PLAIN_WORDS:
                if not is_silent(word):
                    self._with_word.setdefault(word, []).extend(name.category for name in named)
        # Words that belong to some kinds of places.
        self.words = self._with_word.keys()

    def find(self, text: str, words: Sequence[Token]) -> list[Kind]:
        """Every place where the text may name a kind; they may overlap. The longest come first."""
        found = []
        for i, token in enumerate(words):
            for length in self._lengths.get(token.word, ()):
                run = words[i : i + length]
                key = tuple(token.word for token in run)
                if key in self._names and not _is_broken(text, run, self._names[key]):
                    found.append(_kind(text, run, self._names[key]))
        return sorted(found, key=lambda kind: (-len(kind.key), kind.start))

    def name(self, key: Words) -> str:
        """A name of the kind."""
        return self._names[key][0].category

    def headed(self, word: str) -> list[str]:
        """The categories that a word alone stands for: "museum" for science museums, "coffee" for coffee shops."""
        return self._headed.get(word, [])

    def knows(self, key: Words) -> bool:
        """Whether a kind has these words."""
        return key in self._names

    def with_word(self, word: str) -> list[str]:
        """The categories whose names hold a word."""
        return self._with_word.get(word, [])

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The categories that a kind found in a text stands for: those that are spelled so, or all with its words."""
        return tuple(sorted(kind.names)) or tuple(name.category for name in self._names[kind.key])


def _name(category: str) -> _Name:
    text = " ".join(category.split())
    words = list(tokens(text))
    return _Name(category, text, words[0].start, words[-1].end, all(is_silent(word.word) for word in words))


def _kind(text: str, run: Sequence[Token], names: Sequence[_Name]) -> Kind:
    """The kind that words of a text name: as the names that stand there, with most of their own punctuation, if any."""
    start, end = run[0].start, run[-1].end
    whole = [name for name in names if text.startswith(name.text, max(start - name.start, 0))]
    longest = max((len(name.text) for name in whole), default=0)
    whole = [name for name in whole if len(name.text) == longest]
    if whole:
        start -= whole[0].start
        end = start + longest
    else:
        whole = [name for name in names if name.text[name.start : name.end] == text[start:end]]
    key = tuple(token.word for token in run)
    return Kind(key, start, end, frozenset(name.category for name in whole), names[0].silent)


def _is_broken(text: str, run: Sequence[Token], names: Iterable[_Name]) -> bool:
    """Whether the words of a name are parted by a sentence's own punctuation."""
    if not any(_BREAK.search(text, one.end, other.start) for one, other in pairwise(run)):
        return False
    written = text[run[0].start : run[-1].end].casefold()
    return all(written != name.text[name.start : name.end].casefold() for name in names)


@lru_cache(maxsize=8)
def index_of(names: frozenset[str]) -> KindIndex:
    """The index of a catalogue's categories, made once."""
    return KindIndex(names)
