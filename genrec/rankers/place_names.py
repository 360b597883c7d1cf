"""A name of its own for each place of a catalogue: what a model reads, and answers with."""

from collections import Counter

import polars as pl

from genrec.columns import CATEGORY, NAME
from genrec.prompting import one_line
from genrec.words import is_known

LONGEST = 60  # characters of a name in a diary
NAMELESS = "Place"


def place_names(pois: pl.DataFrame) -> list[str]:
    """A name of one line for each POI, no two alike: its own, else its kind with a number, such as "Coffee Shop 17".

    A name depends on the places before it only, so places that are added rename no other.
    """
    own = pois[NAME] if NAME in pois.columns else pl.repeat(None, len(pois), dtype=pl.String, eager=True)
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    names = []
    for name, category in zip(own, pois[CATEGORY], strict=True):
        said = _short(name or "")
        text = said or (_short(category) if is_known(category) else "") or NAMELESS
        unique = said
        while not unique or unique.casefold() in taken:
            counts[text] += 1
            unique = f"{text} {counts[text]}"
        taken.add(unique.casefold())
        names.append(unique)
    return names


def _short(text: str) -> str:
    return one_line(text)[:LONGEST].strip()
