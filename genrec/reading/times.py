"""Timestamps: recognise how a column writes them, and parse it.

A column is written in one style. ISO dates tell their own order; 3/4/2012 needs to be told, or a value above 12
somewhere in the column (`deciding`); 03/04/12 needs all dates (`genrec.reading.short_years`).
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

import polars as pl

from genrec.columns import MAX_YEAR, MIN_YEAR, TIME
from genrec.reading.offsets import MAX_OFFSET
from genrec.reading.short_years import WORDS, Order, orders_of, well_formed
from genrec.reading.text import show
from genrec.reading.worded import in_figures, value_in_figures

DATE = "date"  # the day, in files whose `time` holds the time of day only

_ZONE = r"Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?"
_CLOCK = rf"(?P<clock>\d{{1,2}}:\d\d(?::\d\d(?:\.\d+)?)?)(?P<half>\s?[AaPp][Mm])?\s?(?P<zone>{_ZONE})?"
_YEAR_FIRST = re.compile(rf"(?a)\d{{4}}(?P<separator>[-/.])\d{{1,2}}(?P=separator)\d{{1,2}}(?:(?:T|\s+){_CLOCK})?")
_YEAR_LAST = re.compile(rf"(?a)\d{{1,2}}(?P<separator>[-/.])\d{{1,2}}(?P=separator)\d{{4}}(?:(?:T|\s+){_CLOCK})?")
_SHORT_YEAR = re.compile(
    r"(?a)(?:\d{1,2}(?P<separator>[-/.])\d{1,2}(?P=separator)\d\d|\d\d(?P<other>[-/.])\d{1,2}(?P=other)\d)"
    rf"(?:(?:T|\s+){_CLOCK})?"
)
_TWITTER = re.compile(r"(?a)[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d (?P<zone>[+-]\d{4}) \d{4}")
_DATES: Final[tuple[tuple[Literal["iso", "slashed", "short"], re.Pattern[str]], ...]] = (
    ("iso", _YEAR_FIRST),
    ("slashed", _YEAR_LAST),
    ("short", _SHORT_YEAR),
)
_EPOCH = re.compile(r"(?a)(?:\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(?:\.\d*)?")
_UNKNOWN = "is not a date that GenRec reads; write 2012-04-03 18:00:09."
_EPOCH_FROM = 1e8
_EPOCH_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3))  # below, microseconds: seconds to nanoseconds
_LONE_CLOCK = re.compile(rf"(?a){_CLOCK}")


@dataclass(frozen=True)
class Style:
    """How a column writes its times.

    Attributes:
        kind: "iso" 2012-04-03 18:00:09; "slashed" 3/4/2012 18:00; "short" 03/04/12 18:00; "epoch"; "twitter"
            Tue Apr 03 18:00:09 +0000 2012.
        aware: whether each value says its zone.
        separator: between the numbers of the date.
        half_days: whether the clock counts 12 hours, with AM and PM.
        day_first: the order of day and month in "slashed"; None while unknown.
        order: of day, month and year in "short"; empty while unknown.
        dates: whether its values are dates without a time of day.
        worded: whether its values have words in them, and are what the rest says when they are put into figures.
        example: the value it was seen in, for messages.

    """

    kind: Literal["iso", "slashed", "short", "twitter", "epoch"]
    aware: bool
    separator: str = "-"
    half_days: bool = False
    day_first: bool | None = None
    dates: bool = False
    worded: bool = False
    order: Order = ""
    example: str = ""

    @property
    def undecided(self) -> bool:
        """Whether nothing has told yet which number is the day."""
        return (self.kind == "slashed" and self.day_first is None) or (self.kind == "short" and not self.order)

    @property
    def written(self) -> "Style":
        """What its values look like, whatever they mean."""
        return replace(self, example="", day_first=None, order="")

    def formats(self) -> list[str]:
        """The chrono formats of its values, without their zone."""
        if self.kind == "twitter":
            return ["%a %b %d %H:%M:%S %Y"]
        order = self.order or ("Ymd" if self.kind == "iso" else "dmY" if self.day_first else "mdY")
        date = self.separator.join(f"%{letter}" for letter in order)
        clocks = (
            ["%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p"]
            if self.half_days
            else ["%H:%M:%S", "%H:%M:%S%.f", "%H:%M"]
        )
        glues = "T " if "T" in self.example else " T"
        return [f"{date}{glue}{clock}" for glue in glues for clock in clocks]


def recognise(value: str) -> Style | None:
    """The style of one value; None if it is no timestamp or date that GenRec reads."""
    if (style := _of_figures(value)) or (figures := value_in_figures(value)) == value:
        return style
    style = _of_figures(figures)
    return style and replace(style, worded=True, example=value)


def _of_figures(value: str) -> Style | None:
    if _TWITTER.fullmatch(value):
        return Style("twitter", True, example=value)
    if _EPOCH.fullmatch(value):
        return Style("epoch", True, example=value)
    for kind, pattern in _DATES:
        if match := pattern.fullmatch(value):
            return Style(
                kind,
                aware=match["zone"] is not None,
                separator=next(letter for letter in value if letter in "-/."),
                half_days=match["half"] is not None,
                dates=match["clock"] is None,
                example=value,
            )
    return None


def is_clock(value: str) -> bool:
    """Whether this is a time of day without its date, such as 18:00:09."""
    return _LONE_CLOCK.fullmatch(value_in_figures(value)) is not None


def with_dates(fields: pl.DataFrame) -> pl.DataFrame:
    """Text fields with `date` put before `time`, if the two are columns of their own."""
    if DATE not in fields.columns:
        return fields
    return fields.with_columns(pl.concat_str(DATE, TIME, separator=" ").alias(TIME)).drop(DATE)


def deciding(text: pl.Series, style: Style) -> tuple[int, bool] | None:
    """(index, day first?) of the first date of a "slashed" column that can be read in one order only."""
    if style.kind != "slashed":
        return None
    first = text.str.extract(r"^(\d{1,2})[-/.]").cast(pl.Int8)
    second = text.str.extract(r"^\d{1,2}[-/.](\d{1,2})[-/.]").cast(pl.Int8)
    certain = (((first > 12) & (second <= 12)) | ((second > 12) & (first <= 12))).arg_true()
    return (int(certain[0]), int(first[int(certain[0])]) > 12) if len(certain) else None


def parse(text: pl.Series, style: Style) -> tuple[pl.Series, pl.Series | None]:
    """Read a String column written in `style`.

    Returns:
        wall: the date and time as written (Datetime us), null where the value is not in the style.
        zone: minutes that the written time is ahead of UTC (Int16); None if the style names no zones.

    """
    zone = None
    if style.worded:
        text = in_figures(text)
    if style.kind == "short":
        text = text.set(~well_formed(text, style.order), None)
    if style.kind == "epoch":
        number = text.cast(pl.Float64, strict=False)
        micros = pl.repeat(None, len(number), dtype=pl.Float64, eager=True)
        for below, unit in reversed(_EPOCH_UNITS):
            micros = (number * unit).zip_with((number < below).fill_null(False), micros)
        wall = micros.set(number < _EPOCH_FROM, None).round().cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
        zone = pl.zeros(len(text), pl.Int16, eager=True)
    elif style.aware:
        tail = r" \d{4}$" if style.kind == "twitter" else "$"
        zone = _minutes(text.str.extract(f"({_ZONE}){tail}"))
        keep = " ${1}" if style.kind == "twitter" else ""
        body = text.str.replace(rf"\s?(?:{_ZONE})" + tail.replace(r"\d{4}", r"(\d{4})"), keep)
        wall = _naive(body.set(zone.is_null(), None), style.formats())
    else:
        wall = _naive(text + " 00:00" if style.dates else text, style.formats())
    return wall.set(~wall.dt.year().is_between(MIN_YEAR, MAX_YEAR), None), zone


def explain(value: str | None, style: Style) -> str:
    """Why `parse` could not read this value."""
    if value is None:
        return "the date is empty."
    found = recognise(value)
    if found is None or (found.dates and not style.dates):
        return f"{show(value)} {'has no time of day.' if found else _UNKNOWN}"
    if found.kind == style.kind and found.aware != style.aware:
        here, there = ("a time zone", "none") if found.aware else ("no time zone", "one")
        return f"mixed time zones: {show(value)} has {here}, other rows have {there}."
    if found.written != style.written:
        short = found.kind == "short" != style.kind
        how = (
            "has a two-digit year; write four digits, as in"
            if short
            else "is written in another way than other rows, as"
        )
        return f"{show(value)} {how} {show(style.example)}."
    if order := _contradicted(value, style):
        return f"{show(value)} contradicts the other dates of the file, which are read {order}."
    return f"{show(value)} is no possible date and time between {MIN_YEAR} and {MAX_YEAR}."


def _contradicted(value: str, style: Style) -> str:
    """The order of the file's dates, if the value is a date in another order only."""
    if style.kind == "short":
        possible = orders_of(value)
        return f"as {WORDS[style.order]}" if style.order and possible and style.order not in possible else ""
    decided = deciding(pl.Series([value]), style)
    order = "day" if style.day_first else "month"
    return f"{order} first" if decided and decided[1] != style.day_first else ""


def _naive(text: pl.Series, formats: list[str]) -> pl.Series:
    wall = pl.repeat(None, len(text), dtype=pl.Datetime("us"), eager=True)
    for form in formats:
        todo = (wall.is_null() & text.is_not_null()).arg_true()
        if len(todo):
            wall = wall.scatter(
                todo, text.gather(todo).str.to_datetime(form, time_unit="us", strict=False, cache=False)
            )
    return wall


def _minutes(zones: pl.Series) -> pl.Series:
    """Zone suffixes as minutes ahead of UTC; null for what no clock on Earth shows."""
    known = {zone: _zone_minutes(zone) for zone in zones.unique().drop_nulls()}
    return zones.replace_strict(known, default=None, return_dtype=pl.Int16)


def _zone_minutes(zone: str) -> int | None:
    digits = zone[1:].replace(":", "")
    if not digits.isdigit():
        return 0
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return (-minutes if zone[0] == "-" else minutes) if minutes <= MAX_OFFSET else None
