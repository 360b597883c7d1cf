"""Check-ins made by hand or by hypothesis, on a small grid of places."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st

from genrec.checkins import Checkins
from genrec.clock import in_order

# Machines differ: no deadline.
quick = settings(max_examples=40, deadline=None)

MONDAY = datetime(2024, 1, 1)
KINDS = ["Home (private)", "Office", "Coffee Shop", "University", "Pub", "Gym", "Park", "Museum"]


def at(days: float = 0, hour: float = 0) -> datetime:
    """A moment after Monday, 1 January 2024, 00:00."""
    return MONDAY + timedelta(days=days, hours=hour)


def make(visits: Iterable[tuple[str, int, datetime]], categories: Sequence[str] = KINDS) -> Checkins:
    """Check-ins from (user, poi, time) in any order, at places about a kilometre apart from south to north."""
    rows = list(visits)
    schema = {"user_id": pl.String, "poi": pl.UInt32, "time": pl.Datetime("us")}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(utc_time=pl.col("time"))
    size = len(categories)
    pois = pl.DataFrame(
        {
            "poi": pl.Series(range(size), dtype=pl.UInt32),
            "poi_id": [f"p{poi}" for poi in range(size)],
            "category": list(categories),
            "latitude": [51.0 + 0.009 * poi for poi in range(size)],
            "longitude": [-114.0] * size,
        }
    )
    seen = frame.group_by("poi").agg(first_seen=pl.col("time").min())
    pois = pois.join(seen, on="poi", how="left", maintain_order="left")
    return Checkins(frame.sort("time", maintain_order=True), pois, "made", [])


def as_read(checkins: Checkins, rows: slice) -> Checkins:
    """Some rows as if they were a file: places are those of the rows, numbered as they appear."""
    frame = in_order(checkins.frame[rows])
    order = frame["poi"].unique(maintain_order=True)
    number = dict(zip(order, range(len(order)), strict=True))
    pois = checkins.pois[order].with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("poi"))
    frame = frame.with_columns(pl.col("poi").replace_strict(number, return_dtype=pl.UInt32))
    return replace(checkins, frame=frame, pois=pois)


@st.composite
def made_checkins(draw: st.DrawFn, min_size: int = 10) -> Checkins:
    """A few users, the places of KINDS, times at whole hours so that ties and gaps of exactly 24 h occur."""
    visit = st.tuples(st.sampled_from("abc"), st.integers(0, len(KINDS) - 1), st.integers(0, 24 * 12).map(at_hour))
    return make(draw(st.lists(visit, min_size=min_size, max_size=60)))


def at_hour(hour: int) -> datetime:
    return at(hour=hour)
