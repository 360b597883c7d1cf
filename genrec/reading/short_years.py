"""Dates whose years have two digits: which of the three numbers is the year, by all dates of a file together.

`03/04/12` may be 3 April or March 4 of 2012, or 12 April 2003. An order must make possible dates of the values; and the
days of a file vary more than its years, so that of `12-04-03`, `12-04-17`, ... the first number is the year.
"""

from datetime import date
from pathlib import Path
from typing import Final, Literal

import polars as pl

from genrec.errors import InputError
from genrec.reading.text import show

Order = Literal["", "dmy", "mdy", "ymd"]
ORDERS: Final[tuple[Order, ...]] = ("dmy", "mdy", "ymd")
WORDS: Final[dict[Order, str]] = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}

_NUMBERS = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{1,2})(?:\D|$)"
_DIGITS = 2  # of a year
_CENTURY_FROM = 70  # 70 to 99 are of the last century

_Numbers = tuple[str, str, str]


def date_of(numbers: _Numbers, order: Order) -> date | None:
    """The date that three numbers are in this order, if they are one."""
    year, month, day = (numbers[order.index(letter)] for letter in "ymd")
    if len(year) != _DIGITS:
        return None
    century = 1900 if int(year) >= _CENTURY_FROM else 2000
    try:
        return date(century + int(year), int(month), int(day))
    except ValueError:
        return None


def orders_of(value: str) -> list[Order]:
    """The orders in which a value is a possible date."""
    numbers = _numbers(pl.Series([value]))
    return [order for order in ORDERS if any(date_of(three, order) for three in numbers)]


def well_formed(text: pl.Series, order: Order) -> pl.Series:
    """Which values have two digits where the year stands."""
    pattern = r"^\d\d[-/.]" if order == "ymd" else r"^\d{1,2}[-/.]\d{1,2}[-/.]\d\d(?:\D|$)"
    return text.str.contains(pattern).fill_null(False)


class ShortYears:
    """The dates of columns that are written in the same way."""

    def __init__(self) -> None:
        self._seen: dict[_Numbers, None] = {}

    def add(self, text: pl.Series) -> None:
        """Look at some more values."""
        self._seen.update(dict.fromkeys(_numbers(text)))

    def settle(self, day_first: bool | None, example: str, where: Path, column: str) -> tuple[Order, str]:
        """The one order that fits, and what is said of it.

        `day_first` decides between those that the file leaves. Raises an InputError (of the file `where`) if several
        are left, or none.
        """
        chosen: Order = "" if day_first is None else "dmy" if day_first else "mdy"
        left = self._best([order for order in self._sensible() if order in {chosen or order, "ymd"}])
        order = left[0] if len(left) == 1 else chosen
        for three in self._seen if order else ():
            if found := date_of(three, order):
                shown = next(sign for sign in example if sign in "-/.").join(three)
                return order, f"years have two digits, dates are read as {WORDS[order]}: {shown} is {found}"
        raise InputError(
            f"{show(example)} has a two-digit year, and {_problem(left)}.",
            file=where,
            column=column,
            fix="Write years with four digits, or say with --day-first or --month-first which it is.",
        )

    def _best(self, orders: list[Order]) -> list[Order]:
        """Those of the orders that make dates of the most values."""
        fits = {order: sum(date_of(three, order) is not None for three in self._seen) for order in orders}
        return [order for order in orders if fits[order] == max(fits.values()) > 0]

    def _sensible(self) -> list[Order]:
        """The orders whose year stands in a sensible place; whether the day is before the month, it does not tell."""
        varies = {order: self._varies_in_days(order) for order in ORDERS}
        return [order for order in ORDERS if varies[order] or (order != "ymd" and (varies["dmy"] or varies["mdy"]))]

    def _varies_in_days(self, order: Order) -> bool:
        dates = [found for three in self._seen if (found := date_of(three, order))]
        return len({found.day for found in dates}) >= len({found.year for found in dates})


def _problem(left: list[Order]) -> str:
    if not left:
        return "the dates of the file make sense in no order of day, month and year"
    return f"may be {' or '.join(WORDS[order] for order in left)}: no date in the file tells"


def _numbers(text: pl.Series) -> list[_Numbers]:
    """The numbers of the different dates, as they are written."""
    groups = text.str.extract_groups(_NUMBERS).struct.unnest().drop_nulls().unique(maintain_order=True)
    return [(first, second, third) for first, second, third in groups.rows()]
