"""Blocks of text -> records: one row of text fields per check-in, with the line where each starts.

Lines without quotes are split by Polars; a block with a quote in it goes through Python's csv module, which
alone knows about fields that hold line breaks.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.reading.formats import Layout
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


def ahead(records: Iterator[Records]) -> Iterator[Records]:
    """The same records, the next block being split on another thread while the current one is in use."""
    with ThreadPoolExecutor(1) as worker:
        upcoming = worker.submit(next, records, None)
        while (current := upcoming.result()) is not None:
            upcoming = worker.submit(next, records, None)
            yield current


def _joined(before: Block, block: Block) -> Block:
    ends = np.concatenate([before.ends, block.ends + len(before.data)])
    return Block(before.data + block.data, before.first_row, ends)


def _split(block: Block, layout: Layout, columns: Sequence[str], *, last: bool) -> tuple[Records, Block | None]:
    """The block's records, and what is left: the lines of a record whose end is not in the block."""
    # A carriage return inside a line means the same to csv as to nobody else: let csv judge it.
    lone_return = b"\r" in block.data and block.data.count(b"\r") != block.data.count(b"\r\n")
    if layout.quoted and (b'"' in block.data or lone_return):
        return _split_quoted(block, layout, columns, last=last)
    return _split_plain(block, layout, columns), None


def _split_plain(block: Block, layout: Layout, columns: Sequence[str]) -> Records:
    rows = np.arange(block.first_row, block.first_row + len(block.ends))
    data, ends = block.data, block.ends
    letters, lengths = np.frombuffer(data, np.uint8), np.diff(ends, prepend=0)
    ended = letters[ends - 1] == ord("\n")
    returned = (lengths > ended) & (letters[np.maximum(ends - 1 - ended, 0)] == ord("\r"))
    blank = lengths == ended.astype(np.int64) + returned
    blanks = int(np.count_nonzero(blank))
    if blanks:
        data = letters[np.repeat(~blank, lengths)].tobytes()
        rows, ends = rows[~blank], np.cumsum(lengths[~blank])
    separators = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(layout.delimiter))
    counts = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    broken = {int(i): _ragged(int(counts[i]), layout.width) for i in np.flatnonzero(counts != layout.width)}
    positions = {column: layout.columns[column] for column in columns}
    if len(ends) == 0:
        fields = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    else:
        fields = pl.read_csv(
            data,
            has_header=False,
            schema={f"column_{i}": pl.String for i in range(layout.width)},
            columns=sorted(set(positions.values())),
            separator=layout.delimiter,
            quote_char=None,
            truncate_ragged_lines=True,
            extra_columns="ignore",
            missing_columns="insert",
        ).select(pl.col(f"column_{i}").alias(column) for column, i in positions.items())
    starts = ends - np.diff(ends, prepend=0)
    return Records(tidy(fields, broken), rows, broken, blanks, partial(line_at, data, starts))


def _split_quoted(block: Block, layout: Layout, columns: Sequence[str], *, last: bool) -> tuple[Records, Block | None]:
    positions = [layout.columns[column] for column in columns]
    lines = list(io.StringIO(block.data.decode("utf-8"), newline="\n"))
    values: list[list[str | None]] = []
    starts: list[int] = []
    broken: dict[int, str] = {}
    blanks = 0
    rest: Block | None = None
    for start, end, fields in _csv_records(lines, layout.delimiter, layout.width):
        if fields == []:
            blanks += 1
            continue
        if fields is None and end == len(lines) and not last:
            rest = block.from_line(start)
            if len(rest.data) <= MAX_LINE_BYTES:
                break
            rest = None
        starts.append(start)
        if fields is not None and len(fields) == layout.width:
            values.append([fields[i] for i in positions])
        else:
            broken[len(values)] = _BAD_QUOTE if fields is None else _ragged(len(fields), layout.width)
            values.append([None] * len(positions))
    data = block.data if rest is None else block.data[: len(block.data) - len(rest.data)]
    series = zip(*values, strict=True) if values else ([] for _ in columns)
    frame = pl.DataFrame([pl.Series(c, s, pl.String) for c, s in zip(columns, series, strict=True)])
    at = np.array(starts, np.int64)
    text = partial(line_at, data, block.starts[at])
    return Records(tidy(frame, broken), at + block.first_row, broken, blanks, text), rest


def _csv_records(lines: list[str], delimiter: str, width: int) -> Iterator[tuple[int, int, list[str] | None]]:
    """Yield (first line, line after the last, fields), with None for fields that csv cannot split.

    After such a record, or one of several lines without the right number of fields, reading goes on at its second
    line: an open quote costs the line that has it, not all that follows.
    """
    start = 0
    while start < len(lines):
        begun = start
        source = map(lines.__getitem__, range(begun, len(lines)))
        reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            for fields in reader:
                end = begun + reader.line_num
                yield start, end, fields
                if end - start > 1 and len(fields) != width:
                    start += 1
                    break
                start = end
        except csv.Error:
            yield start, begun + reader.line_num, None
            start += 1


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
