"""What files say, held against models: one reader for JSON, one for JSON Lines, and a validation error in one line."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from genrec.errors import InputError
from genrec.files import require_regular

LARGEST_FILE = 64 << 20  # bytes of a JSON file
LONGEST_LINE = 64 << 20  # bytes of a line of JSON Lines
SHOWN = 300  # letters of what is wrong
TEXT, WHOLE, NUMBER = "must be text", "must be a whole number", "must be a number"
TRUTH, LIST, NAMED = "must be true or false", "must be a list ([...])", "must be a mapping of names to values ({{...}})"
TIME = "must be a time, such as 2024-03-05T08:00:00"
WORDS = {  # of pydantic's kinds of problems, in our own words
    "missing": "is missing",
    "extra_forbidden": "is not known here; leave it out, or spell it right",
    "string_type": TEXT,
    "string_unicode": TEXT,
    "string_too_short": "is too short: at least {min_length} characters",
    "string_too_long": "is too long: at most {max_length} characters",
    "string_pattern_mismatch": "has not the form {pattern}",
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": WHOLE,
    "int_from_float": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": TRUTH,
    "bool_parsing": TRUTH,
    "list_type": LIST,
    "tuple_type": LIST,
    "set_type": LIST,
    "dict_type": NAMED,
    "mapping_type": NAMED,
    "model_type": NAMED,
    "model_attributes_type": NAMED,
    "dataclass_type": NAMED,
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "has too few entries: at least {min_length}",
    "too_long": "has too many entries: at most {max_length}",
    "datetime_type": TIME,
    "datetime_parsing": TIME,
    "datetime_object_invalid": TIME,
    "datetime_from_date_parsing": TIME,
    "timezone_naive": "must be a local time, without a time zone (no Z, no +02:00)",
    "timezone_aware": "must say its time zone, such as Z",
    "none_required": "must be null",
    "json_invalid": "is not JSON ({error})",
    "union_tag_invalid": "has a {discriminator} that is none of {expected_tags}",
    "union_tag_not_found": "has no {discriminator}",
}

Model = TypeVar("Model", bound=BaseModel)


def first_problem(error: ValidationError) -> str:
    """A validation error's first problem in one line: where, and what."""
    problem = error.errors(include_url=False)[0]
    where, what = ".".join(str(part) for part in problem["loc"]), what_is_wrong(problem)
    return shortened(f"{where}: {what}" if where else what)


def cause_in_words(error: BaseException) -> str | None:
    """What is wrong, if a validation error is the cause of another error."""
    cause = error.__cause__
    return what_is_wrong(cause.errors(include_url=False)[0]) if isinstance(cause, ValidationError) else None


def what_is_wrong(problem: Mapping[str, Any]) -> str:
    """One of a validation error's problems in plain words, without where it is."""
    words = WORDS.get(problem["type"])
    if words is None:
        return str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return words.format(**problem.get("ctx", {}))


def shortened(text: str, longest: int = SHOWN) -> str:
    """Text from outside as a part of one line."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}..."


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
