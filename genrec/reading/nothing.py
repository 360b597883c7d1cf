"""Marks that programs write where they have no value."""

import polars as pl

from genrec.columns import CATEGORY, REGION

MARKS = frozenset(
    ["null", "(null)", "<null>", "\\n", "nan", "-nan", "none", "n/a", "#n/a", "na", "<na>", "#na", "-", "--"]
)
_ALSO = {CATEGORY: frozenset({"unknown"})}
_NOT = {REGION: frozenset({"na"})}  # the code of Namibia


def is_nothing(text: pl.Series) -> pl.Series:
    """Which values of a column of names or ids stand for no value, whatever their case; null is not one of them."""
    marks = MARKS.union(_ALSO.get(text.name, ())).difference(_NOT.get(text.name, ()))
    return text.str.to_lowercase().is_in(sorted(marks)).fill_null(False)
