"""What kinds a place is of: its category, or, where that is unknown, the telling words of its name ("Pizza")."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import polars as pl

from genrec.columns import CATEGORY, NAME
from genrec.profiles.person import is_silent
from genrec.words import PLAIN_WORDS, is_known, tokens

SHARED: Final = 5  # places that a word of names must have in common to be a kind
SHORTEST: Final = 3  # letters
MOST: Final = 300  # words


def place_kinds(pois: pl.DataFrame) -> list[tuple[str, ...]]:
    """The kinds of each place of a catalogue, in its order; none for a place of which neither is known."""
    categories = pois[CATEGORY].to_list()
    names = pois[NAME].to_list() if NAME in pois.columns else [None] * len(pois)
    words = [{} if is_known(kind) or not name else _telling(name) for kind, name in zip(categories, names, strict=True)]
    counts = Counter(word for telling in words for word in telling)
    spelled = Counter((word, written) for telling in words for word, written in telling.items())
    shared = {word: "" for word, count in counts.most_common(MOST) if count >= SHARED}
    for (word, written), _ in reversed(spelled.most_common()):  # the usual spelling is left
        if word in shared:
            shared[word] = written
    return [
        (kind,) if is_known(kind) else tuple(shared[word] for word in telling if word in shared)
        for kind, telling in zip(categories, words, strict=True)
    ]


def vocabulary(kinds: Sequence[tuple[str, ...]]) -> list[str]:
    """All different kinds, in alphabetical order."""
    return sorted({kind for of_place in kinds for kind in of_place})


def _telling(name: str) -> dict[str, str]:
    """The words of a name that may say a kind, without plural, each with how it is written there."""
    return {
        token.word: name[token.start : token.end].capitalize()
        for token in tokens(name)
        if len(token.word) >= SHORTEST
        and token.word.isalpha()
        and not (token.word in PLAIN_WORDS or is_silent(token.word))
    }
