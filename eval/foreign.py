"""Predictions that other projects made: JSON lines or CSV, with rankings, single ids or free text (eval.answers)."""

import csv
import json
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.answers import answer_of, integer, one_id, says_more
from eval.measures.metrics import DEPTH
from genrec.columns import USER
from genrec.errors import InputError
from genrec.files import require_regular
from genrec.reading.text import Progress

NO_ID: Final = "no POI id in the prediction"
MOST_BYTES: Final = 10_000_000  # of a line
# What a row holds, and the names under which it is found.
PREDICTION: Final = ("prediction",)
TARGET: Final = ("target", "ground_truth")
WHO: Final = ("user", "user_id")
# What separates the columns of a table, by the end of its name; every other file has JSON lines.
SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Predictions:
    """What a file of predictions holds, in its order.

    Attributes:
        examples: `example` (UInt32), `user_id` (the number of the row if the file names no users), `target` (UInt32),
            `repeat` (null: not known).
        rankings: as in eval.measures.metrics.rank_scores; the method is the name of the file. No probabilities.
        by_user: whether the file names users.
        unreadable: predictions without an id; they are failures.
        ambiguous: sentences that name several ids.
        longest: places in the longest ranking.

    """

    examples: pl.DataFrame
    rankings: pl.DataFrame
    by_user: bool
    unreadable: int
    ambiguous: int
    longest: int


@dataclass(frozen=True)
class Row:
    """One row, and where it stands."""

    file: Path
    number: int
    values: dict[str, Any]

    def value(self, names: tuple[str, ...]) -> object:
        """What stands under the first of the names that is there; None if none is."""
        return next((self.values[name] for name in names if name in self.values), None)

    def fault(self, problem: str, column: str | None = None, fix: str = "") -> InputError:
        """What is wrong with the row."""
        return InputError(problem, file=self.file, row=self.number, column=column, fix=fix)


def read_predictions(path: Path, progress: Progress | None = None) -> Predictions:
    """Read JSON lines {"prediction": ..., "target": ..., "user": ...}, a CSV with such columns, or a folder of them.

    The target may also be called "ground_truth", and the user "user_id"; other keys are ignored. A prediction is what
    eval.answers reads; at most 20 places of a ranking count, and a repeated id keeps its slot. A target is an id, or a
    text that names one. Either all rows have a user or none.

    Raises:
        InputError: a row is not such an object, or its target is not an id.

    """
    index: dict[str, int] = {}
    targets: list[int] = []
    lists: list[list[int]] = []
    users: list[str | None] = []
    ambiguous = 0
    for row in (row for file in _files(path) for row in _rows(file, progress)):
        target, user = _target(row), _user(row)
        if users and (user is None) != (users[0] is None):
            raise row.fault("some rows have a user and some have none; give all or none.")
        answer = answer_of(row.value(PREDICTION))
        ambiguous += answer.ambiguous
        targets.append(index.setdefault(target, len(index)))
        lists.append([index.setdefault(poi, len(index)) for poi in answer.ids[:DEPTH]])
        users.append(user)
    if not users:
        raise InputError("no predictions.", file=path)
    return _predictions(path.stem, targets, lists, users, ambiguous)


def _target(row: Row) -> str:
    value = row.value(TARGET)
    ids = answer.ids if isinstance(value, str) and says_more(value) and (answer := answer_of(value)).ids else None
    if ids is None:
        poi = None if isinstance(value, dict) else one_id(value)
    else:
        poi = ids[0] if len(ids) == 1 and not answer.ambiguous else None
    if poi is None:
        raise row.fault(f"{_shown(value)} is not a single POI id.", column="target")
    return poi


def _user(row: Row) -> str | None:
    value = row.value(WHO)
    if value is None or value == "":
        return None
    user = None if isinstance(value, dict) else one_id(value)
    try:
        if user is not None and user.encode():
            return user
    except UnicodeEncodeError:  # half of a character that JSON writes in two
        pass
    raise row.fault(f"{_shown(value)} is not a user id.", column="user")


def _shown(value: object) -> str:
    return repr((value if isinstance(value, str) else reprlib.repr(value))[:60])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in (*SEPARATORS, ".jsonl"))
    if not files:
        raise InputError("no files that end in .jsonl, .csv or .tsv.", file=path)
    return files


def _rows(file: Path, progress: Progress | None) -> Iterator[Row]:
    require_regular(file)
    separator = SEPARATORS.get(file.suffix)
    return _table(file, separator, progress) if separator else _objects(file, progress)


def _lines(path: Path, progress: Progress | None) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers; raises InputError for one that is too long."""
    done, total = 0, path.stat().st_size
    with path.open("rb") as file:
        for row, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), start=1):
            done += len(line)
            if progress and not row % 1000:
                progress(done, total)
            if len(line) > MOST_BYTES:
                raise InputError(f"longer than {MOST_BYTES // 1_000_000} MB.", file=path, row=row)
            yield row, line


def _objects(path: Path, progress: Progress | None) -> Iterator[Row]:
    """The objects of a JSON lines file; blank lines are skipped."""
    for number, line in _lines(path, progress):
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8-sig"), parse_int=integer)
        except (ValueError, RecursionError) as error:  # of JSON or of UTF-8
            raise InputError(f"not a JSON object ({error}).", file=path, row=number) from None
        row = Row(path, number, values)
        if not isinstance(values, dict):
            fix = 'Write one object a line: {"prediction": ..., "target": ...}'
            raise row.fault("not a JSON object.", fix=fix)
        _require_keys(row, "key")
        yield row


def _table(path: Path, separator: str, progress: Progress | None) -> Iterator[Row]:
    """The rows of a CSV with a header, numbered by their last lines; blank lines are skipped."""
    reader = csv.reader((line.decode("utf-8-sig") for _, line in _lines(path, progress)), delimiter=separator)
    try:
        header = next(reader, [])
        for fields in reader:
            row = Row(path, reader.line_num, dict(zip(header, fields, strict=False)))
            if not fields:
                continue
            if len(fields) != len(header):
                raise row.fault(f"{len(fields)} fields, but {len(header)} columns.")
            _require_keys(row, "column")
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"not CSV ({error}).", file=path, row=reader.line_num) from None


def _require_keys(row: Row, kind: str) -> None:
    for names in (PREDICTION, TARGET):
        if not any(name in row.values for name in names):
            there = ", ".join(row.values)
            raise row.fault(f"no {kind} {names[0]!r}; the {kind}s are {there[:200]}{'...' * (len(there) > 200)}.")


def _predictions(
    method: str, targets: list[int], lists: list[list[int]], users: list[str | None], ambiguous: int
) -> Predictions:
    example = pl.Series("example", range(len(users)), dtype=pl.UInt32)
    by_user = users[0] is not None
    examples = pl.select(
        example,
        pl.Series(USER, users if by_user else example.cast(pl.String)),
        pl.Series("target", targets, dtype=pl.UInt32),
        repeat=pl.lit(None, pl.Boolean),
    )
    rankings = pl.select(
        example,
        pl.Series("pois", lists, dtype=pl.List(pl.UInt32)),
        method=pl.lit(method),
        probabilities=pl.lit(None, pl.List(pl.Float32)),
        in_prompt=pl.lit(None, pl.Boolean),
        failure=pl.Series([None if pois else NO_ID for pois in lists], dtype=pl.String),
    )
    unreadable = sum(not pois for pois in lists)
    return Predictions(examples, rankings, by_user, unreadable, ambiguous, max(map(len, lists)))
