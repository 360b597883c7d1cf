from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from genrec.reading.times import deciding, explain, parse, recognise

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
