"""One kind of each category that is written as a list or as a path."""

import re

import polars as pl

_LIST = re.compile(r"""\[\s*(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)")?.*\]""", re.DOTALL)
_STEP = re.compile(r"\s+>\s+")


def kind_of(category: str) -> str | None:
    """Of ['Cafe', 'Food'] the first, as of a list in JSON; of `Food > Cafe` the last part, which tells most."""
    if found := _LIST.fullmatch(category):
        first = found["single"] if found["double"] is None else found["double"]
        if first is None and category[1:-1].strip():
            return category  # a list of something else
        category = (first or "").strip()
    return _STEP.split(category)[-1] or None


def one_kind(categories: pl.Series) -> tuple[pl.Series, int]:
    """A String column with one kind in each value, and how many values have changed."""
    written = categories.str.starts_with("[") | categories.str.contains(" > ", literal=True)
    if not written.any():
        return categories, 0
    kinds = {value: kind_of(value) for value in categories.unique().drop_nulls()}
    settled = categories.replace_strict(kinds, default=None, return_dtype=pl.String)
    return settled, int(settled.ne_missing(categories).sum())
