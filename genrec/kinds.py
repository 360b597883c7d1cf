"""Names of kinds of places: their words, and where a text names them.

Names are compared by words: "Coffee Shops" and "coffee shop" are one kind. They may be written in any script, and hold
words that mean something else in a sentence: "7-Eleven", "Sunday Market", "A".
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from genrec.profiles.person import is_silent
from genrec.reading.catalogue import UNKNOWN

Words = tuple[str, ...]

# Words of category names that also stand for nothing in particular.
PLAIN_WORDS = frozenset(
    ("a", "an", "and", "at", "for", "great", "in", "of", "on", "or", "other", "place", "shop", "spot", "the", "to")
)
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", ""))
_SHORTEST_PLURAL = 4


class _Separators(dict[int, str]):
    """Blanks for what stands between words: spaces, punctuation, control characters, signs of ASCII."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        apart = unicodedata.category(char) in ("Cc", "Cf", "Cs") or unicodedata.category(char)[0] in "PZ"
        if char in "'\u2019":
            self[code] = "'"
        elif char in "\u200c\u200d":  # join letters, and emoji
            self[code] = char
        else:
            self[code] = " " if apart or (char.isascii() and not char.isalnum()) else char
        return self[code]


_SEPARATORS = _Separators()
_TOKEN = re.compile(r"[^\s']+(?:'[^\s']+)*")
_BREAK = re.compile(r"[,.;:!?()]")


@dataclass(frozen=True)
class Token:
    """A word of a text, without case, punctuation and plural, and where it stands."""

    word: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The words of a text."""
    for match in _TOKEN.finditer(text.translate(_SEPARATORS)):
        word = unicodedata.normalize("NFKC", match[0].replace("'", "").replace("\ufe0f", "")).casefold()
        yield Token(_singular(word), match.start(), match.end())


def words_of(text: str) -> Words:
    """Words of a sentence or a category, without case, punctuation and plural."""
    return tuple(token.word for token in tokens(text))


def _singular(word: str) -> str:
    for ending, replacement in _ENDINGS:
        if len(word) >= _SHORTEST_PLURAL and word.endswith(ending) and not (ending == "s" and word.endswith("ss")):
            return word[: -len(ending)] + replacement
    return word


@lru_cache(maxsize=1 << 14)
def key_of(category: str) -> Words:
    """The words by which a kind is known."""
    return words_of(category)


def is_known(category: str) -> bool:
    """Whether a category says a kind: nothing is claimed of a missing one, nor of one without any word."""
    return key_of(category) not in ((), key_of(UNKNOWN))


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
        # Words that belong to some kinds of places.
        self.words = {word for key in self._names for word in key if not (word in PLAIN_WORDS or is_silent(word))}

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
