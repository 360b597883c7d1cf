"""Local and UTC time from whatever times and offsets a file has: facts of all rows, a decision, and each row's times.

The facts add up over the blocks of a file, so that one that is larger than memory is read by the same rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from genrec.clock import all_midnight, local_span
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


@dataclass
class ClockFacts:
    """What the time columns of all rows hold, as far as a decision depends on it.

    Attributes:
        rows: how many.
        spans: the earliest and the latest value of each time column that has any, and whether all are midnight.
        gaps: differences of local and UTC time, no more than are needed.
        zones: the offsets that the values of a column name, None among them where a value has none.
        largest_offset: of the column of offsets, in minutes either way; None without numbers.

    """

    rows: int = 0
    spans: dict[str, tuple[datetime, datetime, bool]] = field(default_factory=dict)
    gaps: set[timedelta | None] = field(default_factory=set)
    zones: dict[str, set[int | None]] = field(default_factory=dict)
    largest_offset: int | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Look at some more rows, as RowTyper makes them."""
        self.rows += len(rows)
        for column in (TIME, UTC):
            if column in rows.columns and rows[column].null_count() < len(rows):
                self._add_span(column, rows[column].drop_nulls())
            if ZONE + column in rows.columns:
                self.zones.setdefault(column, set()).update(rows[ZONE + column].unique().to_list())
        if TIME in rows.columns and UTC in rows.columns and len(self.gaps) <= DAYLIGHT_OFFSETS:
            self.gaps.update((rows[TIME] - rows[UTC]).unique()[: DAYLIGHT_OFFSETS + 1].to_list())
        if OFFSET in rows.columns and rows[OFFSET].dtype != pl.Categorical:
            largest = rows[OFFSET].abs().max()
            if isinstance(largest, int):
                self.largest_offset = max(largest, self.largest_offset or 0)

    def _add_span(self, column: str, times: pl.Series) -> None:
        midnight = all_midnight(times)
        low, high = local_span(times.alias(TIME).to_frame())
        if column in self.spans:
            first, last, before = self.spans[column]
            low, high, midnight = min(low, first), max(high, last), midnight and before
        self.spans[column] = low, high, midnight

    def midnights(self, column: str) -> bool:
        """Whether times look like dates: midnight on several days."""
        low, high, midnight = self.spans.get(column, (None, None, False))
        return midnight and low != high

    @property
    def has_own_local_times(self) -> bool:
        """Whether there are local times that were not converted from the UTC times, by the offsets of one place."""
        return len(self.gaps) > min(DAYLIGHT_OFFSETS, self.rows - 1)


@dataclass(frozen=True)
class Conversion:
    """How the rows of a file get `time` (local wall clock) and `utc_time` (null where nothing tells).

    Attributes:
        way: "dates" as they are written; "both" clocks from the file; from "utc" to local; "local" as written.
        written: the column that is read.
        midnight_utc: whether UTC times are of no use.
        as_written: whether the local times name offsets.
        timezone: an IANA zone that UTC times are converted to.
        before, after: notes, those between which `far` is said.

    """

    way: Literal["dates", "both", "utc", "local"]
    written: str
    midnight_utc: bool = False
    as_written: bool = False
    timezone: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def dates_only(self) -> bool:
        """Whether the times are dates only."""
        return self.way == "dates"

    def notes(self, far: int) -> list[str]:
        """What was decided, with the number of rows whose clocks are too far apart."""
        apart = f"WARNING: in {far:,} rows local and UTC time are over 14 hours apart: their UTC is not used"
        return [*self.before, *([apart] if far else []), *self.after]

    def apply(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """The rows with both columns and none of the zones and offsets; in how many the clocks are too far apart."""
        far = 0
        if self.way == "dates":
            rows = rows.with_columns(pl.col(self.written).alias(TIME), pl.lit(None, pl.Datetime("us")).alias(UTC))
        else:
            rows, far = self._with_clocks(_offsets_in_minutes(rows, self.written, utc=self.way == "utc"))
        return rows.drop([c for c in rows.columns if c == OFFSET or c.startswith(ZONE)]), far

    def _with_clocks(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        time = pl.col(self.written)
        if self.way == "both":
            return self._both(rows)
        if self.way == "utc":
            return rows.with_columns(self._local(rows, time).alias(TIME), time.alias(UTC)), 0
        utc = _minus(time, OFFSET) if OFFSET in rows.columns else pl.lit(None, pl.Datetime("us"))
        if self.as_written:
            utc = _minus(time, ZONE + self.written)
        return rows.with_columns(time.alias(TIME), utc.alias(UTC)), 0

    def _both(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Local and UTC times that the file has both; where UTC is missing, an offset gives it."""
        utc = _minus(pl.col(UTC), ZONE + UTC) if ZONE + UTC in rows.columns else pl.col(UTC)
        if self.midnight_utc:
            utc = pl.lit(None, pl.Datetime("us"))
        if OFFSET in rows.columns:
            utc = pl.coalesce(utc, _minus(pl.col(TIME), OFFSET))
        rows = rows.with_columns(utc.alias(UTC))
        apart = (pl.col(TIME) - pl.col(UTC)).dt.total_minutes().abs() > MAX_OFFSET
        far = int(rows.select(apart.sum()).item())
        return rows.with_columns(pl.when(apart).then(None).otherwise(UTC).alias(UTC)) if far else rows, far

    def _local(self, rows: pl.DataFrame, utc: pl.Expr) -> pl.Expr:
        if self.timezone:
            return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(self.timezone).dt.replace_time_zone(None)
        return utc + pl.duration(minutes=pl.col(OFFSET)) if OFFSET in rows.columns else utc


def local_and_utc(
    rows: pl.DataFrame, styles: Mapping[str, Style], timezone: str | None, source: str
) -> tuple[pl.DataFrame, list[str], bool]:
    """Give every row `time` and `utc_time`, as `settle_conversion` decides.

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
    facts = ClockFacts()
    facts.add(rows)
    conversion = settle_conversion(facts, rows.columns, styles, timezone, source)
    rows, far = conversion.apply(rows)
    return rows, conversion.notes(far), conversion.dates_only


def settle_conversion(
    facts: ClockFacts, columns: Iterable[str], styles: Mapping[str, Style], timezone: str | None, source: str
) -> Conversion:
    """Decide how all rows get their times; arguments as of `local_and_utc`.

    A lone time column whose values all say UTC is UTC. From UTC to local time: `timezone` if given, else the file's
    offsets, else the two are taken to be the same, with a note. Dates without hours stay the days that they are.
    """
    names = set(columns)
    dates = _dates(facts, names, styles)
    conversion = dates or _clock_times(facts, names, timezone, source)
    if timezone and not conversion.timezone:
        what = "dates without hours" if dates else "local times"
        unused = f"the file has {what}: --timezone {timezone} not used"
        return replace(conversion, after=(unused,))
    return conversion


def _dates(facts: ClockFacts, names: set[str], styles: Mapping[str, Style]) -> Conversion | None:
    """The times as they are written, if they are dates, or midnight on several days; else None."""
    for column in (TIME, UTC):
        if column not in names:
            continue
        dates = styles[column].dates
        own_local_times = column == UTC and TIME in names and facts.has_own_local_times
        if not (dates or facts.midnights(column)) or own_local_times:
            continue
        zones = facts.zones.get(column)
        is_utc = column == UTC if zones is None else zones <= {0, None}
        what = "dates" if dates else "midnight UTC" if is_utc else "midnight"
        note = f"all {facts.rows:,} times are {what}: they tell no hour of the day, and nothing is said of hours"
        return Conversion("dates", column, before=(note,))
    return None


def _clock_times(facts: ClockFacts, names: set[str], timezone: str | None, source: str) -> Conversion:
    if facts.largest_offset is not None and 0 < facts.largest_offset <= 14:
        raise InputError(
            "the time zone offsets look like hours.", file=source, column=OFFSET, fix="Write them in minutes."
        )
    both = TIME in names and UTC in names
    written = TIME if TIME in names else UTC
    zones = facts.zones.get(written)
    as_written = zones is not None and not zones <= {0, None}
    if both:
        midnight = facts.midnights(UTC)
        unused = f"all {facts.rows:,} UTC times are midnight: not used"
        return Conversion("both", written, midnight_utc=midnight, before=(unused,) if midnight else ())
    if not as_written and (written == UTC or zones is not None):
        return Conversion("utc", written, timezone=timezone, before=(_local_note(facts, names, timezone),))
    notes = _zone_notes(zones) if zones is not None and as_written else ()
    return Conversion("local", written, as_written=as_written, before=notes)


def _zone_notes(zones: set[int | None]) -> tuple[str, ...]:
    """What the offsets that the times say themselves were taken for."""
    if len(zones) == 1:
        return ()
    known = [zone for zone in zones if zone is not None]
    near = max(known) - min(known) <= DAYLIGHT_SAVING
    meaning = (
        "within an hour: read as daylight saving time" if near else "in the times: local as written, in UTC's order"
    )
    return (f"{len(zones)} offsets from UTC {meaning}",)


def _local_note(facts: ClockFacts, names: set[str], timezone: str | None) -> str:
    if timezone:
        ignored = f", the file's {OFFSET} not used" if OFFSET in names else ""
        return f"local time: {facts.rows:,} UTC times converted to {timezone}{ignored}"
    if OFFSET in names:
        return f"local time: {facts.rows:,} UTC times plus the file's offsets"
    return "WARNING: the file has UTC times only: taken as local, so that hours of the day are wrong; pass --timezone"


def _minus(time: pl.Expr, minutes: str) -> pl.Expr:
    return time - pl.duration(minutes=pl.col(minutes))


def _offsets_in_minutes(rows: pl.DataFrame, written: str, *, utc: bool) -> pl.DataFrame:
    """The rows with the offsets of named zones, at the times as `written`, in minutes."""
    if OFFSET not in rows.columns or rows[OFFSET].dtype != pl.Categorical:
        return rows
    return rows.with_columns(minutes_of_zones(rows[written], rows[OFFSET].cast(pl.String), utc=utc).alias(OFFSET))
