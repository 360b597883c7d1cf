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
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from genrec.bounds import Positive
from genrec.checkins import Checkins
from genrec.clock import all_midnight, in_order, moments
from genrec.columns import POI, POI_ID, TIME, USER, UTC
from genrec.errors import GenRecError, InputError
from genrec.files import atomic_path, file_hash, one_writer, require_only, require_regular, write_text
from genrec.merging import merged
from genrec.parted import Parted, PartedMeta, is_parted
from genrec.tables import CATALOGUE_SCHEMA, FRAME_SCHEMA, catalogue_problem, frame_problem, read_table
from genrec.validation import read_json

CHECKINS, POIS, META = "checkins.parquet", "pois.parquet", "meta.json"
STAGED = ".new"
ANEW = "Prepare the folder anew."


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
    """What a prepare did: check-ins that it was given, counts after it, and how many of them were new."""

    read: int
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


def places_known(pois: pl.DataFrame, catalogue: str) -> int | None:
    """How many places a catalogue had when its hash was this; None if it did not grow from one of that hash."""
    digest, known = hashlib.sha256(b"["), None
    for number, pair in enumerate(pois.sort(POI).select(POI, POI_ID).iter_rows(), 1):
        digest.update((", " if number > 1 else "").encode() + json.dumps(pair).encode())
        whole = digest.copy()
        whole.update(b"]")
        if whole.hexdigest()[:16] == catalogue:
            known = number
    return known


def load(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, str, list[str], bool]:
    """Read a prepared folder.

    Returns:
        frame, pois, source, notes, dates_only: the attributes of `Checkins`.

    Raises:
        InputError: it is no prepared folder, or it is damaged.

    """
    if is_parted(folder):
        parted = Parted(folder)
        checkins = parted.whole()
        return checkins.frame, checkins.pois, checkins.source, checkins.notes, checkins.dates_only
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
    read = len(frame)
    dates_only = checkins.dates_only
    if is_parted(folder):
        raise InputError("is in parts: only files are added to it.", file=folder, fix="Name another folder.")
    if (folder / META).exists():
        old = read_meta(folder)
        old_frame, old_pois, *_ = load(folder)
        _put_in_place(folder, old)
        dates_only = dates_only or (old.dates_only and all_midnight(frame[TIME]))
        require_same_kind(folder, old_dates=old.dates_only, new_dates=dates_only)
        known_pois, known_check_ins = len(old_pois), len(old_frame)
        both = merged(Checkins(old_frame, old_pois, str(folder), old.notes), checkins)
        pois, frame, notes = both.pois, both.frame, both.notes
        sources = list(dict.fromkeys(old.sources + sources))
    try:
        meta = _write(folder, replace(checkins, frame=frame, pois=pois, notes=notes, dates_only=dates_only), sources)
    except OSError as error:
        raise GenRecError(f"{folder} cannot be written ({error}).") from error
    return Prepared(
        read, meta.users, len(pois), len(frame), len(pois) - known_pois, len(frame) - known_check_ins, notes
    )


def notes_of(folder: Path) -> list[str]:
    """What was noted when a folder was prepared; nothing if it is none yet."""
    if not (folder / META).exists():
        return []
    return meta_of(folder).notes


def require_ours(folder: Path) -> None:
    """Raise GenRecError if a folder is not a prepared one, and holds more than what a killed prepare leaves there."""
    if folder.is_dir() and not (folder / META).exists():
        left = [path.name for pattern in ("data.*", "rejects*", f"*{STAGED}") for path in folder.glob(pattern)]
        require_only(folder, {*left, CHECKINS, POIS})


def require_same_kind(folder: Path, *, old_dates: bool, new_dates: bool) -> None:
    """Raise InputError if times are added to dates without hours, or dates to times."""
    if old_dates != new_dates:
        there, here = ("dates without hours", "hours") if old_dates else ("hours", "dates without hours")
        raise InputError(
            f"its times are {there}, the new ones are {here}.", file=folder, fix="Prepare them into another folder."
        )


def people(folder: Path, users: Collection[str]) -> Checkins:
    """The check-ins of some persons of a prepared folder, with the whole catalogue.

    Of a folder in parts only those are read that hold them. Raises InputError as `load`.
    """
    if is_parted(folder):
        return Parted(folder).of(users)
    checkins = Checkins(*load(folder))
    return replace(checkins, frame=checkins.frame.filter(pl.col(USER).is_in(sorted(users))))


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


def meta_of(folder: Path) -> Meta | PartedMeta:
    """What a prepared folder of either format says of itself; raises InputError if it is none."""
    return Parted(folder).meta if is_parted(folder) else read_meta(folder)


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
