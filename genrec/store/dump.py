"""Backups: a store as JSON Lines, and back; and profiles in a file of their own.

A dump begins with what it is and ends with how many records it holds, so that a file that was cut off is noticed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from genrec.errors import InputError
from genrec.files import PRIVATE, atomic_path, one_writer, require_regular
from genrec.jsonl import RECORD_START
from genrec.store.json_lines import JsonLines
from genrec.store.protocol import Store
from genrec.store.records import Record, Settings
from genrec.validation import read_lines

FIX = "Make the dump anew, with `genrec store dump`."
ANOTHER = "Name another file."
LONGEST_START = 1000  # bytes of the first line of a dump
WHAT = "a line of a dump of a store"


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Start(_Frame):
    """The first line."""

    record: Literal["store"]
    format: Literal[1]


class End(_Frame):
    """The last line."""

    record: Literal["end"] = "end"
    records: int


class Line(RootModel[Annotated[Record | Start | End, Field(discriminator="record")]]):
    """Any line."""


def dump(store: Store, path: Path) -> int:
    """Write everything that is in a store to a file, atomically; returns how many records that are.

    An earlier dump is replaced. Raises InputError if anything else is there.
    """
    if path.is_file() and not _is_dump(path):
        raise InputError("is there, and is not a dump of a store: not replaced.", file=path, fix=ANOTHER)
    records = 0
    with _new_file(path) as write:
        write(Start(record="store", format=1).model_dump_json())
        for record in store.records():
            write(record.model_dump_json())
            records += 1
        write(End(records=records).model_dump_json())
    return records


def dump_profiles(store: Store, path: Path) -> int:
    """Write everybody's latest profile to a new file as `genrec profile` reads it; returns how many.

    Raises InputError if a file is there: profiles in it may have been changed by hand since.
    """
    if path.is_file():
        raise InputError("is there already: not replaced.", file=path, fix=ANOTHER)
    profiles = 0
    with _new_file(path) as write:
        for version in store.profiles():
            write(version.text)
            profiles += 1
    return profiles


@contextmanager
def _new_file(path: Path) -> Iterator[Callable[[str], object]]:
    """What writes lines to a file for its owner only, that is there, or replaced, when all of them are."""
    with one_writer(path):
        if path.exists():
            path.chmod(PRIVATE)  # a replaced file keeps its mode
        with atomic_path(path, private=True) as temporary, temporary.open("wb") as file:
            yield lambda line: file.write(f"{line}\n".encode())


def _is_dump(path: Path) -> bool:
    """Whether a file begins as a dump does."""
    with path.open("rb") as file:
        try:
            Start.model_validate_json(file.readline(LONGEST_START))
        except ValidationError:
            return False
    return True


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
