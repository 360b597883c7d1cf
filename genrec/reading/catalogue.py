"""The POI catalogue of a set of check-ins."""

import polars as pl

from genrec.columns import (
    CATEGORY,
    CATEGORY_ID,
    FIRST_SEEN,
    LATITUDE,
    LONGITUDE,
    NAME,
    POI,
    POI_ID,
    REGION,
    TIME,
    UNKNOWN,
)
from genrec.geo import FAR_KM, haversine_km

COUNT = "count"  # of equal rows that one row stands for

_ATTRIBUTES = ([CATEGORY, CATEGORY_ID], [LATITUDE, LONGITUDE], [NAME], [REGION])


def build_catalogue(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """One row per POI, `poi` being its index by order of first appearance in `rows`.

    Where the check-ins of a POI disagree on its category (with its id), position, name or region, the most frequent
    value that is known wins; of equally frequent ones, the first.

    Args:
        rows: check-ins with `poi`, `poi_id`, `time` and any of the attributes; or one for all that say the same of a
            POI, with the earliest `time`, in the order of the first of them, and their `count`.

    Returns:
        The catalogue, sorted by `poi`; notes.

    """
    pois = rows.group_by(POI, maintain_order=True).agg(
        pl.col(POI_ID).first().cast(pl.String), pl.col(TIME).min().alias(FIRST_SEEN)
    )
    notes: list[str] = []
    weight = (pl.col(COUNT).sum() if COUNT in rows.columns else pl.len()).alias("len")
    for group in _ATTRIBUTES:
        columns = [c for c in group if c in rows.columns]
        if columns:
            values = rows.group_by([POI, *columns], maintain_order=True).agg(weight)
            known = values.filter(pl.col(columns[0]).is_not_null())
            chosen = known.sort("len", descending=True, maintain_order=True).unique(POI, keep="first").drop("len")
            pois = pois.join(chosen, on=POI, how="left")
            notes += _disagreement(known, chosen, columns)
    return _complete(pois), notes


def _complete(pois: pl.DataFrame) -> pl.DataFrame:
    """The catalogue's columns in their order and types."""
    empty = [pl.lit(None, pl.String).alias(c) for c in (CATEGORY, CATEGORY_ID) if c not in pois.columns]
    order = [POI, POI_ID, CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, REGION, FIRST_SEEN]
    pois = pois.with_columns(empty).with_columns(pl.col(pl.Categorical).cast(pl.String))
    return (
        pois.with_columns(pl.col(CATEGORY).fill_null(UNKNOWN)).select([c for c in order if c in pois.columns]).sort(POI)
    )


def _disagreement(values: pl.DataFrame, chosen: pl.DataFrame, columns: list[str]) -> list[str]:
    varying = len(values) - len(chosen)
    if not varying:
        return []
    several = values.filter(pl.col(POI).is_duplicated())
    what = "position" if LATITUDE in columns else columns[0]
    notes = [f"{several[POI].n_unique():,} POIs have more than one {what}: the most frequent is kept"]
    if what == "position":
        pairs = several.join(chosen, on=POI, suffix="_kept")
        km = haversine_km(*(pairs[c] for c in (LATITUDE, LONGITUDE, f"{LATITUDE}_kept", f"{LONGITUDE}_kept")))
        far = pairs.filter(pl.Series(km > FAR_KM))[POI].n_unique()
        if far:
            notes.append(
                f"WARNING: the positions of {far:,} POIs differ by more than {FAR_KM:g} km (up to {km.max():,.1f} km)"
            )
    return notes
