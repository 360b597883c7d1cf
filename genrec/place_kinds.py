"""What kinds a place is of: its category, or, where that is unknown, the telling words of its name ("Pizza", "Park")."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import polars as pl

from genrec.columns import CATEGORY, NAME
from genrec.words import PLAIN_WORDS, is_known, words_of

SHARED: Final = 5  # places that a word of names must have in common to be a kind
SHORTEST: Final = 3  # letters
MOST: Final = 300  # words


def place_kinds(pois: pl.DataFrame) -> list[tuple[str, ...]]:
    """The kinds of each place of a catalogue, in its order; none for a place of which neither is known."""
    categories = pois[CATEGORY].to_list()
    names = pois[NAME].to_list() if NAME in pois.columns else [None] * len(pois)
    words = [() if is_known(kind) or not name else _telling(name) for kind, name in zip(categories, names, strict=True)]
    counts = Counter(word for telling in words for word in telling)
    shared = {word for word, count in counts.most_common(MOST) if count >= SHARED}
    return [
        (kind,) if is_known(kind) else tuple(word.title() for word in telling if word in shared)
        for kind, telling in zip(categories, words, strict=True)
    ]


def vocabulary(kinds: Sequence[tuple[str, ...]]) -> list[str]:
    """All different kinds, in alphabetical order."""
    return sorted({kind for of_place in kinds for kind in of_place})


def _telling(name: str) -> tuple[str, ...]:
    """The words of a name that may say a kind, each once."""
    words = dict.fromkeys(words_of(name))
    return tuple(word for word in words if len(word) >= SHORTEST and word.isalpha() and word not in PLAIN_WORDS)
