"""A column that says how far local time is ahead of UTC: minutes, hours and minutes, or names of time zones."""

import re
from functools import cache
from typing import Literal
from zoneinfo import available_timezones

import polars as pl

MAX_OFFSET = 14 * 60  # minutes: the farthest that a clock on Earth is from UTC

OffsetKind = Literal["minutes", "names"]

_MINUTES = re.compile(r"[+-]?[0-9]{1,3}(?:\.0*)?")
_CLOCK = re.compile(r"(?:(?:UTC|GMT) ?)?(?P<sign>[+-]?)(?P<hours>[0-9]{1,2}):(?P<minutes>[0-5][0-9])")
_DIGITS = re.compile(r"(?:(?:UTC|GMT) ?)?(?P<sign>[+-])(?P<hours>[0-9]{2})(?P<minutes>[0-5][0-9])")
_HOURS = re.compile(r"(?:UTC|GMT) ?(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?P<minutes>)")


def offset_minutes(text: str) -> int | None:
    """Read -240, -240.0, -04:00, +0530 or UTC-4; None for anything else, and for what no clock on Earth shows."""
    if _MINUTES.fullmatch(text):
        minutes = int(float(text))
    elif text in ("Z", "UTC", "GMT"):
        minutes = 0
    elif match := _CLOCK.fullmatch(text) or _DIGITS.fullmatch(text) or _HOURS.fullmatch(text):
        minutes = (int(match["hours"]) * 60 + int(match["minutes"] or 0)) * (-1 if match["sign"] == "-" else 1)
    else:
        return None
    return minutes if abs(minutes) <= MAX_OFFSET else None


def is_zone(text: str) -> bool:
    """Whether this is the name of a time zone, such as America/New_York."""
    return text in _zones()


@cache
def _zones() -> frozenset[str]:
    """Names in the IANA database, but for those of files that are none ("Factory", "localtime")."""
    return frozenset(available_timezones()) - {"Factory", "localtime"}


def parse_offsets(text: pl.Series) -> pl.Series:
    """A String column of offsets as minutes (Int16), null where `offset_minutes` reads none."""
    minutes = {value: offset_minutes(value) for value in text.unique().drop_nulls()}
    return text.replace_strict(minutes, default=None, return_dtype=pl.Int16)


def known_zones(text: pl.Series) -> pl.Series:
    """Which values of a String column are names of time zones (Boolean)."""
    return text.is_in([value for value in text.unique().drop_nulls() if is_zone(value)])


def offset_kind(text: pl.Series) -> OffsetKind | None:
    """What most of the values are that can be read; None if there are none."""
    minutes, names = parse_offsets(text).count(), int(known_zones(text).sum())
    return None if not minutes and not names else "minutes" if minutes >= names else "names"


def minutes_of_zones(times: pl.Series, zones: pl.Series, *, utc: bool) -> pl.Series:
    """Minutes that each zone's clocks are ahead of UTC at a time, which is in UTC or local (Int16).

    A local time that occurs twice is the earlier one; null for one that clocks leave out.
    """
    minutes = pl.repeat(None, len(times), dtype=pl.Int16, eager=True)
    for zone in zones.unique().drop_nulls():
        rows = (zones == zone).arg_true()
        written = times.gather(rows)
        if utc:
            ahead = written.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None) - written
        else:
            aware = written.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            ahead = written - aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        minutes = minutes.scatter(rows, ahead.dt.total_minutes().cast(pl.Int16))
    return minutes
