"""Rows of a benchmark, kept as they come: a command that was killed goes on with what its file does not have yet."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from genrec.errors import GenRecError, InputError
from genrec.files import one_writer, write_text
from genrec.jsonl import differing
from genrec.validation import first_problem, read_json

Row = TypeVar("Row")
ANOTHER = "Name another --out."


class _File(BaseModel):
    """What is read of a file; the rest follows from its rows."""

    model_config = ConfigDict(extra="ignore")

    settings: dict[str, Any]
    rows: list[dict[str, Any]]


class Kept(Generic[Row]):
    """Rows that are known, `rows`, and the file that they are in, if one was named."""

    def __init__(self, rows: list[Row], write: Callable[[list[Row]], None]) -> None:
        self.rows = rows
        self._write = write

    def add(self, *rows: Row) -> None:
        """Keep more of them."""
        self.rows += rows
        self._write(self.rows)


@contextmanager
def kept(
    path: Path | None, kind: type[Row], settings: dict[str, Any], told: Callable[[Sequence[Row]], dict[str, Any]]
) -> Iterator[Kept[Row]]:
    """The rows, dataclasses of a kind, that `path` has. It is written again with each new one.

    `told`: what the file says of rows, "rows" included, besides the settings. Raises GenRecError if the file was made
    with other settings, or another process writes it.
    """

    def write(rows: list[Row]) -> None:
        if path:
            write_text(path, json.dumps({"settings": settings, **told(rows)}, indent=1) + "\n")

    with one_writer(path) if path else nullcontext():
        yield Kept(_read(path, kind, settings) if path and path.exists() else [], write)


def _read(path: Path, kind: type[Row], settings: dict[str, Any]) -> list[Row]:
    file = read_json(path, _File, "what a benchmark has measured", fix=ANOTHER)
    if others := differing(file.settings, json.loads(json.dumps(settings))):
        raise GenRecError(f"{path} was made with other settings ({', '.join(others)}); name another --out")
    try:
        return [TypeAdapter(kind).validate_python(row) for row in file.rows]
    except ValidationError as error:
        raise InputError(f"not rows of this benchmark: {first_problem(error)}.", file=path, fix=ANOTHER) from None
