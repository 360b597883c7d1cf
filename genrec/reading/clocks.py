"""Settle how the time columns of a file are written, before its rows are read."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from genrec.columns import OFFSET, TIME, UTC
from genrec.errors import InputError
from genrec.reading.formats import Layout
from genrec.reading.offsets import OffsetKind, offset_kind
from genrec.reading.records import read_records
from genrec.reading.short_years import ShortYears
from genrec.reading.source import Records, Source
from genrec.reading.text import show
from genrec.reading.times import DATE, Style, deciding, explain, recognise, with_dates

_PASS_BYTES = 4 << 20
_SEEN = 100  # values that tell how most are written


@dataclass(frozen=True)
class Clocks:
    """How a file says when its check-ins were.

    Attributes:
        styles: how each time column is written; a column without a single value has none.
        offsets: what the column of offsets holds; None if it is not used.
        notes: what was decided, one line each.

    """

    styles: dict[str, Style]
    offsets: OffsetKind | None
    notes: list[str]


def settle_clocks(text: Source, layout: Layout, day_first: bool | None, named: Collection[str] = ()) -> Clocks:
    """Find the style of each time column; read on until every order of day and month is certain.

    Columns written in the same way are taken to have the same order, so one may decide for the other. A column of
    offsets that holds none is left out, unless the user has `named` it.

    Raises:
        InputError: no value can be read as a time, or nothing tells 3/4 from 4/3.

    """
    styles: dict[str, Style] = {}
    notes: list[str] = []
    columns = [column for column in (TIME, UTC) if column in layout.columns]
    years: dict[Style, ShortYears] = {}
    some_rows = False
    for records in _records(text, layout):
        some_rows = some_rows or len(records.rows) > 0
        for column in columns:
            if column not in styles and (style := _usual_style(records.fields[column])):
                styles[column] = style if style.kind != "slashed" else replace(style, day_first=day_first)
        _vote(records, layout, styles, years, notes)
        if len(styles) == len(columns) and not any(_undecided(styles)):
            break
    if not some_rows:
        raise InputError("a header but no rows.", file=text.path)
    for column in _undecided(styles):
        style, label = styles[column], layout.label(column)
        if style.kind == "slashed":
            raise InputError(
                f"{show(style.example)} may be day/month or month/day, and no date in the file tells.",
                file=text.path,
                column=label,
                fix="Say which with --day-first or --month-first.",
            )
        order, said = years[style.written].settle(day_first, style.example, text.path, label)
        styles[column] = replace(style, order=order)
        notes += [said] if said not in notes else []
    if not styles or (TIME in columns and TIME not in styles):
        _fail(text, layout, columns[0])
    return Clocks(styles, _settle_offsets(text, layout, notes, named=OFFSET in named), notes)


def _records(text: Source, layout: Layout) -> Iterator[Records]:
    """The time columns of the file's records."""
    columns = [column for column in (DATE, TIME, UTC, OFFSET) if column in layout.columns]
    for records in read_records(text, layout, columns, _PASS_BYTES):
        yield replace(records, fields=with_dates(records.fields))


def _settle_offsets(text: Source, layout: Layout, notes: list[str], *, named: bool) -> OffsetKind | None:
    """What the first values of the column of offsets are that can be read."""
    if OFFSET not in layout.columns:
        return None
    filled = (records.fields[OFFSET].drop_nulls() for records in _records(text, layout))
    values = next((column for column in filled if len(column)), pl.Series(dtype=pl.String))
    kind = offset_kind(values)
    if kind or named:
        return kind or "minutes"
    reason = f"{show(values[0])} is neither an offset nor a time zone" if len(values) else "it is empty"
    notes.append(f"column {show(layout.label(OFFSET))} not used as {OFFSET}: {reason}")
    return None


def _usual_style(values: pl.Series) -> Style | None:
    """How most of the first values are written; a year of four digits or a time of day anywhere tells more."""
    found: dict[tuple[bool, bool], list[Style]] = {}
    for style in filter(None, map(recognise, values.drop_nulls())):
        tells = (style.kind != "short", not style.dates)
        found.setdefault(tells, []).append(style)
        if all(tells) and len(found[tells]) == _SEEN:
            break
    if not found:
        return None
    best = found[max(found)]
    usual = Counter(style.written for style in best).most_common(1)[0][0]
    return next(style for style in best if style.written == usual)


def _undecided(styles: dict[str, Style]) -> Iterable[str]:
    return [column for column, style in styles.items() if style.undecided]


def _vote(
    records: Records, layout: Layout, styles: dict[str, Style], years: dict[Style, ShortYears], notes: list[str]
) -> None:
    """Take note of what these records tell of the order of day and month."""
    for column in _undecided(styles):
        style = styles[column]
        if style.kind == "short":
            years.setdefault(style.written, ShortYears()).add(records.fields[column])
        if style.day_first is not None or not (decision := deciding(records.fields[column], style)):
            continue
        index, day_first = decision
        order = "day" if day_first else "month"
        notes.append(
            f"dates are read {order} first: see {show(records.fields[column][index])} in row {records.rows[index]}"
        )
        for other in _undecided(styles):
            if replace(styles[other], example="") == replace(style, example=""):
                styles[other] = replace(styles[other], day_first=day_first)


def _fail(text: Source, layout: Layout, column: str) -> None:
    """Point at the first row, none of the column's values being a time."""
    records = next(r for r in _records(text, layout) if len(r.rows))
    label = None if 0 in records.broken else layout.label(column)
    reason = records.broken.get(0) or explain(records.fields[column][0], Style("iso", False))
    raise InputError(reason, file=text.path, row=int(records.rows[0]), column=label)
