"""The errors that a user can cause and mend. The command line prints them as one line."""


class GenRecError(Exception):
    """Something the user can mend: the message says what is wrong, where, and how to fix it."""


class NotNumbersError(GenRecError):
    """What a model computes is not a number: damaged weights, or a training that has diverged."""


class InputError(GenRecError):
    """Bad input data, located by file, row (1-based, as a text editor counts lines) and column."""

    def __init__(
        self, problem: str, *, file: object, row: int | None = None, column: str | None = None, fix: str = ""
    ) -> None:
        where = str(file)
        if row is not None:
            where += f", row {row}"
        if column is not None:
            where += f", column {column!r}"
        super().__init__(f"{where}: {problem}" + (f" {fix}" if fix else ""))
        self.problem, self.row, self.column = problem, row, column
