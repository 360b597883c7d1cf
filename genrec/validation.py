"""What a validation error says, in the words of a person who wrote the file."""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """A validation error's first problem in one line: where, and what."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
