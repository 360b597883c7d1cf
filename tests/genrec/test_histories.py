"""Habits are counted in arrays, and are what counting visit by visit gives."""

from dataclasses import replace
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import KINDS, at, make
from plain_habits import plain_habits

from genrec.checkins import Checkins
from genrec.clock import in_order
from genrec.habits import all_habits

PERSONS = ["b", "a", "é", "a "]
SILENT = ["unknown", "", "Place", "Office", "Home (private)", "Pub", "College"]
OFFSETS = [None, -420, 0, 60, 345]
moments = st.builds(at, st.integers(0, 90), st.sampled_from([0, 9, 23.99]))


def history(draw: Random) -> Checkins:
    """Check-ins whose times and places recur, so that they tie; of travellers, of unknown kinds, with dates only."""
    days, places = draw.choice([3, 90]), draw.choice([1, 3, len(KINDS)])
    hours = draw.choice([[0], [9, 21], [0, 0.75, 9, 10.5, 21, 23.99]])
    visits = [
        (draw.choice(PERSONS), draw.randrange(places), at(draw.randrange(days), draw.choice(hours)))
        for _ in range(draw.choice([1, 10, 200]))
    ]
    made = make(visits, draw.choices(SILENT, k=len(KINDS)))
    offsets = draw.choice([[0], [None], OFFSETS])
    ahead = pl.Series([draw.choice(offsets) for _ in visits], dtype=pl.Int64)
    frame = made.frame.with_columns(utc_time=pl.col("time") - pl.duration(minutes=ahead))
    return replace(made, frame=in_order(frame), dates_only=hours == [0] and draw.random() < 0.8)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32).map(Random).map(history),
    st.none() | moments,
    st.none() | st.lists(st.sampled_from([*PERSONS, "nobody"]), max_size=5),
)
def test_counting_in_arrays_is_counting_visit_by_visit(checkins, as_of, users):
    habits, plain = all_habits(checkins, as_of, users), plain_habits(checkins, as_of, users)
    assert list(habits) == list(plain)
    assert [one.model_dump_json() for one in habits.values()] == [one.model_dump_json() for one in plain.values()]
