"""The passes from a file to a prepared folder in parts, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from genrec.columns import POI, POI_ID, TIME, USER, UTC
from genrec.files import one_writer
from genrec.merging import far_apart, merge_catalogues, not_in, spelled_as
from genrec.parted import ROW, Parted, is_parted
from genrec.prepared import META, Prepared, read_meta, require_same_kind
from genrec.reading.parquet_file import ParquetFile
from genrec.reading.reader import Opened, as_in_pois, catalogued, duplicates_note, late_note, with_one_spelling
from genrec.reading.source import Source
from genrec.reading.text import Progress, TextFile
from genrec.reading.zones import settle_conversion
from genrec.streaming.codes import CODE, Ints
from genrec.streaming.intake import Intake, Old, old_of, take_in
from genrec.streaming.merging import Converted, Offsets, Said, convert, in_moments, place_in_time, renumbered
from genrec.streaming.spill import Spill
from genrec.streaming.writing import SPILLED, Writer, final_pois, new_data

LARGE_BYTES, LARGE_ROWS = 256 << 20, 2_500_000


def is_large(source: Source) -> bool:
    """Whether a file is better read in a stream."""
    if isinstance(source, ParquetFile):
        return source.rows >= LARGE_ROWS
    return (source.size if isinstance(source, TextFile) else source.path.stat().st_size) >= LARGE_BYTES


@dataclass
class _New:
    """What a file holds: check-ins by part in `spill`, of `users` at the places of `pois`.

    `poi`: the place that each `code` of the rows means.
    """

    spill: Spill
    users: pl.Series
    pois: pl.DataFrame
    poi: Ints
    rows: int
    converted: Converted
    dates_only: bool


def prepare(opened: Opened, folder: Path, timezone: str | None = None, progress: Progress | None = None) -> Prepared:
    """Write a file's check-ins to a prepared folder in parts, adding to what it holds, of either format.

    The result is that of reading the file and `genrec.prepared.prepare`; `opened.notes` gets the same notes. Memory is
    needed for a block of the file or a part of the folder, for users and places, and 8 bytes a check-in. Raises errors
    as these two do.
    """
    with one_writer(folder, folder=True), new_data(folder) as data:
        before, last_row = _there(folder)
        intake = take_in(opened, data / SPILLED / "new", before, last_row + 1, progress)
        new = _read(intake, opened, timezone)
        old = old_of(folder, data / SPILLED / "old", intake.groups, intake.spill.parts) if before else None
        return _write(data, folder, new, old, opened)


def _there(folder: Path) -> tuple[int, int]:
    """How many check-ins a folder holds, and the highest number of a row."""
    if not (folder / META).exists():
        return 0, -1
    if is_parted(folder):
        meta = Parted(folder).meta
        return meta.check_ins, meta.last_row
    count = read_meta(folder).check_ins
    return count, count - 1


def _read(intake: Intake, opened: Opened, timezone: str | None) -> _New:
    """Settle what all rows together decide, and note it in the order in which a file that is read at once has it."""
    notes = opened.notes
    users, user = _one_of_each(intake.users.settled(notes))
    table = with_one_spelling(intake.said(), POI_ID, notes)
    if opened.pois is not None:
        table = as_in_pois(table, opened.pois)
    table, code = _alike(table)
    styles = opened.clocks.styles
    conversion = settle_conversion(intake.facts, intake.time_columns, styles, timezone, str(opened.source.path))
    converted = convert(intake.spill, conversion, user, code)
    notes += [*opened.clock_notes(intake.rows), *conversion.notes(converted.far)]
    if converted.dropped:
        notes.append(duplicates_note(converted.dropped))
    said = Said(len(table))
    if late := place_in_time(intake.spill, converted.offsets, intake.rows, intake.first_row, said):
        notes.append(late_note(late))
    if opened.pois is not None:
        table = table.join(opened.pois, on=POI_ID, how="left", maintain_order="left")
    described, pois = catalogued(said.described(table), notes)
    poi = np.zeros(len(table), dtype=np.int64)
    poi[described[CODE].to_numpy()] = described[POI].to_numpy()
    return _New(intake.spill, users, pois, poi, intake.rows - converted.dropped, converted, conversion.dates_only)


def _one_of_each(ids: pl.Series) -> tuple[pl.Series, Ints]:
    """The distinct ids in their order, and where each id is among them."""
    table, position = _alike(ids.to_frame())
    return table.to_series(), position


def _alike(table: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The distinct rows in their order, and where each row is among them."""
    distinct = table.unique(maintain_order=True)
    if len(distinct) == len(table):
        return table, np.arange(len(table))
    numbered = distinct.with_row_index("position")
    found = table.join(numbered, on=table.columns, how="left", nulls_equal=True, maintain_order="left")
    return distinct, found["position"].to_numpy().astype(np.int64)


def _write(data: Path, folder: Path, new: _New, old: Old | None, opened: Opened) -> Prepared:
    """Merge the new check-ins with the old ones, if there are any, and write the parts."""
    notes, sources, pois, names = opened.notes, [opened.source.path.name], new.pois, new.users
    dates_only = new.dates_only
    user, poi = np.arange(len(names)), np.arange(len(pois))
    if old:
        dates_only = dates_only or (old.dates_only and new.converted.midnight)
        require_same_kind(folder, old_dates=old.dates_only, new_dates=dates_only)
        pois, respelled, more = spelled_as(old.pois, old.users.ids().to_frame(), pois, names.to_frame())
        notes += [*more, *far_apart(old.pois, pois)]
        pois, index = merge_catalogues(old.pois, pois)
        poi = final_pois(index, len(poi))
        both, position = _one_of_each(pl.concat([old.users.ids(), respelled[USER]]))
        names, user = both, position[len(position) - len(user) :]
        notes, sources = list(dict.fromkeys(old.notes + notes)), list(dict.fromkeys(old.sources + sources))
    writer = Writer(data, names)
    for rows in _merged(new, old, user, poi[new.poi]):
        writer.add(rows)
    meta = writer.finish(pois, sources, notes, dates_only=dates_only)
    known, there = (len(old.pois), old.rows) if old else (0, 0)
    return Prepared(new.rows, meta.users, meta.pois, meta.check_ins, meta.pois - known, meta.check_ins - there, notes)


def _merged(new: _New, old: Old | None, user: Ints, poi: Ints) -> Iterator[pl.DataFrame]:
    """The check-ins of each part, in order; `user` and `poi` are what users and codes of new ones become."""
    spill = new.spill
    offsets = _joined(spill, old.spill, user, poi) if old else None
    for part in range(spill.parts):
        rows = spill.get(part)
        if rows is not None:
            yield in_moments(rows, offsets) if offsets else rows.with_columns(renumbered(rows[CODE], poi).alias(POI))
        spill.drop(part)


def _joined(spill: Spill, old: Spill, user: Ints, poi: Ints) -> Offsets:
    """Put the old rows of each part with those new ones that are not among them."""
    offsets = Offsets()
    for part in range(spill.parts):
        ours, theirs = spill.get(part), old.get(part)
        if ours is not None:
            ours = ours.select(renumbered(ours[USER], user), renumbered(ours[CODE], poi).alias(POI), TIME, UTC, ROW)
            ours = ours if theirs is None else not_in(theirs, ours)
        there = [rows for rows in (theirs, ours) if rows is not None]
        if there:
            both = pl.concat(there)
            offsets.add(both)
            spill.replace(part, both)
        old.drop(part)
    return offsets
