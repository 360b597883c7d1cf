"""From a CSV file to rankings at sizes that do not fit into memory: time and peak memory of each step.

Each step runs in a process of its own, on a synthetic city, so that its peak is its own. Beside it stand two ways of
pandas: `pandas` parses, sorts and groups with its vectorised functions; `per-row` prepares as LLM4POI's published code
does, on which GenUP builds: one Python call a value to parse and format times and to encode ids, a loop over rows for
trajectories.
"""

import json
import multiprocessing
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from genrec.city import CHECKINS, CityConfig, write_city
from genrec.cli.batch import BATCH
from genrec.in_parts import InParts
from genrec.parted import Parted
from genrec.reading.reader import open_checkins
from genrec.streaming import prepare

DAYS, SEED, K = 200, 1, 10
PEOPLE_SHARE, PLACES_SHARE = 100, 200  # check-ins a person, and a place
WHOLE_PANDAS = 10_000_000  # check-ins up to which pandas is measured, too
PER_ROW = 20_000  # rows that are prepared one by one


@dataclass(frozen=True)
class Row:
    """One step at one size. Times in seconds; `n`: check-ins, or rankings, that they are for."""

    check_ins: int
    step: str
    n: int
    wall_s: float
    cpu_s: float
    peak_gb: float

    @property
    def per_million(self) -> float:
        """Seconds of CPU for a million."""
        return self.cpu_s / self.n * 1e6


Step = Callable[[Path, int], Iterator[tuple[str, int]]]


def measure(check_ins: int, work: Path, asked: int) -> Iterator[Row]:
    """All steps of a size, in a work folder that is emptied afterwards.

    `asked`: people who are ranked for.
    """
    work.mkdir(parents=True, exist_ok=True)
    try:
        yield from _alone(generate, check_ins, work, check_ins)
        yield from _alone(prepared, check_ins, work, check_ins)
        if check_ins <= WHOLE_PANDAS:
            yield from _alone(pandas_way, check_ins, work, check_ins)
            yield from _alone(per_row, check_ins, work, PER_ROW)
        (work / CHECKINS).unlink()
        yield from _alone(ranked, check_ins, work, asked)
    finally:
        shutil.rmtree(work)


def _alone(step: Step, check_ins: int, work: Path, count: int) -> list[Row]:
    """Run a step in a new process; it may consist of several."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_timed, step, check_ins, work, count).result()


def _timed(step: Step, check_ins: int, work: Path, count: int) -> list[Row]:
    rows = []
    wall, cpu = time.perf_counter(), time.process_time()
    for name, n in step(work, count):
        now, used = time.perf_counter(), time.process_time()
        unit = 1e6 if sys.platform == "linux" else 1e9
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        rows.append(Row(check_ins, name, n, now - wall, used - cpu, peak))
        wall, cpu = now, used
    return rows


def generate(work: Path, count: int) -> Iterator[tuple[str, int]]:
    """The city; one person a hundred check-ins, one place two hundred."""
    users, pois = count // PEOPLE_SHARE, count // PLACES_SHARE
    yield "generate", write_city(CityConfig(users=users, pois=pois, days=DAYS, checkins=count, seed=SEED), work)


def prepared(work: Path, _: int) -> Iterator[tuple[str, int]]:
    """`genrec data prepare`, in a stream whatever the size."""
    opened = open_checkins(
        work / CHECKINS, columns={}, on_bad_rows="fail", day_first=None, timezone=None, pois_file=None, rejects=None
    )
    yield "prepare", prepare(opened, work / "prepared").check_ins


def ranked(work: Path, count: int) -> Iterator[tuple[str, int]]:
    """Everybody counted as of the end, and rankings with reasons for some people in the order of the parts."""
    parted = Parted(work / "prepared")
    users = [user for batch in parted.batches(count) for user in batch][:count]
    in_parts = InParts(parted, work, users)
    at = in_parts.everybody().as_of
    yield "count", parted.meta.check_ins
    with (work / "rankings.jsonl").open("w") as file:
        for first in range(0, count, BATCH):
            rankings = in_parts.rank([(user, at) for user in users[first : first + BATCH]], "fusion", k=K)
            file.writelines(json.dumps(asdict(ranking), default=str) + "\n" for ranking in rankings)
    yield "rank", len(users)


def pandas_way(work: Path, _: int) -> Iterator[tuple[str, int]]:
    """Parse, number, sort and group in pandas' vectorised way, and write Parquet."""
    import pandas as pd  # deferred: only this benchmark needs it

    frame = pd.read_csv(work / CHECKINS, parse_dates=["time", "utc_time"])
    frame["poi"] = pd.factorize(frame["poi_id"])[0]
    frame = frame.drop_duplicates().sort_values(["user_id", "time"], kind="stable")
    frame["nth"] = frame.groupby("user_id")["time"].rank(method="first")
    frame.to_parquet(work / "pandas.parquet")
    (work / "pandas.parquet").unlink()
    yield "pandas", len(frame)


def per_row(work: Path, count: int) -> Iterator[tuple[str, int]]:
    """Prepare the first rows value by value; ids are encoded among all ids of the file."""
    ids = {column: _ids(work, column) for column in ("user_id", "poi_id", "category_id")}
    rows = pl.read_csv(work / CHECKINS, n_rows=count)
    yield "", 1  # reading all ids is not what is timed
    frame = rows.to_pandas()
    frame["time"] = frame["utc_time"].apply(lambda text: datetime.strptime(text, "%Y-%m-%d %H:%M:%S"))
    frame["time"] += frame["utc_time"].apply(lambda _: timedelta(hours=-2))
    frame["epoch"] = frame["time"].apply(lambda moment: moment.strftime("%s"))
    frame["weekday"] = frame["time"].apply(lambda moment: moment.weekday())
    frame["hour"] = frame["time"].apply(lambda moment: moment.hour)
    frame["day"] = frame["time"].apply(lambda moment: moment.strftime("%Y-%m-%d"))
    frame["rank"] = frame.groupby("user_id")["time"].rank(method="first")
    frame = frame.sort_values(["user_id", "time"])
    frame["trajectory"] = _trajectories(frame)
    for column, classes in ids.items():
        frame[column] = [_encoded(classes, value) for value in frame[column].tolist()]
    yield "per-row", len(frame)


def _ids(work: Path, column: str) -> Any:
    ids = pl.scan_csv(work / CHECKINS).select(pl.col(column).unique()).collect(engine="streaming")
    return np.array(sorted(ids.to_series().to_list()))


def _trajectories(frame: Any) -> list[int]:
    numbers, before = [0], frame["user_id"].iloc[0]
    for user, gap in list(zip(frame["user_id"], frame["time"].diff(), strict=True))[1:]:
        new = user != before or gap.total_seconds() / 60 > 1440
        numbers.append(numbers[-1] + new)
        before = user
    return numbers


def _encoded(classes: Any, value: str) -> int:
    """What scikit-learn's LabelEncoder does for one value, after asking whether the value is known."""
    return int(np.searchsorted(classes, [value])[0]) if value in classes else -1


def to_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Everything measured, in plain types, but for what is not timed: rows without a name."""
    from eval.bench.tables import machine  # deferred: loads torch

    steps = [asdict(row) | {"cpu_s_per_million": row.per_million} for row in rows if row.step]
    return {"machine": machine(), "rows": steps}
