"""Years of two digits: the file as a whole tells which number they are, or nothing is guessed."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import save

from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.reading.reader import read_checkins

DAYS = [date(2012, 1, 5) + timedelta(days=8 * i) for i in range(60)]
FORMS = {"dmy": "%d/%m/%y", "mdy": "%m/%d/%y", "ymd": "%y-%m-%d"}


def read(folder: Path, times: list[str], header: str = "time", **options: bool | str) -> Checkins:
    rows = "".join(f"u,p,{time},1,2\n" for time in times)
    return read_checkins(save(folder, f"user_id,poi_id,{header},lat,lon\n{rows}"), **options)  # type: ignore[arg-type]


def days(checkins: Checkins) -> list[date]:
    return [time.date() for time in checkins.frame["time"]]


@pytest.mark.parametrize("form", [*FORMS.values(), "%d.%m.%y", "%y/%m/%d", "%d-%b-%y", "%d %B %y"])
@pytest.mark.parametrize("clock", [" 14:05", " 02:05:30 PM", "T14:05:30Z", ""])
def test_a_file_of_two_years_tells_its_order(tmp_path: Path, form: str, clock: str) -> None:
    clock = clock.replace("T", " ") if "%b" in form or "%B" in form else clock
    checkins = read(tmp_path, [day.strftime(form) + clock for day in DAYS])
    assert days(checkins) == DAYS
    assert "%b" in form or "%B" in form or any("years have two digits, dates are read as" in n for n in checkins.notes)


def test_the_note_shows_one_of_the_dates(tmp_path: Path) -> None:
    notes = read(tmp_path, [f"{day:%d/%m/%y} 14:05" for day in DAYS]).notes
    assert "60 rows: years have two digits, dates are read as day, month, year: 05/01/12 is 2012-01-05" in notes


def test_date_and_time_of_day_apart(tmp_path: Path) -> None:
    checkins = read(tmp_path, [f"{day:%y-%m-%d},18:05" for day in DAYS], "date,time")
    assert str(checkins.frame["time"][0]) == "2012-01-05 18:05:00"


def test_the_last_century(tmp_path: Path) -> None:
    assert days(read(tmp_path, ["28/02/99 1:00", "01/03/00 1:00", "30/03/00 1:00"])) == [
        date(1999, 2, 28),
        date(2000, 3, 1),
        date(2000, 3, 30),
    ]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (["03/04/12 14:05"], "two-digit year, and may be day, month, year or month, day, year or year, month, day"),
        (["03/04/12 14:05", "05/06/12 9:00"], "may be day, month, year or month, day, year: no date in the file tells"),
        ([f"01/{1 + i % 12:02}/{12 + i // 12} 9:00" for i in range(20)], "may be day, month, year or month, day, year"),
        (["45.50.09 9:00", "12.41.33 9:00"], "make sense in no order"),
    ],
)
def test_what_nothing_tells_is_asked_for(tmp_path: Path, times: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=f"column 'time': '.*' has a .*{reason}.*four digits, or .*--day-first"):
        read(tmp_path, times)


def test_the_person_may_tell(tmp_path: Path) -> None:
    times = ["03/04/12 14:05", "05/06/12 9:00"]
    assert days(read(tmp_path, times, day_first=True)) == [date(2012, 4, 3), date(2012, 6, 5)]
    assert days(read(tmp_path, times, day_first=False)) == [date(2012, 3, 4), date(2012, 5, 6)]
    assert days(read(tmp_path, times[:1], day_first=True)) == [date(2012, 4, 3)]
    assert days(read(tmp_path, [f"{day:%y-%m-%d}" for day in DAYS], day_first=True)) == DAYS, "the file tells more"


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("45/04/12 14:05", "contradicts the other dates of the file, which are read as day, month, year"),
        ("04/31/12 14:05", "is no possible date"),
        ("05/01/2012 14:05", "row 2, .*'05/01/12 14:05' has a two-digit year; write four digits, as in '05/01/2012"),
        ("05-01-12 14:05", "is written in another way"),
        ("5/1/2 14:05", "is not a date"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, odd: str, reason: str) -> None:
    times = [f"{day:%d/%m/%y} 14:05" for day in DAYS]
    with pytest.raises(InputError, match=reason):
        read(tmp_path, [*times, odd])
    if "2012" not in odd:
        assert days(read(tmp_path, [*times, odd], on_bad_rows="skip")) == DAYS


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    steps=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    order=st.sampled_from(["dmy", "mdy", "ymd"]),
)
def test_dates_are_read_as_they_were_meant_or_not_at_all(
    tmp_path: Path, start: date, steps: list[int], order: str
) -> None:
    meant = [start + timedelta(days=sum(steps[: i + 1])) for i in range(len(steps))]
    try:
        checkins = read(tmp_path, [f"{day.strftime(FORMS[order])} 14:05" for day in meant])
    except InputError as error:
        assert "two-digit year" in str(error)
    else:
        assert days(checkins) == sorted(set(meant)) or len(set(meant)) < 5
