"""Dates whose years have two digits: which of the three numbers is the year, by all dates of a file together.

`03/04/12` may be 3 April or March 4 of 2012, or 12 April 2003. An order must make possible dates of the values; and the
days of a file vary more than its years, so that of `12-04-03`, `12-04-17`, ... the first number is the year.
"""

from datetime import date
from typing import Final, Literal

import polars as pl

from genrec.errors import InputError

Order = Literal["", "dmy", "mdy", "ymd"]
ORDERS: Final[tuple[Order, ...]] = ("dmy", "mdy", "ymd")
WORDS: Final[dict[Order, str]] = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}

_NUMBERS = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{1,2})\b"
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
    return text.str.contains(r"^\d\d[-/.]" if order == "ymd" else r"^\d{1,2}[-/.]\d{1,2}[-/.]\d\d\b").fill_null(False)


class ShortYears:
    """The dates of columns that are written in the same way."""

    def __init__(self) -> None:
        self._seen: dict[_Numbers, None] = {}

    def add(self, text: pl.Series) -> None:
        """Look at some more values."""
        self._seen.update(dict.fromkeys(_numbers(text)))

    def settle(self, day_first: bool | None, example: str, where: str, column: str) -> tuple[Order, str]:
        """The one order that fits, and what is said of it.

        `day_first` decides between those that the file leaves. Raises an InputError (of the file `where`) if several
        are left, or none.
        """
        chosen: Order = "" if day_first is None else "dmy" if day_first else "mdy"
        allowed = [order for order in ORDERS if order in {chosen or order, "ymd"}]
        left = self._best([order for order in allowed if self._varies_in_days(order)])
        order = left[0] if len(left) == 1 else chosen
        shown = next((f"{'/'.join(three)} is {found}" for three in self._seen if (found := date_of(three, order))), "") if order else ""
        if not shown:
            left_words = " or ".join(WORDS[order] for order in left)
            problem = f"may be {left_words}, and no date in the file tells" if left else "makes sense in no order of day, month and year, with the other dates of the file"
            raise InputError(
                f"{example!r} has a two-digit year: it {problem}.",
                file=where,
                column=column,
                fix="Write the years with four digits, or say which with --day-first or --month-first.",
            )
        return order, f"years have two digits, dates are read as {WORDS[order]}: {shown}"

    def _best(self, orders: list[Order]) -> list[Order]:
        """Those of the orders that make dates of the most values."""
        fits = {order: sum(date_of(three, order) is not None for three in self._seen) for order in orders}
        return [order for order in orders if fits[order] == max(fits.values()) > 0]

    def _varies_in_days(self, order: Order) -> bool:
        dates = [found for three in self._seen if (found := date_of(three, order))]
        return len({found.day for found in dates}) >= len({found.year for found in dates})


def _numbers(text: pl.Series) -> list[_Numbers]:
    """The numbers of the different dates, as they are written."""
    groups = text.str.extract_groups(_NUMBERS).struct.unnest().drop_nulls().unique(maintain_order=True)
    return [(first, second, third) for first, second, third in groups.rows()]
