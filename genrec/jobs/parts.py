"""The folder of a job that other processes do: what is asked, and each chunk's result in a file of its own."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from genrec.files import atomic_path, write_text

Item = str | int
Chunk = Sequence[Item]

ASKED, MADE_FROM, DONE = "asked", "made_from", "done"
_NUMBER = re.compile(r"\d{6,}\.parquet")


@dataclass(frozen=True)
class Done:
    """What came of a chunk: its lines, and the seconds that the work took."""

    lines: list[str]
    seconds: float


class Parts:
    """The folder of a job.

    HOME/made_from  the hash of all that the answers depend on
    HOME/asked/     what is asked: a row a chunk (Parquet)
    HOME/done/      what was answered: a file a chunk (Parquet), which is whole or not there
    HOME/checkins/  the check-ins, if they do not come from a prepared folder
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    def asked(self) -> Path:
        """The folder of what is asked."""
        return self.home / ASKED

    def begin(self, settings: Mapping[str, Any], chunks: Sequence[Chunk]) -> None:
        """Keep what a killed job of the very same settings and chunks has left, and nothing else."""
        text = json.dumps([settings, [list(chunk) for chunk in chunks]], sort_keys=True)
        made_from = hashlib.sha256(text.encode()).hexdigest()
        path = self.home / MADE_FROM
        if not (path.exists() and path.read_text() == made_from):
            self.end()
            (self.home / DONE).mkdir(parents=True)
            write_text(path, made_from, private=True)

    def finished(self) -> set[int]:
        """The numbers of the chunks whose results are there."""
        files = (self.home / DONE).iterdir() if (self.home / DONE).is_dir() else ()
        return {int(file.stem) for file in files if _NUMBER.fullmatch(file.name)}

    def has(self, number: int) -> bool:
        """Whether the result of a chunk is there."""
        return self._file(number).exists()

    def ask(self, chunks: Mapping[int, Chunk]) -> None:
        """Write down the chunks that are to be done."""
        with atomic_path(self.asked / "chunks.parquet", private=True) as temporary:
            pl.DataFrame({"number": list(chunks), "items": [list(chunk) for chunk in chunks.values()]}).write_parquet(
                temporary
            )

    def put(self, number: int, done: Done) -> None:
        """Keep the result of a chunk."""
        with atomic_path(self._file(number), private=True) as temporary:
            pl.DataFrame({"line": done.lines, "seconds": done.seconds}).write_parquet(temporary)

    def get(self, number: int) -> Done:
        """The result of a chunk."""
        table = pl.read_parquet(self._file(number), glob=False)
        return Done(table["line"].to_list(), table["seconds"].max() or 0.0)  # type: ignore[arg-type]

    def drop(self, number: int) -> None:
        """Remove the result of a chunk."""
        self._file(number).unlink(missing_ok=True)

    def end(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.home, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.home / DONE / f"{number:06}.parquet"
