"""What files say, held against models: one reader for JSON, one for JSON Lines, and a validation error in one line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from genrec.errors import InputError
from genrec.files import require_regular

LARGEST_FILE = 64 << 20  # bytes of a JSON file
LONGEST_LINE = 64 << 20  # bytes of a line of JSON Lines
SHOWN = 300  # letters of what is wrong

Model = TypeVar("Model", bound=BaseModel)


def first_problem(error: ValidationError) -> str:
    """A validation error's first problem in one line: where, and what."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = problem["msg"].removeprefix("Value error, ")
    return shortened(f"{where}: {what}" if where else what)


def shortened(text: str) -> str:
    """Text from outside as a part of one line."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def read_whole(path: Path, *, most: int = LARGEST_FILE, fix: str = "") -> bytes:
    """A file's bytes; raises InputError if there is none, or if it is not a regular one of at most `most` bytes."""
    if not path.exists():
        raise InputError("no such file.", file=path, fix=fix)
    require_regular(path)
    try:
        size = path.stat().st_size
        if size <= most:
            return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).", file=path, fix=fix) from None
    raise InputError(f"is too large: {size:,} bytes, where {most:,} are the most.", file=path, fix=fix)


def read_text(path: Path, *, most: int = LARGEST_FILE) -> str:
    """A file's text; raises InputError as `read_whole`, or if it is not UTF-8."""
    try:
        return read_whole(path, most=most).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not a UTF-8 text file.", file=path) from None


def read_json(path: Path, kind: type[Model], what: str, *, fix: str = "") -> Model:
    """The content of a JSON file; raises InputError if it is not `what` ("a profile")."""
    data = read_whole(path, fix=fix)
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise InputError(f"not {what}: {first_problem(error)}.", file=path, fix=fix) from None


def read_lines(
    path: Path, kind: type[Model], what: str, *, fix: str = "", say: Callable[[ValidationError], str] = first_problem
) -> Iterator[tuple[int, Model]]:
    """The content of each line of a JSON Lines file with its number; raises InputError that names the line.

    A line ends with a line feed alone: text may hold other line separators, which JSON does not escape.
    """
    require_regular(path)
    try:
        with path.open("rb") as file:
            for row, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
                if len(line) > LONGEST_LINE:
                    raise InputError(f"is longer than {LONGEST_LINE:,} bytes: not {what}.", file=path, row=row, fix=fix)
                yield row, read_line(line, kind, what, path=path, row=row, fix=fix, say=say)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).", file=path) from None


def read_line(
    line: bytes | str,
    kind: type[Model],
    what: str,
    *,
    path: Path,
    row: int,
    fix: str = "",
    say: Callable[[ValidationError], str] = first_problem,
) -> Model:
    """The content of one line of a JSON Lines file; raises InputError that names it."""
    try:
        return kind.model_validate_json(line.decode("utf-8") if isinstance(line, bytes) else line)
    except UnicodeDecodeError:
        raise InputError("is not a UTF-8 text file.", file=path, row=row) from None
    except ValidationError as error:
        raise InputError(f"not {what}: {say(error)}.", file=path, row=row, fix=fix) from None
