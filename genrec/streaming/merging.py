"""Further passes: part by part, rows of numbers become the check-ins of a prepared folder."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.clock import MOMENT, all_midnight, moments
from genrec.columns import OFFSET, TIME, USER, UTC
from genrec.parted import ROW
from genrec.reading.catalogue import COUNT
from genrec.reading.reader import distinct
from genrec.reading.zones import Conversion
from genrec.streaming.codes import CODE, Ints
from genrec.streaming.spill import Spill

DAY = 24 * 60  # minutes
GONE = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max


class Offsets:
    """How far local time usually is ahead of UTC, over rows that need not be in memory together."""

    def __init__(self) -> None:
        self._counts = np.zeros(2 * DAY + 1, dtype=np.int64)
        self._rows = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Count some rows."""
        self._rows += len(rows)
        minutes = (rows[TIME] - rows[UTC]).dt.total_minutes().drop_nulls().clip(-DAY, DAY).to_numpy()
        self._counts += np.bincount(minutes + DAY, minlength=len(self._counts))

    @property
    def usual(self) -> int | None:
        """The lower median in minutes, where UTC is known of some rows but not of all; else None: nothing needs it."""
        known = int(self._counts.sum())
        if known in (0, self._rows):
            return None
        return int(np.searchsorted(self._counts.cumsum(), (known - 1) // 2 + 1)) - DAY


@dataclass
class Converted:
    """What came of the first of these passes: `far` as of `Conversion`; whether all local times are midnight."""

    far: int
    dropped: int
    offsets: Offsets
    midnight: bool


def convert(spill: Spill, conversion: Conversion, user: Ints, code: Ints) -> Converted:
    """Give the rows of each part their two times, and new numbers of user and `code`; exact duplicates go."""
    done = Converted(0, 0, Offsets(), midnight=True)
    for part, rows in _parts(spill):
        timed, far = conversion.apply(_with_zones(rows))
        numbered = timed.with_columns(renumbered(rows[USER], user), renumbered(rows[CODE], code))
        kept = distinct(numbered, [USER, CODE, TIME, UTC])
        done.far += far
        done.dropped += len(rows) - len(kept)
        done.midnight = done.midnight and all_midnight(kept[TIME])
        done.offsets.add(kept)
        spill.replace(part, kept)
    return done


def _with_zones(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the names of time zones as RowTyper gives them."""
    named = OFFSET in rows.columns and rows[OFFSET].dtype == pl.String
    return rows.with_columns(pl.col(OFFSET).cast(pl.Categorical)) if named else rows


def renumbered(numbers: pl.Series, new: Ints) -> pl.Series:
    """Each number's new one."""
    return pl.Series(numbers.name, new[numbers.to_numpy()].astype(np.uint32))


class Said:
    """What is said of places, counted: how often, when first on the local clock, and which came first of all."""

    def __init__(self, size: int) -> None:
        self.count = np.zeros(size, dtype=np.int64)
        self._time = np.full(size, NEVER)
        self._moment = np.full(size, NEVER)
        self._row = np.full(size, NEVER)

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows in the order of their moments."""
        code, time = rows[CODE].to_numpy().astype(np.int64), rows[TIME].dt.timestamp("us").to_numpy()
        self.count += np.bincount(code, minlength=len(self.count))
        np.minimum.at(self._time, code, time)
        first = rows.select(CODE, MOMENT, ROW).unique(CODE, keep="first")
        of, row = first[CODE].to_numpy(), first[ROW].to_numpy().astype(np.int64)
        moment = first[MOMENT].dt.timestamp("us").to_numpy()
        before, same = moment < self._moment[of], moment == self._moment[of]
        sooner = before | (same & (row < self._row[of]))
        self._moment[of[sooner]], self._row[of[sooner]] = moment[sooner], row[sooner]

    def described(self, table: pl.DataFrame) -> pl.DataFrame:
        """`table`, a row a number, by first appearance, with the columns that `build_catalogue` reads; and CODE."""
        time = pl.Series(TIME, self._time).cast(pl.Datetime("us"))
        code = pl.int_range(len(table), dtype=pl.UInt32, eager=True).alias(CODE)
        order = np.lexsort((self._row, self._moment))
        counted: pl.DataFrame = table.with_columns(time, pl.Series(COUNT, self.count), code)
        kept: pl.DataFrame = counted[order[self.count[order] > 0]]
        return kept


def place_in_time(spill: Spill, offsets: Offsets, rows: int, first_row: int, said: Said) -> int:
    """Give the rows of each part their moments, and bring them into order; count what they say.

    Returns how many came earlier than the row before them in the file.
    """
    order: NDArray[np.int64] = np.full(rows, GONE)
    for part, found in _parts(spill):
        moved = in_moments(found, offsets)
        said.add(moved)
        order[moved[ROW].to_numpy() - first_row] = moved[MOMENT].dt.timestamp("us").to_numpy()
        spill.replace(part, moved)
    order = order[order != GONE]
    return int(np.count_nonzero(order[1:] < order[:-1]))


def in_moments(rows: pl.DataFrame, offsets: Offsets) -> pl.DataFrame:
    """The rows with their moments, in order; of equal ones in that of their numbers."""
    return rows.with_columns(moments(rows, offsets.usual)).sort(MOMENT, ROW)


def _parts(spill: Spill) -> Iterator[tuple[int, pl.DataFrame]]:
    for part in range(spill.parts):
        rows = spill.get(part)
        if rows is not None:
            yield part, rows
