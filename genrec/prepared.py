"""The prepared folder: check-ins and their POI catalogue on disk, with POI indices that never change.

    DIR/checkins.parquet  user_id, poi, poi_id, time, utc_time
    DIR/pois.parquet      the catalogue
    DIR/meta.json         what the two hold, with their hashes

New data files are staged beside the old ones and meta.json, which names their hashes, replaces its predecessor in one
step: a reader takes for each file the version that meta.json names, so a prepare that is killed at any moment leaves
the old folder or the new one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from genrec.bounds import Positive
from genrec.checkins import Checkins
from genrec.clock import all_midnight, in_order, moments
from genrec.columns import FIRST_SEEN, POI, POI_ID, TIME, USER, UTC
from genrec.errors import GenRecError, InputError
from genrec.files import atomic_path, file_hash, one_writer, require_regular, write_text
from genrec.ids import aligned
from genrec.tables import CATALOGUE_SCHEMA, FRAME_SCHEMA, catalogue_problem, frame_problem, read_table
from genrec.validation import read_json

CHECKINS, POIS, META = "checkins.parquet", "pois.parquet", "meta.json"
STAGED = ".new"
ANEW = "Prepare the folder anew."

_IDENTITY = [USER, POI, TIME, UTC]


class Meta(BaseModel):
    """The content of meta.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    sources: list[str]
    users: Positive
    pois: Positive
    check_ins: Positive
    catalogue: str
    notes: list[str]
    sha256: dict[str, str]
    dates_only: bool = False


@dataclass(frozen=True)
class Prepared:
    """What a prepare did: counts after it, and how many of them were new."""

    users: int
    pois: int
    check_ins: int
    new_pois: int
    new_check_ins: int
    notes: list[str]


def catalogue_hash(pois: pl.DataFrame) -> str:
    """Identify a catalogue by what each `poi` index means: 16 hexadecimal digits over (`poi`, `poi_id`)."""
    pairs = pois.sort(POI).select(POI, POI_ID).rows()
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:16]


def load(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, str, list[str], bool]:
    """Read a prepared folder.

    Returns:
        frame, pois, source, notes, dates_only: the attributes of `Checkins`.

    Raises:
        InputError: it is no prepared folder, or it is damaged.

    """
    meta = read_meta(folder)
    tables = {name: _current(folder, name, meta) for name in (CHECKINS, POIS)}
    pois = read_table(tables[POIS], CATALOGUE_SCHEMA, rows=meta.pois, others=True, fix=ANEW)
    frame = read_table(tables[CHECKINS], FRAME_SCHEMA, rows=meta.check_ins, fix=ANEW)
    for path, problem in ((tables[POIS], catalogue_problem(pois)), (tables[CHECKINS], frame_problem(frame, len(pois)))):
        if problem:
            raise InputError(f"{problem}.", file=path, fix=ANEW)
    if frame[USER].hash().n_unique() != meta.users:  # of hashes, which are compared faster
        raise InputError(f"is not of {CHECKINS}: its number of users differs.", file=folder / META, fix=ANEW)
    if catalogue_hash(pois) != meta.catalogue:
        raise InputError(f"is not of {POIS}: the hash of its catalogue differs.", file=folder / META, fix=ANEW)
    if not moments(frame).is_sorted():  # folders were once in the order of local times
        frame = in_order(frame)
    return frame, pois, str(folder), meta.notes, meta.dates_only


def prepare(checkins: Checkins, folder: Path) -> Prepared:
    """Write check-ins to a prepared folder, adding to what it holds.

    Known POIs keep their index and attributes, new ones are appended; check-ins that the folder already holds
    (same user, POI and times) are not doubled.

    Raises:
        InputError: `folder` is a file, or a damaged prepared folder; or of its times and the new ones, one side are
            dates without hours.
        GenRecError: `folder` cannot be written, or is being written by another process.

    """
    with one_writer(folder, folder=True):
        return _prepare(checkins, folder)


def _prepare(checkins: Checkins, folder: Path) -> Prepared:
    frame, pois, notes, sources = checkins.frame, checkins.pois, checkins.notes, [Path(checkins.source).name]
    known_pois = known_check_ins = 0
    dates_only = checkins.dates_only
    if (folder / META).exists():
        old = read_meta(folder)
        old_frame, old_pois, *_ = load(folder)
        _put_in_place(folder, old)
        dates_only = dates_only or (old.dates_only and all_midnight(frame[TIME]))
        if old.dates_only != dates_only:
            there, here = ("dates without hours", "hours") if old.dates_only else ("hours", "dates without hours")
            raise InputError(
                f"its times are {there}, the new ones are {here}.", file=folder, fix="Prepare them into another folder."
            )
        known_pois, known_check_ins = len(old_pois), len(old_frame)
        pois, frame, respelled = spelled_as(old_pois, old_frame, pois, frame)
        notes = notes + respelled
        pois, index = _merge_catalogues(old_pois, pois)
        frame = _merge_frames(old_frame, frame.with_columns(pl.col(POI).replace_strict(index, return_dtype=pl.UInt32)))
        notes, sources = list(dict.fromkeys(old.notes + notes)), list(dict.fromkeys(old.sources + sources))
    try:
        meta = _write(folder, replace(checkins, frame=frame, pois=pois, notes=notes, dates_only=dates_only), sources)
    except OSError as error:
        raise GenRecError(f"{folder} cannot be written ({error}).") from error
    return Prepared(meta.users, len(pois), len(frame), len(pois) - known_pois, len(frame) - known_check_ins, notes)


def spelled_as(
    old_pois: pl.DataFrame, old_frame: pl.DataFrame, pois: pl.DataFrame, frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """The new catalogue and check-ins with ids as the folder has them (12.0 for 12), and notes."""
    notes = []
    if spellings := aligned(pois[POI_ID], old_pois[POI_ID]):
        pois = pois.with_columns(pl.col(POI_ID).replace(spellings))
        notes.append(f"{len(spellings):,} POIs are in the folder already, their ids written with or without .0")
    if spellings := aligned(frame[USER].unique(), old_frame[USER].unique()):
        frame = frame.with_columns(pl.col(USER).replace(spellings))
        notes.append(f"{len(spellings):,} users are in the folder already, their ids written with or without .0")
    return pois, frame, notes


def _merge_catalogues(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, int]]:
    """The old catalogue with the new POIs appended, and the index in it of each POI of `new`."""
    appended = new.join(old, on=POI_ID, how="anti", maintain_order="left")
    index = pl.int_range(len(old), len(old) + len(appended), dtype=pl.UInt32, eager=True)
    seen = new.group_by(POI_ID).agg(pl.col(FIRST_SEEN).min())
    earlier = old.select(POI_ID).join(seen, on=POI_ID, how="left", maintain_order="left")
    old = old.with_columns(pl.min_horizontal(FIRST_SEEN, earlier[FIRST_SEEN].alias("other")).alias(FIRST_SEEN))
    merged = pl.concat([old, appended.with_columns(index.alias(POI))], how="diagonal")
    merged = merged.select([c for c in merged.columns if c != FIRST_SEEN] + [FIRST_SEEN])
    position = dict(zip(merged[POI_ID], merged[POI], strict=True))
    return merged, {poi: position[poi_id] for poi, poi_id in zip(new[POI], new[POI_ID], strict=True)}


def _merge_frames(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The union, in time order: of n equal check-ins here and m there, max(n, m) remain."""
    coded = pl.col(USER).cast(pl.Categorical)  # half the memory of strings
    old, new = old.with_columns(coded), new.with_columns(coded)
    union = in_order(pl.concat([old, not_in(old, new)]))
    return union.with_columns(pl.col(USER).cast(pl.String))


def not_in(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The new check-ins that are not there yet: of n equal ones here and m there, m - n if that is positive."""
    return (
        new.with_columns(_nth(new))
        .join(old.with_columns(_nth(old)), on=[*_IDENTITY, "nth"], how="anti", nulls_equal=True, maintain_order="left")
        .drop("nth")
    )


def _nth(frame: pl.DataFrame) -> pl.Series:
    """How many check-ins equal to a row come before it."""
    nth = pl.zeros(len(frame), pl.UInt32, eager=True).alias("nth")
    equal = frame.hash_rows().is_duplicated()  # with few, a window over all rows would be a waste
    if not equal.any():
        return nth
    counted = frame.filter(equal).select(pl.int_range(pl.len(), dtype=pl.UInt32).over(_IDENTITY)).to_series()
    return nth.scatter(equal.arg_true(), counted)


def _write(folder: Path, checkins: Checkins, sources: list[str]) -> Meta:
    frame, pois = checkins.frame, checkins.pois
    tables = {
        CHECKINS: frame.with_columns(pois[POI_ID].gather(frame[POI])).select(USER, POI, POI_ID, TIME, UTC),
        POIS: pois,
    }
    before = (folder / META).stat().st_ino if (folder / META).exists() else None
    try:
        meta = _stage(folder, tables, checkins, sources)
        write_text(folder / META, meta.model_dump_json(indent=2) + "\n", private=True)
    except BaseException:
        if not (folder / META).exists() or (folder / META).stat().st_ino == before:  # else it speaks of these already
            for name in tables:
                (folder / f"{name}{STAGED}").unlink(missing_ok=True)
        raise
    _put_in_place(folder, meta)
    return meta


def _stage(folder: Path, tables: Mapping[str, pl.DataFrame], checkins: Checkins, sources: list[str]) -> Meta:
    """Write tables beside those that are there, and describe them."""
    sha256 = {}
    for name, table in tables.items():
        with atomic_path(folder / f"{name}{STAGED}", private=True, like=folder / name) as temporary:
            table.write_parquet(temporary)
            sha256[name] = file_hash(temporary)
    return Meta(
        sources=sources,
        users=checkins.frame[USER].n_unique(),
        pois=len(tables[POIS]),
        check_ins=len(checkins.frame),
        catalogue=catalogue_hash(tables[POIS]),
        notes=checkins.notes,
        sha256=sha256,
        dates_only=checkins.dates_only,
    )


def _put_in_place(folder: Path, meta: Meta) -> None:
    """Give the files that meta.json names their final names, those too that a killed prepare left staged."""
    for name in (CHECKINS, POIS):
        current = _current(folder, name, meta)
        if current != folder / name:
            current.replace(folder / name)
        (folder / f"{name}{STAGED}").unlink(missing_ok=True)  # of a table that stays as it was


def read_meta(folder: Path) -> Meta:
    """What a prepared folder says of itself; raises InputError if it is none."""
    if not (folder / META).exists():
        raise InputError(
            f"is a folder without {META}: not a prepared one.",
            file=folder,
            fix="Name a CSV file, or run genrec data prepare.",
        )
    return read_json(folder / META, Meta, "a description of prepared data", fix=ANEW)


def _current(folder: Path, name: str, meta: Meta) -> Path:
    """The file, staged or in place, that meta.json means."""
    for path in (folder / name, folder / f"{name}{STAGED}"):
        if path.exists():
            require_regular(path)
        if path.exists() and file_hash(path) == meta.sha256.get(name):
            return path
    raise InputError(f"is missing or not the file that {META} names.", file=folder / name, fix=ANEW)
