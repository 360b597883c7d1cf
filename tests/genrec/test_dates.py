"""Dates without hours: they stay the days that they are, and nothing is said of hours."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from made_times import noted, read

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.habits import city_habits, habits_of
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.rankers.genup_prompt import genup_messages
from genrec.rankers.habits import rank_habits
from genrec.rankers.ranking_prompt import ranking_messages
from genrec.rankers.why import habit_reasons
from genrec.reading.reader import read_checkins

DAY = 1293840000  # midnight UTC of Saturday, 1 January 2011


def days(folder: Path, form: str, **options: object) -> Checkins:
    """Twelve days in a row from Saturday on: even ones at place b0, odd ones at b1."""
    dates = [datetime(2011, 1, 1) + timedelta(days=day) for day in range(12)]
    written = [str(DAY + 86400 * i) if form == "epoch" else date.strftime(form) for i, date in enumerate(dates)]
    header = "utc_time" if form.endswith("Z") else "time"
    return read(folder, header, [f"ann,b{i % 2},{text}" for i, text in enumerate(written)], **options)


DATES = ["epoch", "%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00Z", "%Y-%m-%dT00:00:00-07:00"]


@pytest.mark.parametrize("form", DATES)
def test_dates_stay_their_days_and_tell_no_hour(tmp_path: Path, form: str) -> None:
    options = {"day_first": True} if "/" in form else {}
    checkins = days(tmp_path, form, timezone="America/New_York", **options)
    assert checkins.dates_only
    assert noted(checkins, "all 12 times are", "tell no hour")
    assert noted(checkins, "--timezone America/New_York not used")
    assert checkins.frame["time"].to_list() == [datetime(2011, 1, 1) + timedelta(days=day) for day in range(12)]
    habits = habits_of(checkins, "ann")
    assert habits.hours == [0] * 24
    assert all(place.hours == {} for place in habits.places)
    assert habits.weekdays == [2, 2, 2, 1, 1, 2, 2]
    assert not city_habits(checkins).category_hours.any()


def test_nothing_is_said_of_hours_where_there_are_dates_only(tmp_path: Path) -> None:
    checkins = days(tmp_path, "epoch")
    habits, city = habits_of(checkins, "ann"), city_habits(checkins)
    [profile] = HabitsWriter(["unknown"]).write([Subject(habits)])
    told = [statement.text for statement in profile.statements()]
    assert told
    assert not any(word in text for text in told for word in ("around", "between", "morning", "night"))
    moment = datetime(2011, 1, 20)
    prefix = ((moment - timedelta(days=1), 0),)
    why = habit_reasons(habits, city, checkins.pois, 0, at=moment.replace(hour=1), prefix=prefix)
    assert not any("between" in reason or "around" in reason for reason in why)
    asked = ranking_messages(
        profile, city, checkins.pois, at=moment, prefix=prefix, level="full", count_tokens=len, budget=10_000
    )
    genup = genup_messages(profile, checkins.pois, at=moment, prefix=prefix, level="full")
    for message in [*asked.messages, *genup.messages]:
        assert ":00" not in message["content"]
        assert "any time" not in message["content"]


def test_the_hour_asked_about_changes_no_ranking_from_dates(tmp_path: Path) -> None:
    checkins = days(tmp_path, "epoch")
    habits, city = habits_of(checkins, "ann"), city_habits(checkins)
    prefix = ((datetime(2011, 1, 20), 1),)
    ranked = [
        rank_habits(habits, city, checkins.pois, at=datetime(2011, 1, 20, hour), prefix=prefix).tolist()
        for hour in (1, 13)
    ]
    assert ranked[0] == pytest.approx(ranked[1], rel=0.05), "recency aside"


def test_folders_know_that_they_hold_dates(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    prepared.prepare(days(tmp_path, "epoch"), folder)
    assert read_checkins(folder).dates_only
    prepared.prepare(read(tmp_path, "time", [f"ann,b9,{DAY + 86400 * 99}"]), folder)  # one midnight may be a date
    assert read_checkins(folder).dates_only
    assert len(read_checkins(folder).frame) == 13
    with pytest.raises(InputError, match="its times are dates without hours, the new ones are hours"):
        prepared.prepare(read(tmp_path, "time", ["u,a,2012-04-03 18:00:09"]), folder)
    other = tmp_path / "other"
    prepared.prepare(read(tmp_path, "time", ["u,a,2012-04-03 18:00:09"]), other)
    with pytest.raises(InputError, match="its times are hours, the new ones are dates without hours"):
        prepared.prepare(days(tmp_path, "epoch"), other)


def test_utc_dates_beside_local_times_order_nothing(tmp_path: Path) -> None:
    hours = [9, 7, 8, 6]
    rows = [f"u,p{hour},2012-04-0{day} 0{hour}:00,2012-04-0{day}" for day, hour in enumerate(hours, start=1)]
    checkins = read(tmp_path, "time,utc_time", rows)
    assert not checkins.dates_only
    assert noted(checkins, "all 4 UTC times are midnight: not used")
    assert checkins.frame["utc_time"].null_count() == 4
    assert [time.hour for time in checkins.frame["time"]] == hours


def test_local_times_made_from_midnights_are_dates(tmp_path: Path) -> None:
    rows = [f"u,p,2012-04-0{day} 19:00,2012-04-0{day + 1} 00:00" for day in range(1, 5)]
    assert read(tmp_path, "time,utc_time", rows).dates_only


def test_one_midnight_is_a_time(tmp_path: Path) -> None:
    checkins = read(tmp_path, "time", ["u,a,2012-04-03 00:00:00"])
    assert not checkins.dates_only
    assert habits_of(checkins, "u").hours[0] == 1


def test_a_file_of_times_keeps_a_row_that_is_a_date_only_out(tmp_path: Path) -> None:
    rows = ["u,a,2012-04-03", "u,a,2012-04-03 18:00:09"]
    with pytest.raises(InputError, match="row 2, column 'time': '2012-04-03' has no time of day"):
        read(tmp_path, "time", rows)
    with pytest.raises(InputError, match="row 2, column 'time'"):
        read(tmp_path, "time", ["u,a," + "9" * 5000, rows[1]])
