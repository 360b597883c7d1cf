"""How people write times on the command line: local wall clock, without a zone."""

from datetime import datetime

import typer

from genrec.columns import MAX_YEAR, MIN_YEAR

TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]


def local_time(text: str) -> datetime:
    """Read a time as the options do; raises ValueError for anything else, a time with a zone included."""
    for form in TIME_FORMATS:
        try:
            time = datetime.strptime(text, form)
        except ValueError:
            continue
        if MIN_YEAR <= time.year <= MAX_YEAR:
            return time
        raise ValueError(f"{text[:40]!r} is not between the years {MIN_YEAR} and {MAX_YEAR}")
    raise ValueError(f"{text[:40]!r} is not a local time; write for instance 2024-03-05 08:00")


def time_option(text: str) -> datetime:
    """As `local_time`, for the parser of an option."""
    try:
        return local_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
