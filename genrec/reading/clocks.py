"""Settle how the time columns of a file are written, before its rows are read."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from genrec.columns import TIME, UTC
from genrec.errors import InputError
from genrec.reading.formats import Layout
from genrec.reading.records import Records, read_records
from genrec.reading.text import TextFile, show
from genrec.reading.times import Style, deciding, explain, recognise

_PASS_BYTES = 4 << 20


def settle_clocks(text: TextFile, layout: Layout, day_first: bool | None) -> tuple[dict[str, Style], list[str]]:
    """Find the style of each time column; read on until every order of day and month is certain.

    Columns written in the same way are taken to have the same order, so one may decide for the other. A column
    without a single value gets no style.

    Raises:
        InputError: no value can be read as a time, or nothing tells 3/4 from 4/3.

    """
    styles: dict[str, Style] = {}
    notes: list[str] = []
    columns = [column for column in (TIME, UTC) if column in layout.columns]
    some_rows = False
    for records in read_records(text, layout, columns, _PASS_BYTES):
        some_rows = some_rows or len(records.rows) > 0
        for column in columns:
            if column not in styles and (style := _first_style(records.fields[column])):
                styles[column] = style if style.kind != "slashed" else replace(style, day_first=day_first)
        _vote(records, layout, styles, notes)
        if len(styles) == len(columns) and not any(_undecided(styles)):
            return styles, notes
    if not some_rows:
        raise InputError("a header but no rows.", file=text.path)
    for column in _undecided(styles):
        raise InputError(
            f"{show(styles[column].example)} may be day/month or month/day, and no date in the file tells.",
            file=text.path,
            column=layout.label(column),
            fix="Say which with --day-first or --month-first.",
        )
    if not styles or (TIME in columns and TIME not in styles):
        _fail(text, layout, columns[0])
    return styles, notes


def _first_style(values: pl.Series) -> Style | None:
    """The style of the first value that has one."""
    return next((style for value in values.drop_nulls() if (style := recognise(value))), None)


def _undecided(styles: dict[str, Style]) -> Iterable[str]:
    return [c for c, style in styles.items() if style.kind == "slashed" and style.day_first is None]


def _vote(records: Records, layout: Layout, styles: dict[str, Style], notes: list[str]) -> None:
    for column in _undecided(styles):
        style = styles[column]
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


def _fail(text: TextFile, layout: Layout, column: str) -> None:
    """Point at the first row, none of the column's values being a time."""
    records = next(r for r in read_records(text, layout, [column], _PASS_BYTES) if len(r.rows))
    label = None if 0 in records.broken else layout.label(column)
    reason = records.broken.get(0) or explain(records.fields[column][0], Style("iso", False))
    raise InputError(reason, file=text.path, row=int(records.rows[0]), column=label)
