"""From a file to check-ins.

`read_checkins` takes a CSV, TSV, JSON or Parquet file in a known format or with columns that the user names, repairs
what can be repaired without a doubt (and says so), and refuses the rest with the row and column.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from genrec import prepared
from genrec.ahead import ahead
from genrec.checkins import Checkins
from genrec.clock import in_order, moments
from genrec.columns import CATEGORY, LATITUDE, POI, POI_ID, TIME, USER, UTC
from genrec.errors import InputError
from genrec.ids import aligned, settled
from genrec.phrases import so_many
from genrec.reading.catalogue import COUNT, build_catalogue
from genrec.reading.clocks import Clocks, settle_clocks
from genrec.reading.formats import Layout, recognise
from genrec.reading.opening import open_source
from genrec.reading.records import read_records
from genrec.reading.rows import BadRows, OnBadRows, RowTyper
from genrec.reading.several import with_one_kind
from genrec.reading.source import Records, Source
from genrec.reading.text import BLOCK_BYTES, Progress
from genrec.reading.zones import check_timezone, local_and_utc

OWNER = "me"  # the user of a file of one person's check-ins that names nobody


def read_checkins(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    on_bad_rows: OnBadRows = "fail",
    day_first: bool | None = None,
    timezone: str | None = None,
    pois_file: Path | None = None,
    rejects: Path | None = None,
    progress: Progress | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Checkins:
    """Read check-ins from a CSV, TSV, JSON (these may be gzipped, as .gz) or Parquet file, or a prepared folder.

    White space around values is dropped. POIs are numbered by their first appearance in time.

    Args:
        path: the file, or a folder written by `genrec.prepared.prepare`, which needs none of the other arguments.
        columns: canonical name -> name in the file, for what is not recognised; in the file of POIs if that has it.
        on_bad_rows: "fail" at the first faulty row, or "skip" all of them.
        day_first: whether 3/4/2012 is in April, if no date of the file tells.
        timezone: IANA zone of the local times, if the file has UTC only.
        pois_file: the POIs' positions and categories, if they are in a file of their own (TIST2015).
        rejects: where skipped rows go (CSV: row, column, reason, line); nowhere if None.
        progress: called with (bytes read, bytes in all).
        block_bytes: how much of the file to hold as text at a time.

    Raises:
        InputError: the file, one of its columns or (unless skipped) one of its rows cannot be used.
        GenRecError: `timezone` does not exist.

    """
    if path.is_dir():
        if columns or timezone or pois_file or day_first is not None:
            raise InputError("options for reading a file do not apply to a prepared folder.", file=path)
        return Checkins(*prepared.load(path))
    opened = open_checkins(
        path,
        columns=columns or {},
        on_bad_rows=on_bad_rows,
        day_first=day_first,
        timezone=timezone,
        pois_file=pois_file,
        rejects=rejects,
    )
    return gathered(opened, timezone, progress, block_bytes)


def gathered(
    opened: "Opened", timezone: str | None, progress: Progress | None, block_bytes: int = BLOCK_BYTES
) -> Checkins:
    """All check-ins of an opened file, in memory; arguments and errors as of `read_checkins`."""
    notes, source = opened.notes, str(opened.source.path)
    rows = pl.concat(opened.blocks(block_bytes, progress))
    rows = with_one_spelling(rows, USER, notes)
    rows = with_one_spelling(rows, POI_ID, notes)
    if opened.pois is not None:
        rows = as_in_pois(rows, opened.pois)
    rows, more, dates_only = local_and_utc(rows, opened.clocks.styles, timezone, source)
    notes += [*opened.clock_notes(len(rows)), *more]
    kept = distinct(rows)
    if len(kept) < len(rows):
        notes.append(duplicates_note(len(rows) - len(kept)))
    rows = _in_time_order(kept, notes)
    if opened.pois is not None:
        rows = rows.join(opened.pois, on=POI_ID, how="left", maintain_order="left")
    rows, catalogue = catalogued(rows, notes)
    frame = rows.select(pl.col(USER).cast(pl.String), POI, TIME, UTC)
    return Checkins(frame, catalogue, source, notes, dates_only)


@dataclass(frozen=True)
class Opened:
    """A file of check-ins that is ready to be read.

    Attributes:
        notes: what was recognised so far, one line each; `blocks` adds what it drops.
        pois: the POIs of a file of their own, if there is one.

    """

    source: Source
    layout: Layout
    clocks: Clocks
    pois: pl.DataFrame | None
    bad: BadRows
    notes: list[str]

    def blocks(self, block_bytes: int = BLOCK_BYTES, progress: Progress | None = None) -> Iterator[pl.DataFrame]:
        """The good rows, typed, in the file's order."""
        typer = RowTyper(self.layout, self.clocks, self.bad, _only_pois(self.pois))
        records = read_records(self.source, self.layout, typer.columns, block_bytes, progress)
        owner = pl.lit(OWNER, pl.Categorical).alias(USER)
        for rows in _typed(records, typer, self.bad, self.notes):
            yield rows.with_columns(owner) if self.layout.of_one_person else rows
        if self.layout.of_one_person:
            self.notes.append(f"the file names no user: all check-ins are taken to be of one person, called {OWNER!r}")

    def clock_notes(self, rows: int) -> list[str]:
        """How its times are read."""
        return [f"{rows:,} rows: {decision}" for decision in self.clocks.notes]


def open_checkins(
    path: Path,
    *,
    columns: Mapping[str, str],
    on_bad_rows: OnBadRows,
    day_first: bool | None,
    timezone: str | None,
    pois_file: Path | None,
    rejects: Path | None,
) -> Opened:
    """Recognise a file of check-ins; arguments and errors as of `read_checkins`."""
    if timezone:
        check_timezone(timezone)
    source, places = open_source(path), open_source(pois_file) if pois_file else None
    layout, layout_of_places = recognise(source, places, columns)
    notes = [*source.notes, *layout.notes]
    pois = _read_pois(places, layout_of_places, on_bad_rows, rejects, notes) if places and layout_of_places else None
    bad = BadRows(path, on_bad_rows, rejects)
    return Opened(source, layout, settle_clocks(source, layout, day_first, columns), pois, bad, notes)


def with_one_spelling(rows: pl.DataFrame, column: str, notes: list[str]) -> pl.DataFrame:
    """The rows with one spelling of each id of users or POIs."""
    ids, respelled = settled(rows[column])
    if not respelled:
        return rows
    what = "users" if column == USER else "POIs"
    notes.append(f"{respelled:,} ids of {what} are decimals: read as whole numbers (12 for 12.0)")
    return rows.with_columns(ids)


def as_in_pois(rows: pl.DataFrame, pois: pl.DataFrame) -> pl.DataFrame:
    """The rows with the ids of POIs spelled as in the file of POIs."""
    known = rows[POI_ID].unique().cast(pl.String)
    if spellings := aligned(known, pois[POI_ID].cast(pl.String)):
        ids = rows[POI_ID].cast(pl.String).replace(spellings)
        rows = rows.with_columns(ids.cast(pl.Categorical))
    return rows


def _only_pois(pois: pl.DataFrame | None) -> pl.Series | None:
    """The ids of the POIs that check-ins can be at: those in the file of POIs, if it says where they are."""
    return None if pois is None or LATITUDE not in pois.columns else pois[POI_ID].cast(pl.String)


def catalogued(rows: pl.DataFrame, notes: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows (as of `build_catalogue`) with the numbers of their POIs, and the catalogue of what is said of these."""
    rows = with_one_kind(rows.with_columns(_poi_index(rows[POI_ID])), notes)
    nameless = rows.filter(pl.col(CATEGORY).is_null()) if CATEGORY in rows.columns else rows
    if unknown := int(nameless[COUNT].sum()) if COUNT in rows.columns else len(nameless):
        notes.append(f"{unknown:,} check-ins have no category")
    catalogue, more = build_catalogue(rows)
    notes += more
    return rows, catalogue


def _typed(records: Iterator[Records], typer: RowTyper, bad: BadRows, notes: list[str]) -> Iterator[pl.DataFrame]:
    """The good rows of a file, typed, in its order."""
    blanks = others = count = 0
    with bad:
        for block in ahead(records):
            rows = typer.rows(block)
            blanks += block.blanks
            others += block.others
            count += len(rows)
            yield rows
        if not count:
            reason = f"all {bad.count:,} rows are bad; the first: {bad.first}" if bad.count else "a header but no rows."
            raise InputError(reason, file=bad.source)
    if blanks:
        notes.append(f"dropped {blanks:,} blank lines")
    if others:
        notes.append(f"left out {others:,} entries that are not visits, such as journeys and paths")
    notes += [*typer.notes(), *bad.notes()]


def _read_pois(
    source: Source, layout: Layout, on_bad_rows: OnBadRows, rejects: Path | None, notes: list[str]
) -> pl.DataFrame:
    """The POIs of a file of their own, one row each; its skipped rows go beside `rejects`."""
    bad = BadRows(source.path, on_bad_rows, rejects and rejects.with_name(f"pois-{rejects.name}"))
    own = [*source.notes, *layout.notes]
    typer = RowTyper(layout, None, bad)
    rows = pl.concat(_typed(read_records(source, layout, typer.columns), typer, bad, own))
    ids, _ = settled(rows[POI_ID])
    rows = rows.with_columns(ids)
    pois = rows.unique(POI_ID, keep="first", maintain_order=True)
    if len(pois) < len(rows):
        own.append(f"dropped {len(rows) - len(pois):,} repeated POIs")
    notes += [f"{source.path.name}: {note}" for note in own]
    return pois


def distinct(rows: pl.DataFrame, by: Sequence[str] | None = None) -> pl.DataFrame:
    """Without the exact duplicates, of which the first stays; `by`: the columns that count."""
    # Comparing hashes first keeps the memory of a large file down: few rows are left to compare in full.
    columns = list(by or rows.columns)
    suspects = rows.select(columns).hash_rows().is_duplicated()
    if not suspects.any():
        return rows
    numbered = rows.select(columns).with_row_index("nth")
    repeated = numbered.filter(suspects)
    kept = repeated.unique(columns, keep="first")
    dropped = repeated["nth"].filter(~repeated["nth"].is_in(kept["nth"].to_list()))
    if not len(dropped):
        return rows
    return rows.filter(pl.repeat(True, len(rows), eager=True).scatter(dropped, False))


def duplicates_note(dropped: int) -> str:
    """What is said of exact duplicates."""
    return f"dropped {dropped:,} exact duplicates"


def _in_time_order(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    late = int((moments(rows).diff().dt.total_microseconds() < 0).sum())
    if not late:
        return rows
    notes.append(late_note(late))
    return in_order(rows)


def late_note(late: int) -> str:
    """What is said of rows out of order."""
    return f"sorted by time: {so_many(late, 'row')} came earlier than the row before them"


def _poi_index(ids: pl.Series) -> pl.Series:
    """The dense index of each POI id (Categorical), by first appearance."""
    codes = ids.to_physical().to_numpy()
    order = ids.to_physical().unique(maintain_order=True).to_numpy()
    index = np.zeros(int(order.max()) + 1, np.uint32)
    index[order] = np.arange(len(order), dtype=np.uint32)
    return pl.Series(POI, index[codes])
