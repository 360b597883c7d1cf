"""Records of text -> rows of typed columns, each faulty row reported with its line, column and reason."""

import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import polars as pl

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, OFFSET, POI_ID, TIME, USER, UTC
from genrec.errors import InputError
from genrec.files import atomic_path
from genrec.ids import whole
from genrec.reading.categories import one_kind
from genrec.reading.clocks import Clocks
from genrec.reading.formats import Layout
from genrec.reading.nothing import is_nothing
from genrec.reading.offsets import known_zones, parse_offsets
from genrec.reading.source import Records
from genrec.reading.text import show
from genrec.reading.times import explain, parse, with_dates

OnBadRows = Literal["fail", "skip"]

ZONE = "zone_of_"  # prefix: minutes ahead of UTC that a time column's values say themselves
_SPOOL_BYTES = 8 << 20
FULL = 360  # degrees: what is more is not an angle
_REASONS = 10_000  # that are remembered: what is wrong with one value is often wrong with many


class Fault(NamedTuple):
    """Why a row cannot be used."""

    column: str | None
    reason: str


class BadRows:
    """What becomes of faulty rows: the first one stops the reading, or all are set aside in a file and counted.

    A context manager: the file of rejects appears, whole, when the reading ends well.
    """

    def __init__(self, source: Path, on_bad_rows: OnBadRows, rejects: Path | None) -> None:
        self.source, self.skip, self.rejects = source, on_bad_rows == "skip", rejects
        self.count = 0
        self.first = ""

    def __enter__(self) -> Self:
        """Start the list of rejects."""
        self._spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", newline="")
        self._write([["row", "column", "reason", "line"]])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the list to its place, unless an error ends the reading."""
        with self._spool as spool:
            if kind is None and self.count and self.rejects:
                spool.seek(0)
                with (
                    atomic_path(self.rejects, private=True) as path,
                    path.open("w", encoding="utf-8", newline="") as file,
                ):
                    shutil.copyfileobj(spool, file)

    def handle(self, records: Records, faults: dict[int, Fault]) -> None:
        """Raise an InputError for the first fault, or write them all down."""
        if not faults:
            return
        if not self.first:
            index, fault = min(faults.items())
            error = InputError(fault.reason, file=self.source, row=int(records.rows[index]), column=fault.column)
            if not self.skip:
                raise error
            self.first = str(error)
        rows = records.rows.tolist()
        self._write([rows[i], faults[i].column or "", faults[i].reason, records.text(i)] for i in sorted(faults))
        self.count += len(faults)

    def _write(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO(newline="")  # a spool is slow at small pieces
        csv.writer(text).writerows(rows)
        self._spool.write(text.getvalue())

    def notes(self) -> list[str]:
        """One line with the count, if there is one."""
        where = f"; see {self.rejects}" if self.rejects else ""
        return [f"skipped {self.count:,} bad rows{where}; the first: {self.first}"] if self.count else []


class RowTyper:
    """Turns the records of one file into typed rows, block by block.

    Typed columns: user and POI ids, categories, names and regions as Categorical; times as naive Datetime us, with
    `ZONE + column` (Int16) where the values name a zone; `OFFSET` as Int16, or as Categorical names of zones;
    coordinates as Float64. `columns` are the ones to read.
    """

    def __init__(
        self, layout: Layout, clocks: Clocks | None, bad: BadRows, known_pois: pl.Series | None = None
    ) -> None:
        self._layout, self._bad, self._known_pois = layout, bad, known_pois
        self._styles, self._offsets = (clocks.styles, clocks.offsets) if clocks else ({}, None)
        self._limit = None if bad.skip else 1
        self._commas = self._kinds = 0  # coordinates with a decimal comma; categories that are lists or paths
        unused = {c for c in (TIME, UTC) if c not in self._styles} | (set() if self._offsets else {OFFSET})
        self.columns = [c for c in layout.columns if c not in unused]

    def notes(self) -> list[str]:
        """What was repaired in the values."""
        notes = []
        if self._commas:
            notes.append(f"{self._commas:,} coordinates with a decimal comma: read as with a point")
        if self._kinds:
            kinds = "lists or paths: the first of a list is taken, and the last part of a path (A > B)"
            notes.append(f"{self._kinds:,} categories are {kinds}")
        return notes

    def rows(self, records: Records) -> pl.DataFrame:
        """The good rows of a block; the others go to `bad`."""
        self._faults = {i: Fault(None, reason) for i, reason in records.broken.items()}
        typed: list[pl.Series] = []
        fields = with_dates(records.fields)
        for column in fields.columns:
            if column in (TIME, UTC):
                typed += self._time(fields, column)
            elif column in (LATITUDE, LONGITUDE):
                typed.append(self._coordinate(fields, column))
            elif column == OFFSET:
                typed.append(self._offset(fields[column]))
            else:
                typed.append(self._name(fields[column]))
        self._bad.handle(records, self._faults)
        frame = pl.DataFrame(typed)
        if not self._faults:
            return frame
        return frame.filter(~pl.int_range(pl.len()).is_in(list(self._faults)))

    def _flag(self, bad: pl.Series, column: str, reason: Callable[[int], str]) -> None:
        """Note the fault of each row where `bad`; a row keeps the first fault found in it."""
        for index in bad.fill_null(True).arg_true().to_list()[: self._limit]:
            if index not in self._faults:
                self._faults[index] = Fault(self._layout.label(column), reason(index))

    def _name(self, text: pl.Series) -> pl.Series:
        if text.name == CATEGORY:
            text, several = one_kind(text)
            self._kinds += several
        values = text.cast(pl.Categorical)
        if is_nothing(values.unique().cast(pl.String)).any():
            values = values.set(is_nothing(text), None)
        if text.name in (USER, POI_ID):
            self._flag(values.is_null(), text.name, lambda i: _no_id(text[i]))
        if text.name == POI_ID and self._known_pois is not None:
            unknown = ~text.is_in(self._known_pois.implode())
            if unknown.any():
                unknown &= ~whole(text).is_in(whole(self._known_pois).implode())
            self._flag(unknown, POI_ID, lambda i: f"{show(text[i] or '')} is not in the file of POIs.")
        return values

    def _coordinate(self, fields: pl.DataFrame, column: str) -> pl.Series:
        text = fields[column]
        value, commas = _numbers(text)
        self._commas += commas
        limit = 90.0 if column == LATITUDE else 180.0
        other = fields[LONGITUDE if column == LATITUDE else LATITUDE]
        self._flag(~(value.abs() <= limit), column, lambda i: _bad_coordinate(text[i], other[i], column, limit))
        zero = value == 0 if column == LATITUDE else None
        if zero is not None and zero.any():
            nowhere = (zero & (_numbers(other)[0] == 0)).fill_null(False)
            self._flag(
                nowhere,
                column,
                lambda _: "the position 0, 0 stands for one that is not known; --on-bad-rows skip leaves it out.",
            )
        return value

    def _offset(self, text: pl.Series) -> pl.Series:
        if self._offsets == "names":
            read, bad, what = text.cast(pl.Categorical), ~known_zones(text), "is not a time zone such as Europe/Paris."
        else:
            read = parse_offsets(text)
            bad, what = read.is_null(), "is not a time zone offset in minutes (-840 to 840) or as +hh:mm."
        self._flag(bad & text.is_not_null(), OFFSET, lambda i: f"{show(text[i])} {what}")
        if TIME not in self._styles or self._styles[TIME].aware:
            self._flag(text.is_null(), OFFSET, lambda _: "the offset is empty: nothing tells the local time.")
        return read

    def _time(self, fields: pl.DataFrame, column: str) -> list[pl.Series]:
        text, style = fields[column], self._styles[column]
        wall, zone = parse(text, style)
        optional = column == UTC and TIME in self._styles
        self._flag(
            wall.is_null() & text.is_not_null() if optional else wall.is_null(),
            column,
            lambda i: explain(text[i], style),
        )
        return [wall.rename(column)] if zone is None else [wall.rename(column), zone.rename(ZONE + column)]


def _no_id(text: str | None) -> str:
    return "the id is empty." if text is None else f"the id is empty: {show(text)} stands for no value."


@lru_cache(_REASONS)
def _bad_coordinate(text: str | None, other_text: str | None, column: str, limit: float) -> str:
    if text is None:
        return f"the {column} is empty."
    value, other = _number(text), _number(other_text)
    if value is None:
        return f"{show(text)} is not a number."
    if column == LATITUDE and 90 < abs(value) <= 180 and other is not None and abs(other) <= 90:
        return f"{show(text)} is no latitude, yet the longitude could be one: are the two columns swapped?"
    hint = "; these look like metres of a map: convert them to degrees (WGS 84, EPSG:4326)" if abs(value) > FULL else ""
    return f"{show(text)} is not between {-limit:g} and {limit:g} degrees{hint}."


def _number(text: str | None) -> float | None:
    value: float | None = _numbers(pl.Series([text], dtype=pl.String))[0][0]
    return value


def _numbers(text: pl.Series) -> tuple[pl.Series, int]:
    """Coordinates, written with a decimal point or comma, and how many with a comma.

    None is so large that a comma could mean thousands.
    """
    value = text.cast(pl.Float64, strict=False)
    commas = int(text.str.contains(",", literal=True).sum()) if value.null_count() > text.null_count() else 0
    if commas:
        value = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return value, commas
