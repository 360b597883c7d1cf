"""From a file to check-ins.

`read_checkins` takes a CSV, TSV, JSON or Parquet file in a known format or with columns that the user names, repairs
what can be repaired without a doubt (and says so), and refuses the rest with the row and column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from genrec.reading.catalogue import build_catalogue
from genrec.reading.clocks import settle_clocks
from genrec.reading.formats import Layout, recognise
from genrec.reading.opening import open_source
from genrec.reading.records import read_records
from genrec.reading.rows import BadRows, OnBadRows, RowTyper
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
    if timezone:
        check_timezone(timezone)
    source, places = open_source(path), open_source(pois_file) if pois_file else None
    layout, layout_of_places = recognise(source, places, columns or {})
    notes = [*source.notes, *layout.notes]
    pois = _read_pois(places, layout_of_places, on_bad_rows, rejects, notes) if places and layout_of_places else None
    bad = BadRows(path, on_bad_rows, rejects)
    clocks = settle_clocks(source, layout, day_first, columns or {})
    typer = RowTyper(layout, clocks, bad, _only_pois(pois))
    rows = _collect(read_records(source, layout, typer.columns, block_bytes, progress), typer, bad, notes)
    rows = _with_ids_settled(_with_owner(rows, layout, notes), pois, notes)
    rows, more, dates_only = local_and_utc(rows, clocks.styles, timezone, str(path))
    notes += [*(f"{len(rows):,} rows: {decision}" for decision in clocks.notes), *more]
    rows = _in_time_order(_distinct(rows, notes), notes)
    if pois is not None:
        rows = rows.join(pois, on=POI_ID, how="left", maintain_order="left")
    return replace(_assemble(rows, str(path), notes), dates_only=dates_only)


def _with_owner(rows: pl.DataFrame, layout: Layout, notes: list[str]) -> pl.DataFrame:
    """The rows with a user, also those of a file that does not name the one person whose they are."""
    if not layout.of_one_person:
        return rows
    notes.append(f"the file names no user: all check-ins are taken to be of one person, called {OWNER!r}")
    return rows.with_columns(pl.lit(OWNER, pl.Categorical).alias(USER))


def _with_ids_settled(rows: pl.DataFrame, pois: pl.DataFrame | None, notes: list[str]) -> pl.DataFrame:
    """The rows with one spelling of each id: for POIs that of their own file, if there is one."""
    for column, what in ((USER, "users"), (POI_ID, "POIs")):
        ids, respelled = settled(rows[column])
        if respelled:
            notes.append(f"{respelled:,} ids of {what} are decimals: read as whole numbers (12 for 12.0)")
            rows = rows.with_columns(ids)
    if pois is not None:
        known = rows[POI_ID].unique().cast(pl.String)
        if spellings := aligned(known, pois[POI_ID].cast(pl.String)):
            ids = rows[POI_ID].cast(pl.String).replace(spellings)
            rows = rows.with_columns(ids.cast(pl.Categorical))
    return rows


def _only_pois(pois: pl.DataFrame | None) -> pl.Series | None:
    """The ids of the POIs that check-ins can be at: those in the file of POIs, if it says where they are."""
    return None if pois is None or LATITUDE not in pois.columns else pois[POI_ID].cast(pl.String)


def _assemble(rows: pl.DataFrame, source: str, notes: list[str]) -> Checkins:
    """Number the POIs of `rows` (in time order) and move what is said about them to the catalogue."""
    rows = rows.with_columns(_poi_index(rows[POI_ID]))
    if unknown := rows[CATEGORY].null_count() if CATEGORY in rows.columns else len(rows):
        notes.append(f"{unknown:,} check-ins have no category")
    catalogue, more = build_catalogue(rows)
    frame = rows.select(pl.col(USER).cast(pl.String), POI, TIME, UTC)
    return Checkins(frame, catalogue, source, notes + more)


def _collect(records: Iterator[Records], typer: RowTyper, bad: BadRows, notes: list[str]) -> pl.DataFrame:
    """All good rows of a file, typed, in its order."""
    blanks, blocks = 0, []
    with bad:
        for block in ahead(records):
            blocks.append(typer.rows(block))
            blanks += block.blanks
        rows = pl.concat(blocks) if blocks else pl.DataFrame()
        if not len(rows):
            reason = f"all {bad.count:,} rows are bad; the first: {bad.first}" if bad.count else "a header but no rows."
            raise InputError(reason, file=bad.source)
    if blanks:
        notes.append(f"dropped {blanks:,} blank lines")
    notes += bad.notes()
    return rows


def _read_pois(
    source: Source, layout: Layout, on_bad_rows: OnBadRows, rejects: Path | None, notes: list[str]
) -> pl.DataFrame:
    """The POIs of a file of their own, one row each; its skipped rows go beside `rejects`."""
    bad = BadRows(source.path, on_bad_rows, rejects and rejects.with_name(f"pois-{rejects.name}"))
    own = [*source.notes, *layout.notes]
    typer = RowTyper(layout, None, bad)
    rows = _collect(read_records(source, layout, typer.columns), typer, bad, own)
    ids, _ = settled(rows[POI_ID])
    rows = rows.with_columns(ids)
    pois = rows.unique(POI_ID, keep="first", maintain_order=True)
    if len(pois) < len(rows):
        own.append(f"dropped {len(rows) - len(pois):,} repeated POIs")
    notes += [f"{source.path.name}: {note}" for note in own]
    return pois


def _distinct(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Without the exact duplicates, of which the first stays."""
    # Comparing hashes first keeps the memory of a large file down: few rows are left to compare in full.
    suspects = rows.hash_rows().is_duplicated()
    if not suspects.any():
        return rows
    numbered = rows.with_row_index("row")
    repeated = numbered.filter(suspects)
    kept = repeated.unique(rows.columns, keep="first")
    dropped = repeated["row"].filter(~repeated["row"].is_in(kept["row"].to_list()))
    if not len(dropped):
        return rows
    notes.append(f"dropped {len(dropped):,} exact duplicates")
    return rows.filter(pl.repeat(True, len(rows), eager=True).scatter(dropped, False))


def _in_time_order(rows: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    late = int((moments(rows).diff().dt.total_microseconds() < 0).sum())
    if not late:
        return rows
    notes.append(f"sorted by time: {late:,} rows came earlier than the row before them")
    return in_order(rows)


def _poi_index(ids: pl.Series) -> pl.Series:
    """The dense index of each POI id (Categorical), by first appearance."""
    codes = ids.to_physical().to_numpy()
    order = ids.to_physical().unique(maintain_order=True).to_numpy()
    index = np.zeros(int(order.max()) + 1, np.uint32)
    index[order] = np.arange(len(order), dtype=np.uint32)
    return pl.Series(POI, index[codes])
