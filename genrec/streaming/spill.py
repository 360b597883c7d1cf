"""Rows on their way from a file to the parts of a folder."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.streaming.codes import Ints

MOST_PARTS = 4096


class Spill:
    """Rows by part, in files below a folder: those of a part come back in the order in which they were put there."""

    def __init__(self, home: Path, parts: int) -> None:
        self._home, self.parts = home, parts
        self._count = 0
        home.mkdir(parents=True)

    def put(self, rows: pl.DataFrame, group: Ints) -> None:
        """Add rows, each to the part of its group."""
        part = (group % self.parts).astype(np.uint16)
        order = np.argsort(part, kind="stable")
        bounds = np.searchsorted(part[order], np.arange(self.parts + 1))
        sorted_ = rows[order]
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            slice_ = sorted_[int(bounds[number]) : int(bounds[number + 1])]
            slice_.write_ipc(self._home / f"{number:04d}-{self._count:06d}.arrow", compression="uncompressed")
        self._count += 1

    def replace(self, part: int, rows: pl.DataFrame) -> None:
        """Put other rows in the place of those of a part."""
        self.drop(part)
        rows.write_ipc(self._home / f"{part:04d}-000000.arrow", compression="uncompressed")

    def get(self, part: int) -> pl.DataFrame | None:
        """The rows of a part; None if there are none."""
        files = sorted(self._home.glob(f"{part:04d}-*.arrow"))
        return pl.concat([pl.read_ipc(file) for file in files]) if files else None

    def drop(self, part: int) -> None:
        """Forget the rows of a part."""
        for file in self._home.glob(f"{part:04d}-*.arrow"):
            file.unlink()


def indices(values: NDArray[np.generic]) -> pl.Series:
    """Whole numbers as a column."""
    return pl.Series(values.astype(np.uint32))
