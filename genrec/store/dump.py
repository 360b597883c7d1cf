"""Backups: a store as JSON Lines, and back; and profiles in a file of their own.

A dump begins with what it is and ends with how many records it holds, so that a file that was cut off is noticed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from genrec.errors import InputError
from genrec.files import atomic_path, one_writer, require_regular
from genrec.jsonl import RECORD_START
from genrec.store.json_lines import JsonLines
from genrec.store.protocol import Store
from genrec.store.records import Record, Settings
from genrec.validation import read_lines

FIX = "Make the dump anew, with `genrec store dump`."
SQLITE = b"SQLite format 3\0"
WHAT = "a line of a dump of a store"


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Start(_Frame):
    """The first line."""

    record: Literal["store"] = "store"
    format: Literal[1] = 1


class End(_Frame):
    """The last line."""

    record: Literal["end"] = "end"
    records: int


class Line(RootModel[Annotated[Record | Start | End, Field(discriminator="record")]]):
    """Any line."""


def dump(store: Store, path: Path) -> int:
    """Write everything that is in a store to a file, atomically; returns how many records that are."""
    records = 0
    with _new_file(path) as write:
        write(Start().model_dump_json())
        for record in store.records():
            write(record.model_dump_json())
            records += 1
        write(End(records=records).model_dump_json())
    return records


def dump_profiles(store: Store, path: Path) -> int:
    """Write everybody's latest profile to a file as `genrec profile` reads it; returns how many."""
    profiles = 0
    with _new_file(path) as write:
        for version in store.profiles():
            write(version.text)
            profiles += 1
    return profiles


@contextmanager
def _new_file(path: Path) -> Iterator[Callable[[str], object]]:
    """What writes lines to a file that is there, or replaced, when all of them are."""
    if path.is_file():
        with path.open("rb") as there:
            if there.read(len(SQLITE)) == SQLITE:
                raise InputError("is a database, not to be replaced.", file=path, fix="Name another file.")
    with one_writer(path), atomic_path(path, private=True) as temporary, temporary.open("wb") as file:
        yield lambda line: file.write(f"{line}\n".encode())


def load(store: Store, path: Path) -> int:
    """Fill an empty store from a dump, or add a file of profiles to any store; returns how many were new.

    All of it or nothing. Who has a profile in such a file counts as having consented. Raises InputError that names the
    line of a damaged file.
    """
    require_regular(path)
    with path.open("rb") as file:
        profiles_only = file.read(len(RECORD_START)) == RECORD_START
    if profiles_only:
        return store.import_profiles(list(JsonLines(path).profiles()), Settings(consent=True))
    return store.restore(_records(path))


def _records(path: Path) -> Iterator[Record]:
    """The records of a dump, which must be whole."""
    lines = read_lines(path, Line, WHAT, fix=FIX)
    row, first = next(lines, (1, None))
    if first is None or not isinstance(first.root, Start):
        raise InputError("is not a dump of a store: its first line does not say so.", file=path, row=row, fix=FIX)
    records = 0
    for row, line in lines:  # noqa: B007 - said below
        match line.root:
            case End(records=said) if said == records and next(lines, None) is None:
                return
            case Start() | End():
                break
            case record:
                yield record
                records += 1
    raise InputError("is not a whole dump: its end does not fit what is before it.", file=path, row=row, fix=FIX)
