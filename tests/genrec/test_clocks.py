"""Two clocks: order and gaps follow UTC where it is known, hours and weekdays the local clock."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, make, quick
from made_times import noted, read, visited

from eval.protocol import examples_frame
from genrec import prepared
from genrec.checkins import Checkins
from genrec.clock import before, moments, rows_before
from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.habits import all_habits, habits_of
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.reading.reader import read_checkins
from genrec.recommender import query
from genrec.trajectories import all_visits, llm4poi, rolling, sessionise, training

# Clocks in Edmonton go back from 2:00 to 1:00 on 4 November 2012, at 8:00 UTC.
AUTUMN = ["u,a,2012-11-04T01:50:00-06:00", "u,b,2012-11-04T01:10:00-07:00", "u,c,2012-11-05T01:30:00-07:00"]
# East over the date line and back west: the local clock runs backwards in flight.
FLIGHT = ["u,hnd,2024-05-01T23:30:00+09:00", "u,lax,2024-05-01T17:45:00-07:00"]


def test_an_autumn_night_keeps_its_order(tmp_path: Path) -> None:
    checkins = read(tmp_path, "time", AUTUMN)
    assert visited(checkins) == ["a", "b", "c"]
    assert not noted(checkins, "sorted by time")
    assert sessionise(checkins.frame).to_list() == [0, 0, 1], "from a to c are 24 hours and 20 minutes of UTC"
    habits = habits_of(checkins, "u")
    assert habits.hours[1] == 3
    assert [(visit.time.hour, visit.time.minute) for visit in habits.recent] == [(1, 50), (1, 10), (1, 30)]


def test_a_flight_keeps_its_order_and_its_local_hours(tmp_path: Path) -> None:
    checkins = read(tmp_path, "time", FLIGHT)
    assert visited(checkins) == ["hnd", "lax"]
    assert [str(time) for time in checkins.frame["time"]] == ["2024-05-01 23:30:00", "2024-05-01 17:45:00"]
    assert [str(time) for time in checkins.frame["utc_time"]] == ["2024-05-01 14:30:00", "2024-05-02 00:45:00"]
    assert noted(checkins, "2 offsets from UTC", "local as written")


def test_rows_that_came_earlier_are_counted_by_utc(tmp_path: Path) -> None:
    assert noted(read(tmp_path, "time", FLIGHT[::-1]), "sorted by time: 1 row came earlier")
    assert visited(read(tmp_path, "time", AUTUMN[::-1])) == ["a", "b", "c"]


def test_steps_are_taken_by_utc() -> None:
    hours = [0, 23, 46]  # of UTC; the traveller's clock says two days pass on the way
    frame = make([("u", poi, at(hour=hour)) for poi, hour in enumerate(hours)] * 2).frame.unique(maintain_order=True)
    shifted = frame.with_columns(time=pl.col("time") + pl.Series([timedelta(hours=h) for h in (-10, 0, 10)]))
    checkins = replace(make([]), frame=shifted)
    assert sessionise(shifted).n_unique() == 1
    assert Evidence(checkins, at(99)).steps == {0: {1: 1}, 1: {2: 1}}
    assert [
        poi
        for _, poi in query(checkins, HabitsWriter(KINDS).write([Subject(habits_of(checkins, "u"))])[0], None).prefix
    ] == [0, 1, 2]


def test_unknown_utc_is_placed_by_the_usual_offset(tmp_path: Path) -> None:
    rows = ["u,a,2012-04-03 12:00,2012-04-03 18:00", "u,b,2012-04-03 12:30,", "u,c,2012-04-03 13:00,2012-04-03 19:00"]
    checkins = read(tmp_path, "time,utc_time", rows)
    assert visited(checkins) == ["a", "b", "c"]
    assert not noted(checkins, "sorted by time")
    assert checkins.frame["utc_time"].null_count() == 1


def test_folders_merge_in_the_order_of_utc(tmp_path: Path) -> None:
    for row in FLIGHT[::-1]:
        prepared.prepare(read(tmp_path, "time", [row]), tmp_path / "folder")
    assert visited(read_checkins(tmp_path / "folder")) == ["hnd", "lax"]


def test_local_times_that_cannot_belong_to_their_utc_are_said(tmp_path: Path) -> None:
    rows = ["u,a,2012-04-03 12:00,2012-04-03 18:00", "u,b,2012-04-03 13:00,2012-05-03 19:00"]
    checkins = read(tmp_path, "time,utc_time", rows)
    assert noted(checkins, "WARNING: in 1 rows", "14 hours apart")
    assert checkins.frame["utc_time"].null_count() == 1


@st.composite
def travellers(draw: st.DrawFn) -> Checkins:
    """People of all zones, a part of the times without UTC."""
    hours = st.integers(0, 24 * 6)
    visit = st.tuples(st.sampled_from("abc"), st.integers(0, 7), hours, st.integers(-12, 14), st.booleans())
    rows = draw(st.lists(visit, min_size=10, max_size=50))
    frame = pl.DataFrame(
        [
            (user, poi, at(hour=hour + ahead), at(hour=hour) if known else None)
            for user, poi, hour, ahead, known in rows
        ],
        schema={"user_id": pl.String, "poi": pl.UInt32, "time": pl.Datetime("us"), "utc_time": pl.Datetime("us")},
        orient="row",
    )
    frame = frame.with_columns(moments(frame)).sort("moment", maintain_order=True).drop("moment")
    return replace(make([]), frame=frame)


@pytest.mark.slow
@quick
@given(travellers(), st.integers(1, 3))
def test_evidence_never_holds_anything_later_than_the_visit(checkins: Checkins, every: int) -> None:
    frame = checkins.frame
    splits = [llm4poi(checkins), all_visits(checkins), all_visits(checkins, "validation"), rolling(checkins, every)]
    splits.append(training(checkins, len(frame), [at(1), at(3)]))
    assert len(splits[3].examples) == len(frame) // 2
    for split in splits:
        examples_frame(checkins, split.examples)
        for example in split.examples:
            own = frame.with_row_index("row").filter(user_id=example.user_id, poi=example.target, time=example.time)
            assert example.as_of <= example.time
            assert rows_before(frame, example.as_of) <= own["row"].max()
            assert Evidence(checkins, example.as_of).past.frame.equals(before(frame, example.as_of))
    for split in (splits[1], splits[3]):
        assert rows_before(frame, split.start) <= len(frame) - len(split.examples)


@quick
@given(travellers(), st.integers(0, 24 * 7))
def test_habits_before_a_moment_do_not_change_with_later_checkins(checkins: Checkins, hour: int) -> None:
    past = replace(checkins, frame=before(checkins.frame, at(hour=hour)))
    assert all_habits(checkins, at(hour=hour), ["a", "b"]) == all_habits(past, at(hour=hour), ["a", "b"])
    assert all(time < at(hour=hour) for time in past.frame["time"])


MAPPED = {"utc_offset": "tz"}


@pytest.mark.parametrize("offset", ["-240", "-240.0", "-04:00", "-0400", "UTC-4", "GMT-04:00", "America/New_York"])
@pytest.mark.parametrize("mapped", [True, False])
def test_offsets_are_read_as_people_write_them(tmp_path: Path, offset: str, mapped: bool) -> None:
    name = "tz" if mapped else "timezone"
    rows = [f"u,a,2012-07-03 18:00:09,{offset}", f"u,b,2012-07-03 19:00:09,{offset}"]
    checkins = read(tmp_path, f"utc_time,{name}", rows, columns=MAPPED if mapped else None)
    assert str(checkins.frame["time"][0]) == "2012-07-03 14:00:09"
    assert not noted(checkins, "UTC times only")


def test_a_mapped_offset_is_used_or_refused_with_its_row(tmp_path: Path) -> None:
    rows = ["u,a,2012-07-03 18:00:09,", "u,b,2012-07-03 19:00:09,-240"]
    with pytest.raises(InputError, match="row 2, column 'tz': the offset is empty"):
        read(tmp_path, "utc_time,tz", rows, columns=MAPPED)
    with pytest.raises(InputError, match="row 3, column 'tz': 'soon' is not a time zone offset"):
        read(tmp_path, "utc_time,tz", [rows[1], "u,a,2012-07-03 18:00:09,soon"], columns=MAPPED)
    with pytest.raises(InputError, match="row 2, column 'tz': 'soon'"):
        read(tmp_path, "utc_time,tz", ["u,a,2012-07-03 18:00:09,soon"], columns=MAPPED)
    local = read(tmp_path, "time,tz", rows, columns=MAPPED)
    assert [time and str(time) for time in local.frame["utc_time"]] == [None, "2012-07-03 23:00:09"]


def test_a_guessed_column_without_offsets_is_left_out_and_said(tmp_path: Path) -> None:
    checkins = read(tmp_path, "time,timezone", ["u,a,2012-07-03 18:00:09,", "u,b,2012-07-03 19:00:09,summer"])
    assert noted(checkins, "'timezone' not used", "'summer' is neither an offset nor a time zone")


def test_zones_by_name_follow_daylight_saving(tmp_path: Path) -> None:
    rows = ["u,a,2012-07-03 18:00,America/New_York", "u,b,2012-12-03 18:00,Asia/Tokyo"]
    utc = read(tmp_path, "time,timezone", rows).frame["utc_time"]
    assert [str(time) for time in utc] == ["2012-07-03 22:00:00", "2012-12-03 09:00:00"]


@pytest.mark.parametrize(
    "text",
    ["1333476009", "1333476009.0", "1333476009000", "1333476009000000", "1333476009000000000", "1333476009000.0"],
)
def test_epochs_of_all_units(tmp_path: Path, text: str) -> None:
    checkins = read(tmp_path, "time", [f"u,a,{text}"])
    assert str(checkins.frame["utc_time"][0]) == "2012-04-03 18:00:09"


@pytest.mark.parametrize("header", ["date,time", "Date,Time", "day,clock"])
def test_date_and_time_in_two_columns(tmp_path: Path, header: str) -> None:
    columns = {"date": "day", "time": "clock"} if header.startswith("day") else None
    rows = ["u,a,2012-04-03,18:00:09", "u,b,2012-04-14,9:30:00"]
    checkins = read(tmp_path, header, rows, columns=columns)
    assert [str(time) for time in checkins.frame["time"]] == ["2012-04-03 18:00:09", "2012-04-14 09:30:00"]
    assert not checkins.dates_only


def test_a_date_beside_whole_times_is_not_needed(tmp_path: Path) -> None:
    checkins = read(tmp_path, "date,time", ["u,a,Tuesday,2012-04-03 18:00:09"])
    assert str(checkins.frame["time"][0]) == "2012-04-03 18:00:09"
    with pytest.raises(InputError, match="row 2, column 'time'"):
        read(tmp_path, "date,time", ["u,a,Tuesday,2012-04-03 18:00:09"], columns={"date": "date"})


def test_a_column_of_dates_that_hold_the_time_is_the_time(tmp_path: Path) -> None:
    assert str(read(tmp_path, "date", ["u,a,2012-04-03 18:00:09"]).frame["time"][0]) == "2012-04-03 18:00:09"


def test_a_first_time_that_is_odd_does_not_decide_for_the_rest(tmp_path: Path) -> None:
    rows = ["a,p,100000000", "a,p,2024-01-02 09:00:00", "a,q,2024-01-03 09:00:00"]
    with pytest.raises(InputError, match="row 2, column 'time': '100000000' is written in another way"):
        read(tmp_path, "time", rows)
    assert visited(read(tmp_path, "time", rows, on_bad_rows="skip")) == ["p", "q"]
