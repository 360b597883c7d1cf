"""First pass: from a file, or a prepared folder that is added to, to rows of numbers, by part."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, OFFSET, POI, REGION, TIME, USER, UTC
from genrec.errors import GenRecError
from genrec.parted import ROW, Parted, is_parted
from genrec.prepared import load, read_meta
from genrec.reading.reader import Opened
from genrec.reading.rows import ZONE
from genrec.reading.text import Progress
from genrec.reading.zones import ClockFacts
from genrec.streaming.codes import CODE, Descriptions, Groups, Users
from genrec.streaming.spill import MOST_PARTS, Spill, indices

CHUNK = 1_000_000  # rows that are numbered together
PART = 3_000_000  # rows of a part, about
MOST_ROWS = 1 << 32
SAID = (CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, REGION)  # of a place


@dataclass
class Old:
    """The check-ins of the folder that is added to.

    Attributes:
        pois, notes, sources, dates_only: as its meta.json has them.
        rows: how many there are.
        last_row: their highest row number.
        users: their users, numbered.
        spill: the rows by part: `user_id` (the number), `poi`, `time`, `utc_time`, `row`.

    """

    pois: pl.DataFrame
    notes: list[str]
    sources: list[str]
    dates_only: bool
    rows: int
    last_row: int
    users: Users
    spill: Spill


@dataclass
class Intake:
    """The rows of a file by part, and what all of them together say.

    In `spill`: `user_id` and `code` (numbers of `users` and `said()`), `row`, and the times as RowTyper gives them.
    """

    spill: Spill
    groups: Groups = field(default_factory=Groups)
    facts: ClockFacts = field(default_factory=ClockFacts)
    rows: int = 0
    first_row: int = 0

    def __post_init__(self) -> None:
        """Nobody and nothing is known yet."""
        self.users = Users(self.groups)
        self._said: Descriptions | None = None
        self.time_columns: list[str] = []

    def said(self) -> pl.DataFrame:
        """What was said of places: a row a `code`."""
        return self._said.table() if self._said else pl.DataFrame()

    def put(self, chunk: pl.DataFrame) -> None:
        """Take in typed rows, which follow those before."""
        if self._said is None:
            self._said = Descriptions([column for column in SAID if column in chunk.columns])
            times = (TIME, UTC, OFFSET)
            self.time_columns = [c for c in chunk.columns if c in times or c.startswith(ZONE)]
        self.facts.add(chunk)
        user, group = self.users.numbers(chunk[USER])
        number = np.arange(self.rows, self.rows + len(chunk)) + self.first_row
        if int(number[-1]) >= MOST_ROWS:
            raise GenRecError("these are more check-ins than a prepared folder can number (4,294,967,296)")
        rows = chunk.select(self.time_columns).with_columns(pl.col(pl.Categorical).cast(pl.String))
        columns = [indices(user).alias(USER), self._said.numbers(chunk).alias(CODE), indices(number).alias(ROW)]
        self.spill.put(rows.with_columns(columns), group)
        self.rows += len(chunk)


def take_in(opened: Opened, home: Path, before: int, first_row: int, progress: Progress | None) -> Intake:
    """All rows of a file; `before`: how many there are in the folder already, `first_row`: the number of the first."""
    intake: Intake | None = None
    waiting: list[pl.DataFrame] = []
    share = [0.0]  # of the file that has been read

    def watch(done: int, total: int) -> None:
        share[0] = done / max(total, 1)
        if progress:
            progress(done, total)

    for rows in opened.blocks(progress=watch):
        waiting.append(rows)
        if sum(map(len, waiting)) >= CHUNK:
            chunk = pl.concat(waiting)
            waiting.clear()
            intake = intake or _begun(home, before + int(len(chunk) / max(share[0], 1e-6)), first_row)
            intake.put(chunk)
    rest = pl.concat(waiting) if waiting else pl.DataFrame()
    intake = intake or _begun(home, before + len(rest), first_row)
    if len(rest):
        intake.put(rest)
    return intake


def _begun(home: Path, rows: int, first_row: int) -> Intake:
    return Intake(Spill(home, parts_for(rows)), first_row=first_row)


def parts_for(rows: int) -> int:
    """How many parts so many rows make."""
    return min(-(-rows // PART), MOST_PARTS) or 1


def old_of(folder: Path, home: Path, groups: Groups, parts: int) -> Old:
    """What a prepared folder holds, of either format."""
    users = Users(groups)
    spill = Spill(home, parts)
    if is_parted(folder):
        parted = Parted(folder)
        meta = parted.meta
        for rows in parted.parts():
            _put_old(rows, users, spill)
        return Old(parted.pois, meta.notes, meta.sources, meta.dates_only, meta.check_ins, meta.last_row, users, spill)
    frame, pois, _, notes, dates_only = load(folder)
    for rows in frame.with_row_index(ROW).iter_slices(CHUNK):
        _put_old(rows, users, spill)
    sources = read_meta(folder).sources
    return Old(pois, notes, sources, dates_only, len(frame), len(frame) - 1, users, spill)


def _put_old(rows: pl.DataFrame, users: Users, spill: Spill) -> None:
    if len(rows):
        number, group = users.numbers(rows[USER].cast(pl.Categorical))
        spill.put(rows.select(indices(number).alias(USER), POI, TIME, UTC, ROW), group)
