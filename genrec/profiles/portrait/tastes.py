"""Kinds of places as sentences name them, and which of them people go to for pleasure."""

import re
from functools import cache
from typing import Final

from genrec.profiles.checking.lexicon import pleasures, roles
from genrec.words import key_of

_PLAIN: Final = re.compile(r"((?:[^=()]* )?[A-Za-z][A-Za-z'-]*\u00e9?)( \([A-Za-z ]+\))?")  # its last word; Café
_ENDINGS: Final = (("(?<=[^aeiou])y$", "ies"), ("(?:ss|ch|sh)$", r"\g<0>es"), ("$", "s"))
# A name that ends so stands for any of its kind as it is.
_AS_IT_IS: Final = re.compile(
    r"(?:[^s]s|x|z| (?:de|del|della|des|di|do|du) .*|\b(?:coffee|entertainment|fitness|food|housing|nightlife|parking"
    r"|pizza|rail|recreation|shopping|sushi|tea|transit|transport|transportation|travel))$",
    re.IGNORECASE,
)


def plural_of(kind: str) -> str:
    """Any places of a kind: "Art Galleries" of "Art Gallery"; a name that does not end in a plain word, as it is."""
    plain = _PLAIN.fullmatch(kind)
    if plain is None:
        return kind
    name = plain[1]
    if not _AS_IT_IS.search(name):
        ending, plural = next((ending, plural) for ending, plural in _ENDINGS if re.search(ending, name))
        name = re.sub(ending, plural, name, count=1)
    several = name + (plain[2] or "")
    return several if key_of(several) == key_of(kind) else kind


def is_for_pleasure(kind: str) -> bool:
    """Whether a word of a kind tells of something that people do because they like it, such as to dine or to dance."""
    return not _of_pleasure().isdisjoint(key_of(kind))


@cache
def _of_pleasure() -> frozenset[str]:
    return frozenset(word for activity in pleasures() for word in roles()[activity])
