"""How people write times on the command line: local wall clock, without a zone."""

from datetime import datetime

from genrec.columns import MAX_YEAR, MIN_YEAR
from genrec.errors import GenRecError


def local_time(text: str) -> datetime:
    """Read a date, or a date and a time; raises GenRecError for anything else, a time with a zone included."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise GenRecError(f"{text[:40]!r} is not a local time; write for instance 2024-03-05 08:00")
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise GenRecError(f"{text[:40]!r} is not between the years {MIN_YEAR} and {MAX_YEAR}")
    return moment
