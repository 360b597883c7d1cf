"""The kinds of files that check-ins and places are read from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from genrec.reading.text import Progress, TextFile

if TYPE_CHECKING:
    from genrec.reading.records import Records


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
    ) -> Iterator["Records"]:
        """Yield the records, reduced to `columns`: canonical name -> name in the file."""


Source = TextFile | RecordFile
