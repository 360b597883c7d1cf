"""Check-ins that are added to others: places keep their index and what is known of them, nothing is doubled."""

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.checkins import Checkins
from genrec.clock import in_order
from genrec.columns import FIRST_SEEN, LATITUDE, LONGITUDE, POI, POI_ID, TIME, USER, UTC
from genrec.geo import FAR_KM, haversine_km
from genrec.ids import aligned

_IDENTITY = [USER, POI, TIME, UTC]


def merged(old: Checkins, new: Checkins) -> Checkins:
    """Check-ins and others that were added to them, as `prepare` adds them; places keep their index."""
    pois, frame, notes = spelled_as(old.pois, old.frame, new.pois, new.frame)
    notes += far_apart(old.pois, pois)
    pois, index = merge_catalogues(old.pois, pois)
    frame = _merge_frames(old.frame, frame.with_columns(pl.col(POI).replace_strict(index, return_dtype=pl.UInt32)))
    return replace(old, frame=frame, pois=pois, notes=list(dict.fromkeys(old.notes + new.notes + notes)))


def spelled_as(
    old_pois: pl.DataFrame, old_frame: pl.DataFrame, pois: pl.DataFrame, frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """The new catalogue and check-ins with ids as the folder has them (12.0 for 12), and notes."""
    notes = []
    if spellings := aligned(pois[POI_ID], old_pois[POI_ID]):
        pois = pois.with_columns(pl.col(POI_ID).replace(spellings))
        notes.append(f"{len(spellings):,} POIs are in the folder already, their ids written with or without .0")
    if spellings := aligned(frame[USER].unique(), old_frame[USER].unique()):
        frame = frame.with_columns(pl.col(USER).replace(spellings))
        notes.append(f"{len(spellings):,} users are in the folder already, their ids written with or without .0")
    return pois, frame, notes


def merge_catalogues(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, int]]:
    """The old catalogue with the new POIs appended, and the index in it of each POI of `new`."""
    appended = new.join(old, on=POI_ID, how="anti", maintain_order="left")
    index = pl.int_range(len(old), len(old) + len(appended), dtype=pl.UInt32, eager=True)
    seen = new.group_by(POI_ID).agg(pl.col(FIRST_SEEN).min())
    earlier = old.select(POI_ID).join(seen, on=POI_ID, how="left", maintain_order="left")
    old = old.with_columns(pl.min_horizontal(FIRST_SEEN, earlier[FIRST_SEEN].alias("other")).alias(FIRST_SEEN))
    merged = pl.concat([old, appended.with_columns(index.alias(POI))], how="diagonal")
    merged = merged.select([c for c in merged.columns if c != FIRST_SEEN] + [FIRST_SEEN])
    position = dict(zip(merged[POI_ID], merged[POI], strict=True))
    return merged, {poi: position[poi_id] for poi, poi_id in zip(new[POI], new[POI_ID], strict=True)}


def kilometres_moved(old: pl.DataFrame, new: pl.DataFrame) -> NDArray[np.float64]:
    """How far each place that both catalogues have is from where it was."""
    both = old.join(new, on=POI_ID, suffix="_new")
    return haversine_km(*(both[c] for c in (LATITUDE, LONGITUDE, f"{LATITUDE}_new", f"{LONGITUDE}_new")))


def far_apart(old: pl.DataFrame, new: pl.DataFrame) -> list[str]:
    """A warning if places that both catalogues have are said to be somewhere else."""
    km = kilometres_moved(old, new)
    far = int((km > FAR_KM).sum())
    if not far:
        return []
    return [
        f"WARNING: {far:,} POIs are more than {FAR_KM:g} km (up to {km.max():,.1f} km) from where they were before: "
        "are these check-ins of the same city? The earlier positions are kept"
    ]


def _merge_frames(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The union, in time order: of n equal check-ins here and m there, max(n, m) remain."""
    coded = pl.col(USER).cast(pl.Categorical)  # half the memory of strings
    old, new = old.with_columns(coded), new.with_columns(coded)
    union = in_order(pl.concat([old, not_in(old, new)]))
    return union.with_columns(pl.col(USER).cast(pl.String))


def not_in(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The new check-ins that are not there yet: of n equal ones here and m there, m - n if that is positive."""
    return (
        new.with_columns(_nth(new))
        .join(old.with_columns(_nth(old)), on=[*_IDENTITY, "nth"], how="anti", nulls_equal=True, maintain_order="left")
        .drop("nth")
    )


def _nth(frame: pl.DataFrame) -> pl.Series:
    """How many check-ins equal to a row come before it."""
    nth = pl.zeros(len(frame), pl.UInt32, eager=True).alias("nth")
    equal = frame.select(_IDENTITY).hash_rows().is_duplicated()  # with few, a window over all rows would be a waste
    if not equal.any():
        return nth
    counted = frame.filter(equal).select(pl.int_range(pl.len(), dtype=pl.UInt32).over(_IDENTITY)).to_series()
    return nth.scatter(equal.arg_true(), counted)
