"""How people write times on the command line: local wall clock, without a zone."""

from datetime import datetime

TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]


def local_time(text: str) -> datetime:
    """Read a time as the options do; raises ValueError for anything else, a time with a zone included."""
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no local time; write for instance 2024-03-05 08:00")
