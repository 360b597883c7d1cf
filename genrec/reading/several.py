"""Several kinds in one category, as in "Bar, Food": all categories of a file tell whether that is a list, or a name.

A part is a kind if it is a category on its own; or if it is first in one list and comes later in another, but not
always before the same part, as "Beer" does in "Beer, Wine & Spirits". What separates parts is taken to separate kinds
unless more of the categories that have it are made of kinds and something else than of kinds alone. So "Parks, Gardens
& Zoos" is a name, also among lists; and so are "Restaurant, Italian", "Restaurant, Chinese".
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final

import polars as pl

from genrec.columns import CATEGORY
from genrec.reading.catalogue import COUNT
from genrec.reading.text import show

SEPARATORS: Final = "|;,"


def with_one_kind(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The rows of a file (as of `build_catalogue`) with the first kind of each category that lists several."""
    if CATEGORY not in rows.columns:
        return rows
    for separator in SEPARATORS:
        firsts = first_kinds(rows[CATEGORY].unique().cast(pl.String).drop_nulls().sort(), separator)
        if not firsts:
            continue
        text = rows[CATEGORY].cast(pl.String)
        weights = rows[COUNT] if COUNT in rows.columns else pl.repeat(1, len(rows), eager=True)
        changed = int(weights.filter(text.is_in(list(firsts)).fill_null(False)).sum())
        example = show(next(iter(firsts)))
        kinds = f"lists of kinds that occur without each other, too ({example}): the first of a list is taken"
        notes.append(f"{changed:,} categories are {kinds}")
        rows = rows.with_columns(text.replace(firsts).cast(rows[CATEGORY].dtype))
    return rows


def first_kinds(categories: Iterable[str], separator: str) -> dict[str, str]:
    """The first kind of each category that lists several; none if the separator does not separate kinds."""
    parts: dict[str, list[str]] = {}
    alone: set[str] = set()
    for category in categories:
        named = [part.strip() for part in category.split(separator) if part.strip()]
        if separator not in category:
            alone.add(category)
        elif named:
            parts[category] = named
    kinds = alone | _moving(parts.values())
    lists = sum(kinds.issuperset(named) for named in parts.values())
    mixed = sum(not kinds.isdisjoint(named) for named in parts.values()) - lists
    if not lists or lists < mixed:
        return {}
    firsts = {category: _first(named, kinds, separator) for category, named in parts.items()}
    return {category: first for category, first in firsts.items() if first}


def _moving(lists: Collection[list[str]]) -> set[str]:
    """The parts that are first in some lists and come later in others, before different ones."""
    followers: dict[str, set[str]] = defaultdict(set)
    for parts in lists:
        for part, follower in pairwise([*parts, ""]):
            followers[part].add(follower)
    later = {part for parts in lists for part in parts[1:]}
    return {parts[0] for parts in lists if parts[0] in later and len(followers[parts[0]]) > 1}


def _first(parts: list[str], kinds: Collection[str], separator: str) -> str:
    """The first kind: the first part, or all parts before the first that is a kind; none if no part is."""
    known = next((i for i, part in enumerate(parts) if part in kinds), None)
    if known is None:
        return ""
    space = "" if separator == "|" else " "
    return f"{separator}{space}".join(parts[: known or 1])
