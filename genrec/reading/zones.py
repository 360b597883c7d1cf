"""Local and UTC time from whatever times and offsets a file has."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from genrec.columns import TIME, UTC
from genrec.errors import GenRecError, InputError
from genrec.reading.formats import OFFSET
from genrec.reading.rows import ZONE


def check_timezone(timezone: str) -> None:
    """Raise a GenRecError unless `timezone` is in the IANA database."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise GenRecError(
            f"--timezone {timezone!r} is no IANA time zone; write for example America/Edmonton."
        ) from error


def local_and_utc(rows: pl.DataFrame, timezone: str | None, source: str) -> tuple[pl.DataFrame, list[str]]:
    """Give every row `time` (local wall clock) and `utc_time` (null where nothing tells).

    A lone time column whose values all say UTC is UTC. From UTC to local time: `timezone` if given, else the file's
    offsets, else the two are taken to be the same, with a note.

    Returns:
        The rows with both columns and none of the zones and offsets; notes.

    Raises:
        InputError: the offsets are hours.

    """
    both = TIME in rows.columns and UTC in rows.columns
    written = TIME if TIME in rows.columns else UTC
    zone = rows.get_column(ZONE + written, default=None)
    if OFFSET in rows.columns and not both:
        _check_minutes(rows[OFFSET], source)
    notes: list[str] = []
    time = pl.col(written)
    if both:
        utc = _minus(pl.col(UTC), ZONE + UTC) if ZONE + UTC in rows.columns else pl.col(UTC)
    elif zone is not None and (zone != 0).any():
        utc = _minus(time, ZONE + written)
        if zone.n_unique() > 1:
            notes.append(f"{zone.n_unique()} offsets from UTC within an hour: read as daylight saving time")
    elif written == TIME and zone is None:
        utc = _minus(time, OFFSET) if OFFSET in rows.columns else pl.lit(None, pl.Datetime("us"))
    else:
        utc = time
        time, note = _to_local(rows, utc, timezone)
        notes.append(note)
        timezone = None
    if timezone:
        notes.append(f"the file has local times: --timezone {timezone} not used")
    rows = rows.with_columns(time.alias(TIME), utc.alias(UTC))
    return rows.drop([c for c in rows.columns if c == OFFSET or c.startswith(ZONE)]), notes


def _to_local(rows: pl.DataFrame, utc: pl.Expr, timezone: str | None) -> tuple[pl.Expr, str]:
    if timezone:
        local = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
        return local, f"local time: {len(rows):,} UTC times converted to {timezone}"
    if OFFSET in rows.columns:
        return utc + pl.duration(minutes=pl.col(OFFSET)), f"local time: {len(rows):,} UTC times plus the file's offsets"
    loud = "WARNING: the file has UTC times only: taken as local, so that hours of the day are wrong; pass --timezone"
    return utc, loud


def _minus(time: pl.Expr, minutes: str) -> pl.Expr:
    return time - pl.duration(minutes=pl.col(minutes))


def _check_minutes(offsets: pl.Series, source: str) -> None:
    largest = offsets.abs().max()
    if isinstance(largest, int) and 0 < largest <= 14:
        raise InputError(
            "the time zone offsets look like hours.", file=source, column=OFFSET, fix="Write them in minutes."
        )
