"""Blocks of text -> records: one row of text fields per check-in, with the line where each starts.

Records are found by `genrec.reading.quotes` and split by Polars; those that break the rules of quotes go through
Python's csv module, which says what they are.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.reading.formats import Layout
from genrec.reading.quotes import Ints, Marks, read_marks
from genrec.reading.source import Records, Source
from genrec.reading.text import BLOCK_BYTES, MAX_LINE_BYTES, Block, Progress, TextFile

_BAD_QUOTE = 'an open or misplaced quote ("): close it, or double it inside a quoted field.'


def line_at(data: bytes, starts: NDArray[np.int64], index: int) -> str:
    """The text of a record, given where each starts in `data`."""
    end = int(starts[index + 1]) if index + 1 < len(starts) else len(data)
    return data[int(starts[index]) : end].decode("utf-8").strip("\r\n")


def read_records(
    source: Source,
    layout: Layout,
    columns: Sequence[str],
    block_bytes: int = BLOCK_BYTES,
    progress: Progress | None = None,
) -> Iterator[Records]:
    """Yield the file's records, reduced to the canonical `columns`."""
    if not isinstance(source, TextFile):
        yield from source.records({c: layout.label(c) for c in columns}, block_bytes, progress)
        return
    skip, open_block = layout.first_row - 1, None
    for block in source.blocks(block_bytes, progress):
        if block.first_row + len(block.ends) <= skip + 1:
            continue
        fresh = block.from_line(max(0, skip + 1 - block.first_row))
        current = _joined(open_block, fresh) if open_block else fresh
        records, open_block = _split(current, layout, columns, last=False)
        yield records
    if open_block:
        yield _split(open_block, layout, columns, last=True)[0]


def _joined(before: Block, block: Block) -> Block:
    ends = np.concatenate([before.ends, block.ends + len(before.data)])
    return Block(before.data + block.data, before.first_row, ends)


class _Judged(NamedTuple):
    """What csv says of a record: its lines from `start` up to `end`, and its fields; None if it cannot split them."""

    start: int
    end: int
    fields: list[str] | None


def _split(block: Block, layout: Layout, columns: Sequence[str], *, last: bool) -> tuple[Records, Block | None]:
    """The block's records, and what is left: the lines of a record whose end is not in the block."""
    marks = read_marks(block, layout.delimiter, layout.width, quoted=layout.quoted)
    clear, judged, rest = _judge(block, marks, layout, last=last)
    blanks = int(np.count_nonzero(marks.blank[clear])) + sum(record.fields == [] for record in judged)
    clear, judged = clear[~marks.blank[clear]], [record for record in judged if record.fields != []]
    found = np.append(marks.fields[clear], [len(record.fields or ()) for record in judged]).astype(np.int64)
    at = np.append(marks.lines[clear], [record.start for record in judged]).astype(np.int64)
    fits = found == layout.width
    fields = _read(block, marks, clear[fits[: len(clear)]], layout, columns)
    order = np.argsort(at, kind="stable")
    broken = {int(i): _problem(int(found[order[i]]), layout.width) for i in np.flatnonzero(~fits[order])}
    if judged or broken:
        whole = [record.fields for record in judged if record.fields and len(record.fields) == layout.width]
        fields = pl.concat([fields, _table(whole, layout, columns)])
        rows = pl.Series(np.cumsum(fits) - 1).set(pl.Series(~fits), None)
        fields = fields.select(pl.all().gather(rows.gather(order).cast(pl.UInt32)))
    data = block.data if rest is None else block.data[: len(block.data) - len(rest.data)]
    text = partial(line_at, data, block.starts[at[order]])
    return Records(tidy(fields, ()), at[order] + block.first_row, broken, blanks, text), rest


def _judge(block: Block, marks: Marks, layout: Layout, *, last: bool) -> tuple[Ints, list[_Judged], Block | None]:
    """Have csv read the unsure records.

    After one that csv cannot split, or one of several lines without the right number of fields, reading goes on at its
    second line: an open quote costs the line that has it, not all that follows.

    Returns the records that are what they are marked as, those that csv read, and the lines of one that does not end in
    the block.
    """
    unsure = np.append(np.flatnonzero(marks.unsure), len(marks.lines))
    clear: list[Ints] = [np.arange(0)]
    judged: list[_Judged] = []
    rest: Block | None = None
    line = 0
    while line < len(block.ends):
        number = int(np.searchsorted(marks.lines, line))
        if number < len(marks.lines) and marks.lines[number] == line:
            stop = int(unsure[np.searchsorted(unsure, number)])
            clear.append(np.arange(number, stop))
            if stop == len(marks.lines):
                break
            line = int(marks.lines[stop])
        record = _by_csv(block, line, layout.delimiter)
        if record.fields is None and record.end == len(block.ends) and not last:
            rest = block.from_line(line)
            if len(rest.data) <= MAX_LINE_BYTES:
                break
            rest = None
        judged.append(record)
        line = record.end if record.fields and len(record.fields) == layout.width else line + 1
    return np.concatenate(clear), judged, rest


def _by_csv(block: Block, line: int, delimiter: str) -> _Judged:
    """Read one record."""
    lines = (block.line(number) for number in range(line, len(block.ends)))
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        fields = next(reader)
    except csv.Error:
        return _Judged(line, line + reader.line_num, None)
    return _Judged(line, line + reader.line_num, fields)


def _read(block: Block, marks: Marks, which: Ints, layout: Layout, columns: Sequence[str]) -> pl.DataFrame:
    """The fields of records of the right width."""
    if not len(which):
        return _table([], layout, columns)
    data, separator, end = marks.unquoted(block, which, layout.delimiter)
    positions = {column: layout.columns[column] for column in columns}
    return pl.read_csv(
        end.encode() + data,  # an empty line first: text that starts with x^ would be taken for zlib's
        has_header=False,
        skip_lines=1,
        schema={f"column_{i}": pl.String for i in range(layout.width)},
        columns=sorted(set(positions.values())),
        separator=separator,
        eol_char=end,
        quote_char=None,
    ).select(pl.col(f"column_{i}").alias(column) for column, i in positions.items())


def _table(records: Sequence[Sequence[str]], layout: Layout, columns: Sequence[str]) -> pl.DataFrame:
    """The fields of records of the right width that csv has split."""
    values = {column: [fields[layout.columns[column]] for fields in records] for column in columns}
    return pl.DataFrame(values, dict.fromkeys(columns, pl.String))


def _problem(found: int, expected: int) -> str:
    return _ragged(found, expected) if found else _BAD_QUOTE


def tidy(fields: pl.DataFrame, broken: Iterable[int]) -> pl.DataFrame:
    """The fields without outer white space; null where empty, and in broken records."""
    indices = list(broken)
    columns = []
    for column in fields.select(pl.all().str.strip_chars()):
        empty = column == ""
        tidy = column.set(empty, None) if empty.any() else column
        columns.append(tidy.scatter(indices, None) if indices else tidy)
    return pl.DataFrame(columns)


@cache
def _ragged(found: int, expected: int) -> str:
    return f"{found} fields where the file has {expected}."
