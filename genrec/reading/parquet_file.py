"""Check-ins and places in a Parquet file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from genrec.errors import InputError
from genrec.reading.records import tidy
from genrec.reading.source import Records
from genrec.reading.text import Progress

MAGIC = b"PAR1"
_BATCH = 500_000
_MAX_ROWS_PER_BYTE, _ANY_ROWS = 8, 1 << 20

_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file of records (a `genrec.reading.source.RecordFile`); rows are counted from 1.

    Attributes:
        path: where it is.
        rows: how many records it has.
        values: what it calls each value, and how to get at it.
        notes: what was recognised, one line each.
        sample: the fields of the first records, in the order of `names`.

    """

    path: Path
    rows: int
    values: dict[str, pl.Expr]
    notes: tuple[str, ...]
    sample: Sequence[Sequence[str | None]]
    kind: str = "Parquet"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, those of nested fields joined by dots."""
        return tuple(self.values)

    def records(
        self, columns: Mapping[str, str], block_bytes: int, progress: Progress | None = None
    ) -> Iterator[Records]:
        """Yield the records, reduced to `columns`: canonical name -> name in the file."""
        wanted = [self.values[name].alias(canonical) for canonical, name in columns.items()]
        for start in range(0, self.rows, _BATCH):
            fields = tidy(_read(self.path, wanted, start, _BATCH), ())
            rows = np.arange(start + 1, start + 1 + len(fields))
            yield Records(fields, rows, {}, 0, partial(_row_text, fields))
            if progress:
                size = self.path.stat().st_size
                progress(size * (start + len(fields)) // self.rows, size)


def open_parquet(path: Path) -> ParquetFile:
    """Find out what a Parquet file holds.

    Raises:
        InputError: it is damaged, or holds more rows than check-ins could make of so few bytes.

    """
    try:
        schema = pl.scan_parquet(path, glob=False).collect_schema()
        rows = int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except _FAILURES as error:
        raise _damaged(path, error) from error
    if rows > max(_ANY_ROWS, _MAX_ROWS_PER_BYTE * path.stat().st_size):
        raise InputError(f"this Parquet file has {rows:,} rows in so few bytes: these are not check-ins.", file=path)
    values = {name: value for column, kind in schema.items() for name, value in _leaves(column, pl.col(column), kind)}
    sample = _read(path, [value.alias(name) for name, value in values.items()], 0, 20)
    return ParquetFile(path, rows, values, ("format: Parquet; rows are counted as records",), sample.rows())


def _read(path: Path, wanted: list[pl.Expr], start: int, count: int) -> pl.DataFrame:
    try:
        return pl.scan_parquet(path, glob=False).slice(start, count).select(wanted).collect()
    except _FAILURES as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> InputError:
    return InputError(f"this looks like Parquet, but cannot be read ({str(error).splitlines()[0][:200]}).", file=path)


def _leaves(name: str, value: pl.Expr, kind: pl.DataType) -> Iterator[tuple[str, pl.Expr]]:
    """What is in a column, as text: of a list the first element."""
    if isinstance(kind, pl.Struct):
        for field in kind.fields:
            yield from _leaves(f"{name}.{field.name}", value.struct.field(field.name), field.dtype)  # type: ignore[arg-type]
    elif isinstance(kind, pl.List):
        yield from _leaves(f"{name}.0", value.list.get(0, null_on_oob=True), kind.inner)  # type: ignore[arg-type]
    elif isinstance(kind, pl.Datetime):
        yield name, value.dt.cast_time_unit("us").cast(pl.String)
    elif kind != pl.Object:
        yield name, value.cast(pl.String, strict=False)


def _row_text(fields: pl.DataFrame, index: int) -> str:
    return json.dumps(fields.row(index, named=True), ensure_ascii=False)
