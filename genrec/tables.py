"""Tables on disk: read if they are what their reader expects, with checks that cost next to nothing on many rows."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from genrec.bounds import CLOCKS_APART
from genrec.columns import CATEGORY, FIRST_SEEN, LATITUDE, LONGITUDE, POI, POI_ID, TIME, USER, UTC
from genrec.errors import InputError
from genrec.files import require_regular

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

FRAME_SCHEMA: Schema = {USER: pl.String, POI: pl.UInt32, TIME: pl.Datetime("us"), UTC: pl.Datetime("us")}
CATALOGUE_SCHEMA: Schema = {
    POI: pl.UInt32,
    POI_ID: pl.String,
    CATEGORY: pl.String,
    LATITUDE: pl.Float64,
    LONGITUDE: pl.Float64,
    FIRST_SEEN: pl.Datetime("us"),
}

_FAILURES = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read_table(
    path: Path, schema: Schema, *, rows: int | None = None, others: bool = False, fix: str = ""
) -> pl.DataFrame:
    """The columns of a schema of a Parquet file, and with `others` all further ones, too.

    Raises InputError if it is none, lacks a column or has one of another type, or has not as many `rows`.
    """
    require_table(path, schema, rows=rows, fix=fix)
    try:
        return pl.read_parquet(path, columns=None if others else list(schema), glob=False)
    except _FAILURES as error:
        raise _damaged(path, error, fix) from None


def require_table(path: Path, schema: Schema, *, rows: int | None = None, fix: str = "") -> None:
    """Raise InputError if a file is no Parquet of this schema, or has not as many `rows`; nothing of it is read."""
    require_regular(path)
    try:
        there = pl.scan_parquet(path, glob=False).collect_schema()
        for column, kind in schema.items():
            if column not in there:
                raise InputError("the column is missing.", file=path, column=column, fix=fix)
            if there[column] != kind:
                raise InputError(f"holds {there[column]}, not {kind}.", file=path, column=column, fix=fix)
        count = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        if rows is not None and count != rows:
            raise InputError(f"has {count:,} rows, not {rows:,}.", file=path, fix=fix)
    except _FAILURES as error:
        raise _damaged(path, error, fix) from None


def _damaged(path: Path, error: BaseException, fix: str) -> InputError:
    return InputError(f"cannot be read as Parquet ({type(error).__name__}).", file=path, fix=fix)


def catalogue_problem(pois: pl.DataFrame) -> str | None:
    """What makes a catalogue impossible, if anything."""
    required = [POI, POI_ID, CATEGORY, LATITUDE, LONGITUDE]
    if empty := [column for column in required if pois[column].null_count()]:
        return f"column {empty[0]!r} has empty values"
    if not pois[POI].equals(pl.int_range(len(pois), dtype=pl.UInt32, eager=True).alias(POI)):
        return f"column {POI!r} does not count the rows"
    if pois[POI_ID].n_unique() != len(pois):
        return f"column {POI_ID!r} has a place twice"
    for column, limit in ((LATITUDE, 90), (LONGITUDE, 180)):
        if not (pois[column].abs() <= limit).all():
            return f"column {column!r} has a value beyond {limit} degrees"
    return None


def frame_problem(frame: pl.DataFrame, pois: int) -> str | None:
    """What makes check-ins at this many places impossible, if anything."""
    if empty := [column for column in (USER, POI, TIME) if frame[column].null_count()]:
        return f"column {empty[0]!r} has empty values"
    if frame.select((pl.col(POI) >= pois).any()).item():
        return f"column {POI!r} has a place that is not among the {pois:,} of the catalogue"
    if frame.select((pl.col(TIME).cum_max() - pl.col(TIME) > CLOCKS_APART).any()).item():
        return f"column {TIME!r} is not in order"
    return None
