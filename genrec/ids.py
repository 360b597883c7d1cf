"""One id written in several ways: pandas makes 12.0 of the id 12 when a value of its column is missing."""

import polars as pl

_WHOLE_AS_DECIMAL = r"^(-?(?:0|[1-9][0-9]*))\.0+$"
_DECIMAL = r"^-?[0-9]+\.[0-9]*[1-9][0-9]*$"


def whole(ids: pl.Series) -> pl.Series:
    """The ids, whole numbers among them without decimals: 12 for 12.0, but 007, 12.5 and v1.0 as they are."""
    return ids.str.replace(_WHOLE_AS_DECIMAL, "$1")


def settled(ids: pl.Series) -> tuple[pl.Series, int]:
    """A column of ids (Categorical) with one spelling of each, and how many ids were respelled.

    A column in which some id has decimals (12.5) stays as it is.
    """
    distinct = ids.unique().cast(pl.String)
    respelled = int((whole(distinct) != distinct).sum())
    if not respelled or distinct.str.contains(_DECIMAL).any():
        return ids, 0
    return whole(ids.cast(pl.String)).cast(pl.Categorical), respelled


def aligned(ids: pl.Series, known: pl.Series) -> dict[str, str]:
    """How `known` spells those ids that it has in another spelling only."""
    fresh = ids.filter(~ids.is_in(known.implode())).unique(maintain_order=True)
    spellings = pl.DataFrame({"known": known, "whole": whole(known)}).unique("whole", keep="first", maintain_order=True)
    found = pl.DataFrame({"id": fresh, "whole": whole(fresh)}).join(spellings, on="whole")
    return dict(zip(found["id"], found["known"], strict=True))
