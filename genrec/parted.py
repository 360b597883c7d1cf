"""A prepared folder in parts: check-ins that need not fit into memory, the check-ins of a person in one part.

    DIR/meta.json                 what the parts hold, with their hashes; names the folder of data
    DIR/data.N/people.parquet     user_id, part, check_ins; a row a person
    DIR/data.N/pois.parquet       the catalogue
    DIR/data.N/part-0000.parquet  user_id, poi, time, utc_time, moment, row; by user and in order, in small row groups

`moment` and `row` order the check-ins of several persons as those of one frame are ordered. A prepare writes a new
folder of data beside the old one; meta.json, which names it, replaces its predecessor in one step.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from genrec.bounds import Count, Positive
from genrec.checkins import Checkins
from genrec.clock import MOMENT
from genrec.columns import TIME, USER
from genrec.errors import InputError
from genrec.files import file_hash, require_regular
from genrec.tables import (
    CATALOGUE_SCHEMA,
    FRAME_SCHEMA,
    Schema,
    catalogue_problem,
    frame_problem,
    read_table,
    require_table,
)
from genrec.validation import read_json

META, POIS, PEOPLE = "meta.json", "pois.parquet", "people.parquet"
PART, ROW, CHECK_INS = "part", "row", "check_ins"
ANEW = "Prepare the folder anew."

PEOPLE_SCHEMA: Schema = {USER: pl.String, PART: pl.UInt16, CHECK_INS: pl.UInt32}
PART_SCHEMA: Schema = {**FRAME_SCHEMA, MOMENT: pl.Datetime("us"), ROW: pl.UInt32}
IN_ORDER = [MOMENT, ROW]

GATHERED = 3_000_000  # check-ins that are held of people who are asked about one after the other

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Part(BaseModel):
    """One file of check-ins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check_ins: Count
    sha256: Hash


class PartedMeta(BaseModel):
    """The content of meta.json. `last_row`: the highest number of a row, of those added next the lowest but one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[2] = 2
    data: Annotated[str, Field(pattern=r"^data\.[0-9]{1,9}$")]
    sources: list[str]
    users: Positive
    pois: Positive
    check_ins: Positive
    catalogue: str
    notes: list[str]
    sha256: dict[str, Hash]
    parts: Annotated[list[Part], Field(min_length=1, max_length=1 << 16)]
    last_row: Count
    dates_only: bool = False


def is_parted(folder: Path) -> bool:
    """Whether a folder's meta.json says that it is in parts; a damaged one does not."""
    meta = folder / META
    return meta.is_file() and '"format": 2' in meta.read_bytes()[:200].decode(errors="replace")


@dataclass(frozen=True)
class Cut:
    """The first check-in, in the order of all, that is not known yet."""

    moment: datetime
    row: int

    def before(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of a part that are known."""
        at, number = pl.col(MOMENT), pl.col(ROW)
        return rows.filter((at < self.moment) | ((at == self.moment) & (number < self.row)))


def part_name(number: int) -> str:
    """The file of a part."""
    return f"part-{number:04d}.parquet"


class Parted:
    """A prepared folder in parts, opened; each file is held against its hash when it is first read.

    Raises InputError, here and when a part is read, for what is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta = read_json(folder / META, PartedMeta, "a description of prepared data in parts", fix=ANEW)
        self._data = folder / self.meta.data
        self._checked: set[int] = set()

    @cached_property
    def pois(self) -> pl.DataFrame:
        """The catalogue."""
        path = self._whole(POIS, self.meta.sha256.get(POIS))
        pois = read_table(path, CATALOGUE_SCHEMA, rows=self.meta.pois, others=True, fix=ANEW)
        if problem := catalogue_problem(pois):
            raise InputError(f"{problem}.", file=path, fix=ANEW)
        return pois

    @cached_property
    def people(self) -> pl.DataFrame:
        """All persons, those of a part together: `user_id`, `part`, `check_ins`."""
        path = self._whole(PEOPLE, self.meta.sha256.get(PEOPLE))
        return read_table(path, PEOPLE_SCHEMA, rows=self.meta.users, fix=ANEW)

    def part(self, number: int, users: Collection[str] | None = None) -> pl.DataFrame:
        """The check-ins of a part, or of some persons in it, with their `moment` and `row`."""
        rows = self._scanned(number)
        if users is not None:
            rows = rows.filter(pl.col(USER).is_in(sorted(users)))
        return rows.collect()

    def last(self) -> datetime:
        """The latest local time of all check-ins."""
        latest = (self._scanned(number).select(pl.col(TIME).max()) for number in range(len(self.meta.parts)))
        found: datetime = max(time.collect().item() for time in latest)
        return found

    def cut(self, as_of: datetime) -> Cut | None:
        """Where the check-ins before a local time end, as `genrec.clock.before` cuts them; None: all are before it."""
        ahead = pl.col(TIME) >= as_of
        late = [self._earliest(self._scanned(number).filter(ahead)) for number in range(len(self.meta.parts))]
        found = [rows.select(IN_ORDER).row(0) for rows in late if len(rows)]
        return Cut(*min(found)) if found else None

    def first(self) -> datetime:
        """The local time of the first check-in, in the order of all."""
        found = [self._earliest(self._scanned(number)).row(0) for number in range(len(self.meta.parts))]
        time: datetime = min(found)[2]
        return time

    def any_before(self, as_of: datetime, users: Collection[str]) -> bool:
        """Whether any of some persons has check-ins before a local time."""
        cut, rows = self.cut(as_of), self.rows(users)
        return not (cut.before(rows) if cut else rows).is_empty()

    def _earliest(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """The first of some rows of a part, if there are any: `moment`, `row`, `time`."""
        return rows.select(*IN_ORDER, TIME).sort(IN_ORDER).head(1).collect()

    def _scanned(self, number: int) -> pl.LazyFrame:
        expected, path = self.meta.parts[number], self._data / part_name(number)
        if number not in self._checked:
            self._whole(path.name, expected.sha256)
            require_table(path, PART_SCHEMA, rows=expected.check_ins, fix=ANEW)
            self._checked.add(number)
        return pl.scan_parquet(path, glob=False)

    def parts(self) -> Iterator[pl.DataFrame]:
        """All parts, one after the other."""
        return map(self.part, range(len(self.meta.parts)))

    def rows(self, users: Collection[str]) -> pl.DataFrame:
        """The check-ins of some persons, as `part` has them: only the parts that hold them are read."""
        where = self.people.filter(pl.col(USER).is_in(sorted(users)))
        found = [self.part(number, names[USER].to_list()) for (number,), names in where.group_by(PART)]
        return pl.concat(found) if found else self.part(0).clear()

    def of(self, users: Collection[str]) -> Checkins:
        """The check-ins of some persons, with the whole catalogue."""
        return self.checkins(self.rows(users))

    def whole(self) -> Checkins:
        """All check-ins, in memory."""
        checkins = self.checkins(pl.concat(self.parts()))
        if len(self.people) != checkins.frame[USER].hash().n_unique():
            raise InputError("is not of the parts: its number of users differs.", file=self.folder / META, fix=ANEW)
        return checkins

    def batches(self, most: int) -> Iterator[list[str]]:
        """All persons in lists of at most `most`, each of one part."""
        for _, persons in self.people.group_by(PART, maintain_order=True):
            for batch in persons.iter_slices(most):
                yield batch[USER].to_list()

    def checkins(self, rows: pl.DataFrame) -> Checkins:
        """Rows of parts as check-ins."""
        frame = rows.sort(IN_ORDER).select(FRAME_SCHEMA.keys())
        if problem := frame_problem(frame, len(self.pois)):
            raise InputError(f"{problem}.", file=self._data, fix=ANEW)
        return Checkins(frame, self.pois, str(self.folder), self.meta.notes, self.meta.dates_only)

    def _whole(self, name: str, sha256: str | None) -> Path:
        path = self._data / name
        if path.exists():
            require_regular(path)
        if not path.exists() or file_hash(path) != sha256:
            raise InputError(f"is missing or not the file that {META} names.", file=path, fix=ANEW)
        return path


class Gathered:
    """Reads people who are asked about in an order, which need not be that of the parts: many at a time.

    Each reading goes over all parts, so it takes along whoever comes next, up to `GATHERED` check-ins in all.
    """

    def __init__(self, parted: Parted, order: Sequence[str]) -> None:
        self._parted = parted
        self._order = list(dict.fromkeys(order))
        self._place = {user: place for place, user in enumerate(self._order)}
        people = parted.people.filter(pl.col(USER).is_in(self._order))
        self._count: dict[str, int] = dict(people.select(USER, CHECK_INS).iter_rows())
        self._held: set[str] = set()
        self._rows = parted.part(0).clear()

    def rows(self, users: Collection[str]) -> pl.DataFrame:
        """The check-ins of some of these people, as the parts have them."""
        if not self._held.issuperset(users):
            self._held = {*users, *self._next(users)}
            self._rows = self._parted.rows(self._held)
        return self._rows.filter(pl.col(USER).is_in(sorted(users)))

    def _next(self, users: Collection[str]) -> Iterator[str]:
        """Those who come next, as far as there is room."""
        held = 0
        for user in self._order[min((self._place[user] for user in users), default=0) :]:
            held += self._count.get(user, 0)
            if held > GATHERED:
                return
            yield user
