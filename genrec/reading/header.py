"""The header of a file of lines: what separates fields, and what the columns are called."""

import csv
from collections import Counter
from pathlib import Path

from genrec.errors import InputError
from genrec.reading.text import TextFile, show

_HEAD_BYTES, _HEAD_LINES = 1 << 20, 20
_DELIMITERS = "\t,;|"


def first_lines(text: TextFile) -> tuple[list[str], int]:
    """The first lines as an editor shows them, from the first that is not blank; the number of that one."""
    for block in text.blocks(_HEAD_BYTES):
        rest = block.data.lstrip()
        if rest:
            row = block.first_row + block.data[: len(block.data) - len(rest)].count(b"\n")
            start = block.data.rfind(b"\n", 0, len(block.data) - len(rest)) + 1
            lines = block.data[start:].split(b"\n", _HEAD_LINES)[:_HEAD_LINES]
            return [line.decode("utf-8").rstrip("\r") for line in lines], row
    raise InputError("the file is empty.", file=text.path)


def read_header(path: Path, lines: list[str], row: int) -> tuple[str, tuple[str, ...]]:
    """(delimiter, names of the columns) of the header, which is the first of `lines`.

    Raises:
        InputError: it has an open quote whatever separates fields, a single column, or a name twice.

    """
    split = {d: fields for d in _DELIMITERS if (fields := _fields(lines[0], d))}
    if len(split) < len(_DELIMITERS) and max(map(len, split.values()), default=1) == 1:
        raise InputError("the header has an open quote.", file=path, row=row, fix='Close it: "name".')
    delimiter = max(split, key=lambda d: len(split[d]))
    header = tuple(name.strip() for name in split[delimiter])
    if len(header) == 1:
        raise InputError(
            f"the header {show(lines[0])} has a single column.",
            file=path,
            row=row,
            fix="Separate columns by comma, tab or ;.",
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise InputError(
            "two columns have this name.", file=path, row=row, column=show(twice[0])[1:-1], fix="Rename one."
        )
    return delimiter, ("", *header) if _has_row_names(lines[1:], delimiter, len(header)) else header


def _fields(line: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True), None)
    except csv.Error:
        return None


def _has_row_names(lines: list[str], delimiter: str, width: int) -> bool:
    """Whether each row starts with a name that the header does not count, as R's write.table has it."""
    rows = [_fields(line, delimiter) or [] for line in lines if line.strip()]
    names = {row[0] for row in rows if len(row) == width + 1}
    return bool(rows) and len(names) == len(rows) and any(row[-1].strip() for row in rows)
