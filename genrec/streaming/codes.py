"""Numbers for the users of a file and for what it says of places, given block by block."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import POI_ID, USER
from genrec.ids import whole
from genrec.reading.reader import with_one_spelling

Ints = NDArray[np.int64]

CODE = "code"


class _ByCategory:
    """Numbers for the values of categorical columns, by first appearance; they hold as long as this lives."""

    def __init__(self) -> None:
        self._number = np.full(1 << 16, -1)
        self._held: list[pl.Series] = []  # so that Polars does not forget its codes
        self.count = 0

    def of(self, values: pl.Series) -> tuple[Ints, pl.Series]:
        """The number of each value, and the values that are new, in the order of their numbers."""
        codes = values.to_physical().to_numpy()
        if int(codes.max()) >= len(self._number):
            larger = np.full(2 * int(codes.max()) + 1, -1)
            larger[: len(self._number)] = self._number
            self._number = larger
        unseen = values.filter(self._number[codes] < 0).unique(maintain_order=True)
        if len(unseen):
            self._number[unseen.to_physical().to_numpy()] = np.arange(self.count, self.count + len(unseen))
            self.count += len(unseen)
            self._held = [*self._held[:1], unseen]
        return self._number[codes], unseen


class Groups:
    """Numbers that all spellings of an id share (12 and 12.0), so that a person is in one part."""

    def __init__(self) -> None:
        self._numbers = _ByCategory()

    def of(self, ids: pl.Series) -> Ints:
        """The number of each id (String)."""
        return self._numbers.of(whole(ids).cast(pl.Categorical))[0]


class Users:
    """Numbers for users by first appearance, each with its group."""

    def __init__(self, groups: Groups) -> None:
        self._groups, self._numbers = groups, _ByCategory()
        self._ids: list[pl.Series] = []
        self._group = np.zeros(0, dtype=np.int64)

    def numbers(self, ids: pl.Series) -> tuple[Ints, Ints]:
        """The number of each user (Categorical), and that of their group."""
        numbers, unseen = self._numbers.of(ids)
        if len(unseen):
            names = unseen.cast(pl.String)
            self._ids.append(names)
            self._group = np.concatenate([self._group, self._groups.of(names)])
        return numbers, self._group[numbers]

    def ids(self) -> pl.Series:
        """The ids as written, in the order of their numbers (String)."""
        return pl.concat(self._ids).alias(USER) if self._ids else pl.Series(USER, [], pl.String)

    def settled(self, notes: list[str]) -> pl.Series:
        """The ids with one spelling of each."""
        return with_one_spelling(self.ids().cast(pl.Categorical).to_frame(), USER, notes)[USER].cast(pl.String)


class Descriptions:
    """Numbers for all that rows say of a place: its id, kind, position, name and region.

    They are told apart by a hash of 64 bits: of a million, two are alike by chance once in 40 million files.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = [POI_ID, *columns]
        self._known = pl.DataFrame(schema={"hash": pl.UInt64, CODE: pl.UInt32})
        self._tables: list[pl.DataFrame] = []

    def numbers(self, rows: pl.DataFrame) -> pl.Series:
        """The number of what each row says (UInt32)."""
        hashed = rows.select(self.columns).hash_rows().alias("hash").to_frame()
        first = hashed.with_row_index("first").unique("hash", keep="first")
        new = first.join(self._known, on="hash", how="anti").sort("first")
        if len(new):
            code = pl.int_range(len(self._known), len(self._known) + len(new), dtype=pl.UInt32, eager=True)
            self._known = pl.concat([self._known, new.select("hash", code.alias(CODE))])
            self._tables.append(rows.select(self.columns)[new["first"]])
        return hashed.join(self._known, on="hash", how="left", maintain_order="left")[CODE]

    def table(self) -> pl.DataFrame:
        """What was said, in the order of the numbers."""
        return pl.concat(self._tables)
