"""The words of names and sentences.

Names are compared by words: "Coffee Shops" and "coffee shop" are one kind. They may be written in any script, and hold
words that mean something else in a sentence: "7-Eleven", "Sunday Market", "A".
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from genrec.columns import UNKNOWN

Words = tuple[str, ...]

# Words of category names that also stand for nothing in particular.
PLAIN_WORDS = frozenset(
    ("a", "an", "and", "at", "for", "great", "in", "of", "on", "or", "other", "place", "shop", "spot", "the", "to")
)
_ENDINGS = (("ies", "y"), ("ie", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", ""))
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


@dataclass(frozen=True)
class Token:
    """A word of a text, without case, punctuation and plural, and where it stands."""

    word: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """The words of a text; the two letters i of Turkish, which take each other's capital elsewhere, are one."""
    for match in _TOKEN.finditer(text.translate(_SEPARATORS)):
        word = unicodedata.normalize("NFKC", match[0].replace("'", "").replace("\ufe0f", "")).casefold()
        if not word.isascii():
            word = word.replace("i\u0307", "i").replace("\u0131", "i")
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
