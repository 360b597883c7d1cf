"""The kinds of files that check-ins and places are read from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.reading.text import Progress, TextFile


@dataclass(frozen=True)
class Records:
    """The records of one block.

    Attributes:
        fields: one String column per canonical column, stripped of outer white space; null where empty.
        rows: the line where each record starts.
        broken: what is wrong with the shape of a record, by its index; its fields are null.
        blanks: how many blank lines lay between the records.
        others: how many records lay between them that are not check-ins, as the format says.
        text: the record with an index as it stands in the file.

    """

    fields: pl.DataFrame
    rows: NDArray[np.int64]
    broken: dict[int, str]
    blanks: int
    text: Callable[[int], str]
    others: int = 0


class RecordFile(Protocol):
    """A file that is not lines of fields, and knows its own records."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def kind(self) -> str:
        """What it is, in words: "JSON"."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was recognised or repaired, one line each."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it calls its columns; those of nested objects joined by dots."""

    @property
    def sample(self) -> Sequence[Sequence[str | None]]:
        """The fields of the first records, in the order of `names`."""

    def records(
        self, columns: Mapping[str, str], block_bytes: int, progress: Progress | None = None
    ) -> Iterator[Records]:
        """Yield the records, reduced to `columns`: canonical name -> name in the file."""


Source = TextFile | RecordFile
