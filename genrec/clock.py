"""The two clocks of check-ins: order and gaps follow UTC where it is known, hours and weekdays the local clock."""

from datetime import UTC as ZULU
from datetime import datetime, timedelta

import polars as pl

from genrec.columns import TIME, USER, UTC

MOMENT = "moment"
EASTERNMOST = timedelta(hours=14)  # ahead of UTC


def moments(frame: pl.DataFrame, usual_of_all: int | None = None) -> pl.Series:
    """When each check-in was, on the clock that rules order and gaps. Shape: (rows,).

    That is UTC. Where a check-in's UTC is unknown, its local time is taken back by the offset that is usual for the
    user, else for all users of `frame`; local times as they stand if nobody's UTC is known. `usual_of_all`: that offset
    in minutes, where `frame` holds some users only.
    """
    unknown = frame[UTC].null_count()
    if unknown == 0 or (unknown == len(frame) and usual_of_all is None):
        return frame[UTC if unknown == 0 else TIME].alias(MOMENT)
    minutes = (pl.col(TIME) - pl.col(UTC)).dt.total_minutes().quantile(0.5, "lower")
    of_all = minutes if usual_of_all is None else pl.lit(usual_of_all, pl.Float64)
    usual = pl.coalesce(minutes.over(USER), of_all).cast(pl.Int64)
    return frame.select(pl.coalesce(UTC, pl.col(TIME) - pl.duration(minutes=usual)).alias(MOMENT)).to_series()


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The check-ins by their moments; equal ones keep their order."""
    return frame.with_columns(moments(frame)).sort(MOMENT, maintain_order=True).drop(MOMENT)


def rows_before(frame: pl.DataFrame, as_of: datetime) -> int:
    """How many check-ins come before the first whose local clock shows `as_of` or later; `frame` is in order.

    So none of them is later than any visit from `as_of` on, also where clocks are set back or people cross zones.
    """
    reached = frame[TIME] >= as_of
    return int(reached.arg_max() or 0) if reached.any() else len(frame)


def before(frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The check-ins that are known as of a local time: see `rows_before`."""
    return frame[: rows_before(frame, as_of)]


def local_span(frame: pl.DataFrame) -> tuple[datetime, datetime]:
    """The earliest and the latest local time; they need not be of the first and the last check-in."""
    first, last = frame.select(pl.col(TIME).min().alias("first"), pl.col(TIME).max().alias("last")).row(0)
    return first, last


def latest_now() -> datetime:
    """The latest local time that any clock on earth shows now: what is later is in the future everywhere."""
    return datetime.now(ZULU).replace(tzinfo=None, microsecond=0) + EASTERNMOST


def all_midnight(times: pl.Series) -> bool:
    """Whether all times are 00:00:00, as dates are that were made into times."""
    return bool((times.dt.truncate("1d") == times).all())
