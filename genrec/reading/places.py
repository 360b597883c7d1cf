"""A file of places that nobody has checked in at yet."""

from pathlib import Path

import polars as pl

from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, POI, POI_ID, UNKNOWN
from genrec.errors import InputError
from genrec.reading.formats import recognise_places
from genrec.reading.opening import open_source
from genrec.reading.records import read_records
from genrec.reading.rows import BadRows, RowTyper


def read_places(path: Path) -> pl.DataFrame:
    """Places, one a row, with the columns of a catalogue that are known before anybody comes.

    A file that gives them no ids numbers them by their rows, from 1. Raises InputError if it cannot be used.
    """
    source = open_source(path)
    layout = recognise_places(source)
    typer = RowTyper(layout, None, BadRows(path, "fail", None))
    blocks = [typer.rows(records) for records in read_records(source, layout, typer.columns)]
    rows = pl.concat(blocks).with_columns(pl.col(pl.Categorical).cast(pl.String)) if blocks else pl.DataFrame()
    if not len(rows):
        raise InputError("a header but no rows.", file=path)
    if POI_ID not in rows.columns:
        rows = rows.with_columns(pl.int_range(1, pl.len() + 1).cast(pl.String).alias(POI_ID))
    if rows[POI_ID].is_duplicated().any():
        twice = rows[POI_ID].filter(rows[POI_ID].is_duplicated())[0]
        raise InputError(f"two places have the id {twice!r}.", file=path, fix="Give each a row and an id of its own.")
    missing = [pl.lit(None, pl.String).alias(c) for c in (CATEGORY, CATEGORY_ID, NAME) if c not in rows.columns]
    rows = rows.with_columns(missing).with_columns(pl.col(CATEGORY).fill_null(UNKNOWN))
    index = pl.int_range(pl.len(), dtype=pl.UInt32).alias(POI)
    return rows.select(index, POI_ID, CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME)
