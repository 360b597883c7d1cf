"""Check-ins and places in JSON: one object per line, or a list of objects, possibly inside another object."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.errors import InputError
from genrec.reading.geojson import GEOJSON
from genrec.reading.json_text import elements, find_list, inner_list, lists_inside, only_list, scan, values
from genrec.reading.records import line_at, tidy
from genrec.reading.shapes import Flaw, Shape
from genrec.reading.source import Records
from genrec.reading.text import MAX_LINE_BYTES, Progress, TextFile
from genrec.reading.timeline import TIMELINE

JSON_START = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[\]{\"\d-])")
MAX_DOCUMENT_BYTES = 256 << 20  # of JSON that is not one object per line: it is held in memory
_SHAPES = (GEOJSON, TIMELINE)
_INSIDE = {key for shape in _SHAPES for key in shape.inside}
_GOOGLE = re.compile(r'"(?:semanticSegments|timelineObjects|latitudeE7|rawSignals)"')
_SAMPLE, _BATCH, _MAX_NAMES = 1000, 50_000, 1000

Keys = tuple[str, ...]


class _Found(NamedTuple):
    """A record: the line or number by which it is known, its value or what is wrong with it, its text.

    Neither a value nor a fault: an entry that is not a check-in.
    """

    row: int
    value: Any
    fault: str
    text: str


@dataclass(frozen=True)
class JsonFile:
    """A JSON file of records (a `genrec.reading.source.RecordFile`).

    Attributes:
        text: the file as text.
        lines: whether each line is a record; then rows are counted as lines, else as records.
        paths: where each value of a record is: name -> keys.
        notes: what was recognised or repaired, one line each.
        sample: the fields of the first records, in the order of `names`.
        kind: what it is, in words.
        shape: the known shape of its records, if they have one.

    """

    text: TextFile
    lines: bool
    paths: dict[str, Keys]
    notes: tuple[str, ...]
    sample: Sequence[Sequence[str | None]]
    kind: str = "JSON"
    shape: Shape | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.text.path

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of the values, those of nested objects joined by dots."""
        return tuple(self.paths)

    def records(
        self, columns: Mapping[str, str], block_bytes: int, progress: Progress | None = None
    ) -> Iterator[Records]:
        """Yield the records, reduced to `columns`: canonical name -> name in the file."""
        paths = {canonical: self.paths[name] for canonical, name in columns.items()}
        if not self.lines:
            found = _flat(_of_document(self.text), self.shape)
            while batch := list(islice(found, _BATCH)):
                texts = [record.text for record in batch if _counts(record)]
                yield _records(batch, paths, 0, texts.__getitem__)
            return
        for block in self.text.blocks(block_bytes, progress):
            starts = block.starts
            lines = block.data.decode("utf-8").split("\n")
            whole = [_of_line(line, block.first_row + i) for i, line in enumerate(lines) if line.strip()]
            batch = [*_flat(whole, self.shape)]
            at = np.array([record.row - block.first_row for record in batch if _counts(record)], np.int64)
            text = partial(_line, block.data, starts, at)
            yield _records(batch, paths, len(starts) - len(whole), text)


def open_json(text: TextFile) -> JsonFile:
    """Find out how the records of a JSON file are written, and what their values are called.

    Raises:
        InputError: it is malformed, or does not hold records.

    """
    lines = _is_lines(text.start(MAX_LINE_BYTES))
    found = _lines(text) if lines else _of_document(text)
    first = [*islice(found, _SAMPLE)]
    shape = next((shape for record in first for shape in _SHAPES if _fits(record, shape)), None)
    records = (record.value for record in _flat(chain(first, found), shape) if record.value is not None)
    sample = [*islice(records, _SAMPLE)]
    paths: dict[str, Keys] = {}
    for record in sample:
        for keys in _leaves(record, ()):
            if len(paths) < _MAX_NAMES:
                paths.setdefault(".".join(keys), keys)
    if not paths or (shape is None and _GOOGLE.search(text.start(MAX_LINE_BYTES))):
        raise _without_records(text, shape)
    fields = [[_text(_at(record, keys))[0] for keys in paths.values()] for record in sample[:20]]
    kind = shape.name if shape else "JSON"
    how = f"{kind}, one object per line" if lines else f"{kind}; rows are counted as records"
    if shape and not set(shape.needs) <= paths.keys():
        kind += f" {shape.lacking}"
    return JsonFile(text, lines, paths, (*text.notes, f"format: {how}"), fields, kind, shape)


def _without_records(text: TextFile, shape: Shape | None) -> InputError:
    head = text.start(MAX_LINE_BYTES)
    if _GOOGLE.search(head):
        shape = TIMELINE
    elif '"FeatureCollection"' in head:
        shape = GEOJSON
    what = f"{shape.name}, but it holds no {shape.what}" if shape else "JSON, but it holds no objects with values"
    return InputError(f"this looks like {what}.", file=text.path)


def _fits(record: _Found, shape: Shape) -> bool:
    return isinstance(record.value, dict) and shape.fits(record.value)


def _flat(found: Iterable[_Found], shape: Shape | None) -> Iterator[_Found]:
    """The check-ins of what was found, one after the other, so that no more than one is held in full."""
    for record in found:
        if shape is None or record.fault:
            yield record
        elif flat := shape.flat(record.value):
            yield from (record._replace(value=value) for value in flat)
        else:
            yield record._replace(value=None, text="")


def _counts(record: _Found) -> bool:
    """Whether this is a check-in, or should have been one."""
    return record.value is not None or bool(record.fault)


def _is_lines(head: str) -> bool:
    """Whether the first line is a whole object, and another line follows."""
    first, _, rest = head.strip().partition("\n")
    try:
        return first.startswith("{") and bool(rest.strip()) and isinstance(scan(first), dict)
    except ValueError:
        return False


def _lines(text: TextFile) -> Iterator[_Found]:
    for block in text.blocks(MAX_LINE_BYTES):
        for i, line in enumerate(block.data.decode("utf-8").split("\n")):
            if line.strip():
                yield _of_line(line, block.first_row + i)


def _of_line(line: str, row: int) -> _Found:
    try:
        value = scan(line.strip())
    except json.JSONDecodeError as error:
        return _Found(row, None, f"malformed JSON ({error.msg} at letter {error.colno}).", "")
    except RecursionError:
        return _Found(row, None, "malformed JSON (nested too deeply).", "")
    return _Found(row, value, "" if isinstance(value, dict) else "not a JSON object.", "")


def _of_document(text: TextFile) -> Iterator[_Found]:
    """The records of a list of objects, of one inside an object, or of objects one after the other."""
    if text.size > MAX_DOCUMENT_BYTES:
        raise InputError(
            f"this looks like JSON of more than {MAX_DOCUMENT_BYTES >> 20} MB that is not one object per line.",
            file=text.path,
            fix="Make it so: jq -c '.[]' FILE > FILE.jsonl (GeoJSON: '.features[]', a Timeline: '.semanticSegments[]')",
        )
    content = text.start(text.size)
    try:
        found = _located(content, text.path)
        for number, (value, start, end) in enumerate(found, start=1):
            yield _Found(number, value, "" if isinstance(value, dict) else "not a JSON object.", content[start:end])
    except json.JSONDecodeError as error:
        problem = f"this looks like JSON, but it is malformed ({error.msg})."
        raise InputError(problem, file=text.path, row=error.lineno) from error
    except RecursionError as error:
        raise InputError("this looks like JSON, but it is nested too deeply.", file=text.path) from error


def _located(content: str, path: Path) -> Iterator[tuple[Any, int, int]]:
    first = len(content) - len(content.lstrip())
    if content[first] == "[":
        return only_list(content, first)
    if (inside := find_list(content, first, _INSIDE)) is not None:
        return inner_list(content, inside)
    tops = values(content, first)
    single = next(tops)
    after = next(tops, None)
    if after is not None:
        return chain([single, after], tops)
    if isinstance(single[0], dict) and any(shape.fits(single[0]) for shape in _SHAPES):
        return iter([single])
    lists = lists_inside(content, first)
    depth = min(map(len, lists), default=0)
    nearest = [keys for keys in lists if len(keys) == depth]
    if len(nearest) > 1:
        names = ", ".join(".".join(keys) for keys in nearest[:5])
        raise InputError(
            f"this looks like JSON with several lists: {names}.", file=path, fix="Keep the one of the check-ins."
        )
    return elements(content, lists[nearest[0]]) if nearest else iter([single])


def _leaves(value: Any, keys: Keys) -> Iterator[Keys]:
    """Where the values of a record are; of a list the first one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key))
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from _leaves(inner, (*keys, "0"))
    elif keys and not isinstance(value, Flaw):
        yield keys


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key == "0":
            value = value[0] if value else None
        else:
            return None
    return value


def _text(value: Any) -> tuple[str | None, str]:
    """A value as text, and what is wrong with it."""
    if value is None or value in ({}, []):
        return None, ""
    if isinstance(value, Flaw):
        return None, value.reason
    if isinstance(value, bool):
        return str(value).lower(), ""
    if not isinstance(value, str):  # numbers come as text
        return None, "a list or an object instead of a single value."
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return None, "half of a surrogate pair (\\ud800 to \\udfff): not a letter."
    return value, ""


def _line(data: bytes, starts: NDArray[np.int64], at: NDArray[np.int64], index: int) -> str:
    return line_at(data, starts, int(at[index]))


def _records(found: list[_Found], paths: Mapping[str, Keys], blanks: int, text: Callable[[int], str]) -> Records:
    batch = [record for record in found if _counts(record)]
    broken = {i: record.fault for i, record in enumerate(batch) if record.fault}
    series = []
    for canonical, keys in paths.items():
        column = [_text(_at(record.value, keys)) for record in batch]
        for i, (_, fault) in enumerate(column):
            if fault:
                broken.setdefault(i, f"{'.'.join(keys)}: {fault}")
        series.append(pl.Series(canonical, [value for value, _ in column], pl.String))
    rows = np.array([record.row for record in batch], np.int64)
    return Records(tidy(pl.DataFrame(series), broken), rows, broken, blanks, text, len(found) - len(batch))
