"""What everybody's visits before a moment say, counted part by part: evidence for a few people of a city of any size.

The large tables lie in files of a work folder and are looked up there, by as many processes as like to; what is added
up over all persons (a number a place or an hour) is held. Persons are numbered as the folder lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from genrec.clock import MOMENT
from genrec.columns import CATEGORY, POI, TIME, USER
from genrec.habits import CityHabits
from genrec.parted import ROW, Cut, Parted
from genrec.rankers.places import Places
from genrec.rankers.sparse import Ints, KeptRows, Keyed
from genrec.rankers.stepping import StepFiles
from genrec.rankers.steps import DAY, GAP, CrowdSteps, Visits, steps_from
from genrec.rankers.tables import ALL, DECAYS, Crowd, seconds, unit_tastes
from genrec.tallies import Steps as TalliedSteps
from genrec.tallies import ranges
from genrec.trajectories import steps

MOVED = 100_000  # persons at a time
ROWS_KEPT = 100_000  # places whose visitors' other places are remembered


@dataclass(eq=False)
class Everybody:
    """What all persons' visits before `as_of` say; see `genrec.rankers.tables.Others`.

    Attributes:
        cut: where what is known ends; None if all is known.
        habits: the visits counted by place and kind.
        place_hours: (places, 24) visits.
        all_steps: from each place, within trajectories.

    """

    as_of: datetime
    cut: Cut | None
    people: pl.DataFrame
    habits: CityHabits
    place_hours: NDArray[np.int32]
    all_steps: TalliedSteps
    crowd: Crowd
    steps: CrowdSteps
    went: csr_array
    visitors: csr_array
    distinct: Ints
    tasters: csr_array

    def __post_init__(self) -> None:
        """Nothing has been asked yet."""
        self.together_rows = KeptRows(ROWS_KEPT)

    def numbers(self, users: Sequence[str]) -> Ints:
        """The rows of persons in `went`, and of a stranger behind them."""
        asked = pl.DataFrame({USER: list(users)}, schema={USER: pl.String})
        found = asked.join(self.people, on=USER, how="left", maintain_order="left")["number"]
        return np.append(found.to_numpy(), len(self.people)).astype(np.int64)

    def known(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The check-ins of a part that are before `as_of`."""
        return self.cut.before(rows) if self.cut else rows


def count_everybody(parted: Parted, places: Places, home: Path, as_of: datetime | None = None) -> Everybody:
    """Count all parts, one after the other; `home` is a work folder for the tables. `as_of` None: after all."""
    home.mkdir(parents=True, exist_ok=True)
    last = parted.last()
    moment = as_of if as_of is not None and as_of <= last else last + timedelta(seconds=1)
    cut = parted.cut(moment) if moment <= last else None
    counted = _Counted(parted, places, home, moment)
    for number in range(len(parted.meta.parts)):
        rows = parted.part(number)
        counted.add(cut.before(rows) if cut else rows)
    return counted.finished(moment, cut)


class _Counted:
    """Sums over the parts so far, and files of what does not fit into memory."""

    def __init__(self, parted: Parted, places: Places, home: Path, moment: datetime) -> None:
        self._pois, self._places, self._home = parted.pois, places, home
        self._dates_only, self._as_of = parted.meta.dates_only, seconds(moment)
        self._people = parted.people.select(USER).with_row_index("number")
        self._first = np.full((2, len(self._people) + 1), np.iinfo(np.int64).max)  # moment and row of each person's
        nobody: Ints = np.zeros(0, dtype=np.int64)
        self._crowd = Crowd(Visits(nobody, nobody, np.zeros(0)), self._as_of, places)
        size, kinds = places.count, places.categories
        self._visits = np.zeros(size, dtype=np.int64)
        self._place_hours = np.zeros((size, 24), dtype=np.int32)
        self._from, self._kind = np.zeros(size), np.zeros((kinds, kinds))
        self._near, self._all = StepFiles(home / "near", size), StepFiles(home / "all", size)
        self._distinct = np.zeros(len(self._people) + 1, dtype=np.int64)
        self._went, self._mass = home / "went", home / "mass"
        for path in (self._went, self._mass):
            path.write_bytes(b"")

    def add(self, rows: pl.DataFrame) -> None:
        """Count a part; its persons lie together."""
        number = rows.select(USER).join(self._people, on=USER, how="left", maintain_order="left")["number"]
        time = rows[TIME].dt.epoch("us").to_numpy() / 1e6
        visits = Visits(number.to_numpy().astype(np.int64), rows[POI].to_numpy().astype(np.int64), time)
        person, first = np.unique(visits.user, return_index=True)
        self._first[:, person] = rows[MOMENT].dt.timestamp("us").to_numpy()[first], rows[ROW].to_numpy()[first]
        self._add_crowd(visits, rows)
        self._add_steps(visits, rows)
        self._add_went(visits)

    def _add_crowd(self, visits: Visits, rows: pl.DataFrame) -> None:
        self._crowd.add(Crowd(visits, self._as_of, self._places))
        self._visits += np.bincount(visits.poi, minlength=self._places.count)
        if not self._dates_only:
            cells = visits.poi * 24 + rows[TIME].dt.hour().to_numpy()
            self._place_hours += np.bincount(cells, minlength=self._place_hours.size).reshape(-1, 24).astype(np.int32)

    def _add_steps(self, visits: Visits, rows: pl.DataFrame) -> None:
        same = visits.user[1:] == visits.user[:-1]
        near = same & (np.diff(visits.time) < GAP)
        before, after = visits.poi[:-1][near], visits.poi[1:][near]
        self._near.add(before, after)
        left, kind = steps_from(before, after, self._places)
        self._from += left
        self._kind += kind
        taken = steps(rows)
        self._all.add(taken[POI].to_numpy().astype(np.int64), taken["after"].to_numpy().astype(np.int64))

    def _add_went(self, visits: Visits) -> None:
        keys, pair = np.unique(visits.user * self._places.count + visits.poi, return_inverse=True)
        weight = np.exp(-(self._as_of - visits.time) / DAY / DECAYS[ALL])
        self._distinct += np.bincount(keys // self._places.count, minlength=len(self._distinct))
        _append(self._went, (keys % self._places.count).astype(np.int32))
        _append(self._mass, np.bincount(pair, weight, minlength=len(keys)))

    def finished(self, moment: datetime, cut: Cut | None) -> Everybody:
        """All of it, when all parts are counted."""
        crowd, near, everything = self._crowd, self._near.merged(), self._all.merged()
        order = np.lexsort(self._first[::-1])  # a stranger is the last, and of people without visits any is
        went, visitors, tasters = self._who_went_where(crowd.visitors, order)
        return Everybody(
            as_of=moment,
            cut=cut,
            people=self._people.with_columns(pl.Series("number", np.argsort(order)[:-1])),
            habits=self._habits(moment, crowd),
            place_hours=self._place_hours,
            all_steps=TalliedSteps(everything.key, everything.count, self._places.count),
            crowd=crowd,
            steps=CrowdSteps(Keyed(near.key, near.count), self._from, self._kind, near.best(self._places.count)),
            went=went,
            visitors=visitors,
            distinct=self._distinct[order],
            tasters=tasters,
        )

    def _who_went_where(self, visitors: Ints, order: Ints) -> tuple[csr_array, csr_array, csr_array]:
        """`went`, its transpose, and the transpose of everybody's tastes; ones and indices are shared."""
        distinct = self._distinct[order]
        shape = (len(distinct), self._places.count)
        bounds = np.concatenate([[0], np.cumsum(distinct)])
        index = self._in_order(np.fromfile(self._went, dtype=np.int32), order)
        ones = np.ones(len(index))
        mass = csr_array((np.sqrt(self._in_order(np.fromfile(self._mass), order)), index, bounds), shape=shape)
        tasters = csr_array(unit_tastes(mass, visitors, distinct).T)
        by_place = csr_array((ones, tasters.indices, tasters.indptr), shape=tasters.shape)
        return csr_array((ones, index, bounds), shape=shape), by_place, tasters

    def _in_order(self, values: NDArray[Any], order: Ints) -> NDArray[Any]:
        """Values of persons side by side, in another order of the persons; some persons at a time."""
        bounds = np.concatenate([[0], np.cumsum(self._distinct)])
        moved, end = np.empty_like(values), 0
        for first in range(0, len(order), MOVED):
            some = order[first : first + MOVED]
            _, found = ranges(bounds[some], bounds[some + 1])
            moved[end : end + len(found)] = values[found]
            end += len(found)
        return moved

    def _habits(self, moment: datetime, crowd: Crowd) -> CityHabits:
        names, category = np.unique(self._pois[CATEGORY].to_numpy().astype(str), return_inverse=True)
        hours = np.zeros((len(names), 24), dtype=np.int64)
        np.add.at(hours, category, self._place_hours)
        return CityHabits(
            as_of=moment,
            visits=self._visits,
            users=crowd.visitors,
            categories=tuple(names.tolist()),
            category=category,
            category_hours=hours,
            tells_hours=not self._dates_only,
        )


def _append(path: Path, values: NDArray[np.generic]) -> None:
    with path.open("ab") as file:
        values.tofile(file)
