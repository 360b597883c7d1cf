from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.reading.offsets import MAX_OFFSET, is_zone, minutes_of_zones, offset_minutes, parse_offsets
from genrec.reading.times import deciding, explain, is_clock, parse, recognise

APRIL = datetime(2012, 4, 3, 18, 0, 9)


@pytest.mark.parametrize(
    ("text", "wall", "minutes"),
    [
        ("2012-04-03 18:00:09", APRIL, None),
        ("2012-04-03T18:00:09", APRIL, None),
        ("2012/4/3 18:00:09", APRIL, None),
        ("2012.04.03 18:00:09.250", APRIL.replace(microsecond=250_000), None),
        ("2012-04-03 18:00", APRIL.replace(second=0), None),
        ("2012-04-03T18:00:09Z", APRIL, 0),
        ("2012-04-03 18:00:09-06:00", APRIL, -360),
        ("2012-04-03 18:00:09 +0530", APRIL, 330),
        ("2012-04-03 18:00:09+02", APRIL, 120),
        ("2012-04-03 18:00:09 UTC", APRIL, 0),
        ("13/4/2012 18:00:09", APRIL.replace(day=13), None),
        ("4/13/2012 6:00:09 PM", APRIL.replace(day=13), None),
        ("13.04.2012 18:00", APRIL.replace(day=13, second=0), None),
        ("04-13-2012 6:00pm", APRIL.replace(day=13, second=0), None),
        ("13-04-2012 12:00 am", datetime(2012, 4, 13), None),
        ("Tue Apr 03 18:00:09 +0000 2012", APRIL, 0),
        ("Tue Apr 03 18:00:09 -0600 2012", APRIL, -360),
        ("1333476009", APRIL, 0),
        ("1333476009.5", APRIL.replace(microsecond=500_000), 0),
        ("1333476009123", APRIL.replace(microsecond=123_000), 0),
        ("1333476009.0", APRIL, 0),
        ("1333476009123.0", APRIL.replace(microsecond=123_000), 0),
        ("1333476009123456", APRIL.replace(microsecond=123_456), 0),
        ("1333476009123456000", APRIL.replace(microsecond=123_456), 0),
        ("2012-04-03T18:00:09.250Z", APRIL.replace(microsecond=250_000), 0),
        ("2012-04-03T18:00:09.123456789+02:00", APRIL.replace(microsecond=123_456), 120),
        ("2012-04-03", datetime(2012, 4, 3), None),
        ("2012/4/3", datetime(2012, 4, 3), None),
        ("13.04.2012", datetime(2012, 4, 13), None),
        ("Apr 3, 2012 6:00:09 PM", APRIL, None),
        ("April 3rd, 2012 6:00:09 p.m.", APRIL, None),
        ("Tue, 03 Apr 2012 18:00:09 GMT", APRIL, 0),
        ("Tuesday, April 3, 2012 18:00:09", APRIL, None),
        ("03-APR-2012 18:00:09", APRIL, None),
        ("3 Sept. 2012", datetime(2012, 9, 3), None),
        ("4/13/2012 6:00\u202fPM", datetime(2012, 4, 13, 18), None),
        ("13/04/2012 18h05", datetime(2012, 4, 13, 18, 5), None),
        ("2012年4月3日 下午6:00:09", APRIL, None),
        ("2012年04月03日 18:00:09", APRIL, None),
        ("2012年4月3日 18時00分", datetime(2012, 4, 3, 18), None),
        ("2012年4月3日18時0分9秒", APRIL, None),
        ("2012年4月3日下午6时00分", datetime(2012, 4, 3, 18), None),
        ("2012년 4월 3일 오후 6시 5분", datetime(2012, 4, 3, 18, 5), None),
        ("2012年4月3日 午前0時05分", datetime(2012, 4, 3, 0, 5), None),
        ("2012年4月3日 午後0時05分", datetime(2012, 4, 3, 12, 5), None),
        ("2012-04-03 오전 12:05", datetime(2012, 4, 3, 0, 5), None),
        ("2012년 4월 3일 오후 6:00:09", APRIL, None),
    ],
)
def test_every_way_to_write_a_time(text: str, wall: datetime, minutes: int | None) -> None:
    style = recognise(text)
    assert style is not None
    values = pl.Series([text])
    if style.kind == "slashed":
        decision = deciding(values, style)
        assert decision is not None
        style = replace(style, day_first=decision[1])
    walls, zones = parse(values, style)
    assert walls.to_list() == [wall]
    assert (zones.to_list() if zones is not None else [None]) == [minutes]


@pytest.mark.parametrize(
    ("style_of", "text", "reason"),
    [
        ("2012-04-03 18:00:09", "2012-02-31 10:00:00", "no possible date"),
        ("2012-04-03 18:00:09", "2012-04-03 25:00:00", "no possible date"),
        ("2012-04-03 18:00:09", "1969-12-31 23:59:59", "between 1970 and 2100"),
        ("2012-04-03 18:00:09", "2101-01-01 00:00:00", "between 1970 and 2100"),
        ("2012-04-03 18:00:09", "2012-04-03 18:00:09Z", "mixed time zones"),
        ("2012-04-03 18:00:09Z", "2012-04-03 18:00:09", "mixed time zones"),
        ("2012-04-03 18:00:09Z", "2012-04-03 18:00:09+19:00", "no possible date"),
        ("2012-04-03 18:00:09", "03/04/2012 18:00", "written in another way"),
        ("2012-04-03 18:00:09", "2012-04-03", "no time of day"),
        ("2012-04-03 18:00:09", "3/4/12 18:00", "two-digit year"),
        ("2012-04-03 18:00:09", "yesterday", "not a date"),
        ("1333476009", "12", "not a date"),
        ("Apr 3, 2012 18:00", "Feb 31, 2012 18:00", "no possible date"),
        ("2012-04-03 18:00:09", "Apr 3, 2012 18:00", "written in another way"),
        ("2012-04-03 18:00:09", "٢٠١٢-٠٤-٠٣ ١٨:٠٠:٠٩", "not a date"),  # noqa: RUF001
        ("Tue Apr 03 18:00:09 +0000 2012", "Mon Apr 03 18:00:09 +0000 2012", "no possible date"),
    ],
)
def test_what_cannot_be_read_is_explained(style_of: str, text: str, reason: str) -> None:
    style = recognise(style_of)
    assert style is not None
    assert parse(pl.Series([text]), style)[0].to_list() == [None]
    assert reason in explain(text, style)


def test_the_order_of_day_and_month_needs_a_number_above_twelve() -> None:
    style = recognise("3/4/2012 18:00")
    assert style is not None
    assert deciding(pl.Series(["3/4/2012 18:00", None, "31/31/2012 1:00"]), style) is None
    assert deciding(pl.Series(["3/4/2012 18:00", "13/4/2012 18:00", "4/14/2012 18:00"]), style) == (1, True)
    assert deciding(pl.Series(["3/4/2012 18:00", "4/14/2012 18:00"]), style) == (1, False)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("-240", -240), ("-240.0", -240), ("330.", 330), ("-04:00", -240), ("+0530", 330), ("5:45", 345), ("UTC-4", -240),
     ("GMT+05:30", 330), ("UTC+0530", 330), ("Z", 0), ("UTC", 0), ("0", 0), ("+14:00", 840), ("-841", None),
     ("+15:00", None), ("-04:75", None), ("240.5", None), ("1e2", None), ("nan", None), ("", None), ("9" * 5000, None),
     ("\ud800", None), ("٣٠", None)],
)  # fmt: skip
def test_every_way_to_write_an_offset(text: str, minutes: int | None) -> None:
    assert offset_minutes(text) == minutes


@pytest.mark.parametrize("text", ["America/New_York", "Etc/GMT+5"])
def test_names_of_zones(text: str) -> None:
    assert is_zone(text)


@pytest.mark.parametrize(
    "text",
    [
        "America/Nowhere",
        "localtime",
        "posix/Europe/Paris",
        "../etc/passwd",
        "/etc/localtime",
        "America",
        "a/" * 3000,
        "\ud800/x",
    ],
)
def test_what_is_not_the_name_of_a_zone(text: str) -> None:
    assert not is_zone(text)


def test_an_hour_that_clocks_leave_out_has_no_offset() -> None:
    times = pl.Series([datetime(2012, 3, 11, 2, 30), datetime(2012, 11, 4, 1, 30)])
    zones = pl.Series(["America/Edmonton"] * 2)
    assert minutes_of_zones(times, zones, utc=False).to_list() == [None, -360]
    assert minutes_of_zones(times, zones, utc=True).to_list() == [-420, -360]


LIKE_TIMES = st.text("0123456789-/:.,TZ+ APMUTCh年月日", max_size=30) | st.from_regex(
    r"\A[0-9]{1,20}(\.[0-9]*)?\Z"
    r"|\A[0-9]{1,4}([-/.])[0-9]{1,2}\2[0-9]{1,4}([T ][0-9:.]{1,12}(Z|[+-][0-9:]{2,5})?)?\Z"
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    LIKE_TIMES | st.text(max_size=20),
    st.sampled_from(["2012-04-03 18:00:09", "1333476009", "3/4/2012", "2012-04-03Z", "Apr 3, 2012"]),
)
def test_any_text_is_read_or_explained(text: str, other: str) -> None:
    encodable = text.encode("utf-8", "replace").decode("utf-8")
    is_clock(encodable)
    for style in (recognise(encodable), recognise(other)):
        if style:
            wall, zone = parse(pl.Series([encodable, None]), replace(style, day_first=True))
            assert wall[1] is None
            assert wall[0] is None or 1970 <= wall[0].year <= 2100
            assert zone is None or zone[0] is None or abs(zone[0]) <= MAX_OFFSET
            assert explain(encodable, style).endswith(".")
    assert parse_offsets(pl.Series([encodable])).to_list() == [offset_minutes(encodable)]
