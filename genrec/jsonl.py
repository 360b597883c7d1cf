"""JSON Lines that grow as results come: after a kill or a full disk the finished lines are there, no half one."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genrec.errors import GenRecError, InputError
from genrec.files import PRIVATE, require_file, require_regular, room_for, write_text

Record = dict[str, Any]

RECORD_START = b'{"user_id":'  # of each line of a file of profiles or rankings


def line(record: Mapping[str, Any]) -> str:
    """A record as a line, without the line end."""
    return json.dumps(record, ensure_ascii=False)


def append(path: Path, lines: Iterable[str], *, private: bool = False) -> None:
    """Add lines (given without their ends) in one step: if that fails, the file is as it was.

    A new file is for its owner only if `private`, else as the umask says. Raises GenRecError if the disk is full.
    """
    data = "".join(f"{one}\n" for one in lines).encode()
    require_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with room_for(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE if private else 0o666)
        before = os.fstat(handle).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, before)
            if new:
                path.unlink()
            raise
        finally:
            os.close(handle)


def read(path: Path, *, whole: bool = False) -> list[Record]:
    """The finished lines' records, none if there is no file; raises InputError that names a damaged line.

    With `whole`, an unfinished last line is a damaged one.
    """
    return [_record(path, row, text) for row, text in enumerate(_lines(path, whole=whole), start=1)]


def resume(path: Path, *, private: bool = False) -> list[Record]:
    """As `read`, and drop what a killed run left behind the last line end; makes the file if there is none."""
    lines = _lines(path)
    records = [_record(path, row, text) for row, text in enumerate(lines, start=1)]
    write_text(path, "".join(f"{text}\n" for text in lines), private=private)
    return records


def resume_part(path: Path, settings: Mapping[str, Any], *, private: bool = False) -> list[Record]:
    """As `resume`, for a file whose first line says what the others are made with, and must be `settings`.

    Raises GenRecError that says what differs.
    """
    records = resume(path, private=private)
    expected = json.loads(line(settings))
    if not records:
        append(path, [line(settings)], private=private)
    elif records[0] != expected:
        others = ", ".join(differing(records[0], expected))
        raise GenRecError(f"{path} was made with other settings ({others}); name another --out")
    return records[1:]


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the settings that are not the same."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def repair_tail(path: Path) -> bool:
    """Drop a last line that a killed run left unfinished, or end it if just the line end is missing; True if so.

    A line that does not begin as those of profiles and rankings do is not from such a run, and stays.
    """
    require_regular(path)
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    tail = data[end:]
    if not tail or not RECORD_START.startswith(tail[: len(RECORD_START)]):
        return False
    try:
        json.loads(tail)
    except ValueError:
        os.truncate(path, end)
    else:
        append(path, [""])
    return True


def _lines(path: Path, *, whole: bool = False) -> list[str]:
    """The lines that have an end, or all if `whole`."""
    if not path.exists():
        return []
    require_regular(path)
    data = path.read_bytes()
    try:  # not splitlines(): texts may hold other separators, which JSON does not escape
        lines = data.decode().split("\n") if whole else data[: data.rfind(b"\n") + 1].decode().split("\n")
    except UnicodeDecodeError:
        raise InputError("is not a UTF-8 text file.", file=path) from None
    return lines if lines[-1] else lines[:-1]


def _record(path: Path, row: int, text: str) -> Record:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise InputError("is not a line of JSON as GenRec writes it.", file=path, row=row, fix="Name another --out.")
    return record
