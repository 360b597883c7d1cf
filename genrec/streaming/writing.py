"""The files of a prepared folder in parts, beside those that are there until meta.json names them."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from genrec import prepared
from genrec.clock import MOMENT
from genrec.columns import POI, TIME, USER, UTC
from genrec.files import atomic_path, file_hash, room_for, write_text
from genrec.parted import CHECK_INS, META, PART, PEOPLE, POIS, ROW, Part, PartedMeta, is_parted, part_name
from genrec.streaming.codes import Ints

SPILLED = "spilled"  # rows on their way, in a folder of data that is being made
GROUP = 100_000  # rows of a row group: what is read of a part for a few persons
_DATA = re.compile(r"data\.(\d{1,9})")


@contextmanager
def new_data(folder: Path) -> Iterator[Path]:
    """A folder of data beside the others; before and afterwards only that remains which meta.json names."""
    keep_named(folder)
    numbers = [int(match[1]) for path in folder.iterdir() if (match := _DATA.fullmatch(path.name))]
    data = folder / f"data.{max(numbers, default=0) + 1}"
    try:
        with room_for(folder):
            data.mkdir(mode=0o700)
            yield data
    finally:
        keep_named(folder)


def keep_named(folder: Path) -> None:
    """Remove folders of data that meta.json does not name, and files of the other format if it names none of them."""
    named = (folder / META).read_text(errors="replace") if (folder / META).exists() else ""
    for path in folder.iterdir():
        if _DATA.fullmatch(path.name) and f'"{path.name}"' not in named:
            shutil.rmtree(path)
    if is_parted(folder):
        for name in (prepared.CHECKINS, prepared.POIS):
            for left in (folder / name, folder / f"{name}{prepared.STAGED}"):
                left.unlink(missing_ok=True)


class Writer:
    """Writes the parts of a folder of data one after the other, then what describes them."""

    def __init__(self, data: Path, names: pl.Series) -> None:
        self._data, self._names = data, names
        self._rank = np.empty(len(names), dtype=np.uint32)
        self._rank[names.arg_sort().to_numpy()] = np.arange(len(names), dtype=np.uint32)
        self._sorted = names.sort()
        self._people: list[pl.DataFrame] = []
        self.parts: list[Part] = []
        self._last_row = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Write rows, in order, as the next part; `user_id` is a position in the names."""
        rank = pl.Series(USER, self._rank[rows[USER].to_numpy()])
        rows = rows.select(rank, POI, TIME, UTC, MOMENT, ROW).sort(USER, maintain_order=True)
        self._last_row = max(self._last_row, int(rows[ROW].max() or 0))  # type: ignore[arg-type]
        people = rows.group_by(USER, maintain_order=True).agg(pl.len().cast(pl.UInt32).alias(CHECK_INS))
        number = pl.lit(len(self.parts), pl.UInt16).alias(PART)
        self._people.append(people.select(self._named(people), number, CHECK_INS))
        sha256 = self._write(part_name(len(self.parts)), rows.with_columns(self._named(rows)))
        self.parts.append(Part(check_ins=len(rows), sha256=sha256))

    def _named(self, rows: pl.DataFrame) -> pl.Series:
        return self._sorted.gather(rows[USER]).alias(USER)

    def finish(self, pois: pl.DataFrame, sources: list[str], notes: list[str], *, dates_only: bool) -> PartedMeta:
        """Write the catalogue and the people, and name everything in meta.json."""
        shutil.rmtree(self._data / SPILLED, ignore_errors=True)
        people = pl.concat(self._people)
        meta = PartedMeta(
            data=self._data.name,
            sources=sources,
            users=len(people),
            pois=len(pois),
            check_ins=sum(part.check_ins for part in self.parts),
            catalogue=prepared.catalogue_hash(pois),
            notes=notes,
            sha256={POIS: self._write(POIS, pois), PEOPLE: self._write(PEOPLE, people)},
            parts=self.parts,
            last_row=self._last_row,
            dates_only=dates_only,
        )
        write_text(self._data.parent / META, meta.model_dump_json(indent=2) + "\n", private=True)
        return meta

    def _write(self, name: str, table: pl.DataFrame) -> str:
        with atomic_path(self._data / name, private=True) as temporary:
            table.write_parquet(temporary, compression="zstd", compression_level=1, row_group_size=GROUP)
            return file_hash(temporary)


def final_pois(index: dict[int, int], size: int) -> Ints:
    """The place of each new one in the merged catalogue, as an array."""
    found = np.full(size, -1)
    found[list(index)] = list(index.values())
    return found
