"""Local and UTC time from whatever times and offsets a file has."""

from collections.abc import Mapping

import polars as pl

from genrec.clock import all_midnight
from genrec.columns import OFFSET, TIME, UTC
from genrec.errors import GenRecError, InputError
from genrec.reading.offsets import MAX_OFFSET, is_zone, minutes_of_zones
from genrec.reading.rows import ZONE
from genrec.reading.text import show
from genrec.reading.times import Style

DAYLIGHT_SAVING = 60  # minutes by which the offsets of one place differ
DAYLIGHT_OFFSETS = 2  # offsets of one place in a year


def check_timezone(timezone: str) -> None:
    """Raise a GenRecError unless `timezone` is in the IANA database."""
    if not is_zone(timezone):
        raise GenRecError(f"--timezone {show(timezone)} is not an IANA time zone; write for example America/Edmonton.")


def local_and_utc(
    rows: pl.DataFrame, styles: Mapping[str, Style], timezone: str | None, source: str
) -> tuple[pl.DataFrame, list[str], bool]:
    """Give every row `time` (local wall clock) and `utc_time` (null where nothing tells).

    A lone time column whose values all say UTC is UTC. From UTC to local time: `timezone` if given, else the file's
    offsets, else the two are taken to be the same, with a note. Dates without hours stay the days that they are.

    Args:
        rows: as RowTyper makes them.
        styles: how the time columns are written.
        timezone: an IANA zone.
        source: for messages.

    Returns:
        The rows with both columns and none of the zones and offsets; notes; whether the times are dates only.

    Raises:
        InputError: the offsets are hours.

    """
    notes: list[str] = []
    dates = _dates(rows, styles, notes)
    if dates is not None:
        rows, timezone_used = rows.with_columns(dates.alias(TIME), pl.lit(None, pl.Datetime("us")).alias(UTC)), False
    else:
        rows, timezone_used = _clock_times(rows, timezone, source, notes)
    if timezone and not timezone_used:
        what = "dates without hours" if dates is not None else "local times"
        notes.append(f"the file has {what}: --timezone {timezone} not used")
    return rows.drop([c for c in rows.columns if c == OFFSET or c.startswith(ZONE)]), notes, dates is not None


def _dates(rows: pl.DataFrame, styles: Mapping[str, Style], notes: list[str]) -> pl.Series | None:
    """The times as they are written, if they are dates, or midnight on several days; else None."""
    for column in (TIME, UTC):
        if column not in rows.columns:
            continue
        written, dates = rows[column], styles[column].dates
        if not (dates or _midnights(written)) or (column == UTC and _has_own_local_times(rows)):
            continue
        zone = rows.get_column(ZONE + column, default=None)
        is_utc = column == UTC if zone is None else bool((zone == 0).all())
        what = "dates" if dates else "midnight UTC" if is_utc else "midnight"
        notes.append(f"all {len(rows):,} times are {what}: they tell no hour of the day, and nothing is said of hours")
        return written
    return None


def _midnights(times: pl.Series) -> bool:
    """Whether times look like dates: midnight on several days."""
    return times.drop_nulls().n_unique() > 1 and all_midnight(times)


def _has_own_local_times(rows: pl.DataFrame) -> bool:
    """Whether there are local times that were not converted from the UTC times, by the offsets of one place."""
    return TIME in rows.columns and (rows[TIME] - rows[UTC]).n_unique() > min(DAYLIGHT_OFFSETS, len(rows) - 1)


def _clock_times(rows: pl.DataFrame, timezone: str | None, source: str, notes: list[str]) -> tuple[pl.DataFrame, bool]:
    """The rows with local and UTC times, and whether `timezone` was used."""
    both = TIME in rows.columns and UTC in rows.columns
    written = TIME if TIME in rows.columns else UTC
    zone = rows.get_column(ZONE + written, default=None)
    as_written = zone is not None and bool((zone != 0).any())
    is_utc = not both and not as_written and (written == UTC or zone is not None)
    rows = _offsets_in_minutes(rows, written, source, utc=is_utc)
    time = pl.col(written)
    if both:
        return _both(rows, notes), False
    if is_utc:
        local, note = _to_local(rows, time, timezone)
        notes.append(note)
        return rows.with_columns(local.alias(TIME), time.alias(UTC)), timezone is not None
    utc = _minus(time, OFFSET) if OFFSET in rows.columns else pl.lit(None, pl.Datetime("us"))
    if as_written:
        notes += _zone_notes(rows[ZONE + written])
        utc = _minus(time, ZONE + written)
    return rows.with_columns(time.alias(TIME), utc.alias(UTC)), False


def _both(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Local and UTC times that the file has both; where UTC is missing, an offset gives it."""
    utc = _minus(pl.col(UTC), ZONE + UTC) if ZONE + UTC in rows.columns else pl.col(UTC)
    if _midnights(rows[UTC]):
        notes.append(f"all {len(rows):,} UTC times are midnight: not used")
        utc = pl.lit(None, pl.Datetime("us"))
    if OFFSET in rows.columns:
        utc = pl.coalesce(utc, _minus(pl.col(TIME), OFFSET))
    rows = rows.with_columns(utc.alias(UTC))
    apart = (pl.col(TIME) - pl.col(UTC)).dt.total_minutes().abs() > MAX_OFFSET
    if far := int(rows.select(apart.sum()).item()):
        notes.append(f"WARNING: in {far:,} rows local and UTC time are over 14 hours apart: their UTC is not used")
        rows = rows.with_columns(pl.when(apart).then(None).otherwise(UTC).alias(UTC))
    return rows


def _zone_notes(zone: pl.Series) -> list[str]:
    """What the offsets that the times say themselves were taken for."""
    count = zone.n_unique()
    if count == 1:
        return []
    near = ((zone - zone.min()) <= DAYLIGHT_SAVING).all()
    meaning = (
        "within an hour: read as daylight saving time" if near else "in the times: local as written, in UTC's order"
    )
    return [f"{count} offsets from UTC {meaning}"]


def _to_local(rows: pl.DataFrame, utc: pl.Expr, timezone: str | None) -> tuple[pl.Expr, str]:
    if timezone:
        local = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
        ignored = f", the file's {OFFSET} not used" if OFFSET in rows.columns else ""
        return local, f"local time: {len(rows):,} UTC times converted to {timezone}{ignored}"
    if OFFSET in rows.columns:
        return utc + pl.duration(minutes=pl.col(OFFSET)), f"local time: {len(rows):,} UTC times plus the file's offsets"
    loud = "WARNING: the file has UTC times only: taken as local, so that hours of the day are wrong; pass --timezone"
    return utc, loud


def _minus(time: pl.Expr, minutes: str) -> pl.Expr:
    return time - pl.duration(minutes=pl.col(minutes))


def _offsets_in_minutes(rows: pl.DataFrame, written: str, source: str, *, utc: bool) -> pl.DataFrame:
    """The rows with the offsets of named zones at the times as `written`; offsets in hours are refused."""
    if OFFSET not in rows.columns:
        return rows
    offsets = rows[OFFSET]
    if offsets.dtype == pl.Categorical:
        return rows.with_columns(minutes_of_zones(rows[written], offsets.cast(pl.String), utc=utc).alias(OFFSET))
    largest = offsets.abs().max()
    if isinstance(largest, int) and 0 < largest <= 14:
        raise InputError(
            "the time zone offsets look like hours.", file=source, column=OFFSET, fix="Write them in minutes."
        )
    return rows
