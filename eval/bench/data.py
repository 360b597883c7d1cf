"""How fast check-ins are read and counted and rankings scored, against what people use for it: pandas, ranx, RecTools.

pandas prepares check-ins as the code of GenUP and LLM4POI does (read_csv, to_datetime, sort, groupby, merge), counts by
groupby what habits are made of, and describes people one after another. ranx and RecTools measure the metrics that they
share with GenRec, and no intervals. Ratios are of processor time, so that what else the machine does has no part in it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.bench.rankers import made_checkins
from eval.measures.intervals import intervals
from eval.measures.metrics import DEPTH, DISTANCE, METRICS, score
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, POI, POI_ID, TIME, USER
from genrec.habits import all_habits
from genrec.histories import histories
from genrec.reading.reader import read_checkins

OWN = "genrec"
RANX_METRICS = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "hit_rate@20", "mrr@20", "ndcg@10")


@dataclass(frozen=True)
class Row:
    """One way to do a task with `n` check-ins or rankings: seconds, and of the processor; None if not installed."""

    task: str
    way: str
    n: int
    seconds: float | None
    processor: float | None


Taken = tuple[float, float] | tuple[None, None]


def written(checkins: Checkins, path: Path, *, quoted: bool) -> Path:
    """The check-ins as a CSV file, with quotes around nothing or around everything."""
    pois = checkins.pois[checkins.frame[POI]]
    frame = checkins.frame.select(USER, TIME).with_columns(pois.select(POI_ID, CATEGORY, LATITUDE, LONGITUDE))
    frame.write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S", quote_style="always" if quoted else "never")
    return path


def measured(checkins: int, rankings: int, folder: Path, seed: int) -> Iterator[Row]:
    """Do every task in every way."""
    city = made_checkins(max(100, checkins // 50), checkins, max(10, checkins // 100), seed)
    for quoted in (False, True):
        task, path = f"read {'quoted' if quoted else 'plain'} CSV", written(city, folder / "in.csv", quoted=quoted)
        yield Row(task, OWN, checkins, *_taken(partial(read_checkins, path)))
        yield Row(task, "pandas", checkins, *_peer("pandas", partial(partial, _pandas_read, path)))
    users = city.frame[USER].unique().to_list()
    yield Row("count", OWN, checkins, *_taken(partial(histories, city.frame, users, dates_only=False)))
    yield Row("count", "pandas", checkins, *_peer("pandas", lambda: partial(_pandas_counts, city.frame.to_pandas())))
    yield Row("habits", OWN, checkins, *_taken(lambda: sum(len(one.places) for one in all_habits(city).values())))
    yield Row("habits", "pandas", checkins, *_peer("pandas", lambda: partial(_pandas_people, city.frame.to_pandas())))
    yield from _scored(rankings, seed)


def _scored(rankings: int, seed: int) -> Iterator[Row]:
    examples, made, pois = made_rankings(rankings, seed)
    yield Row("metrics", OWN, rankings, *_taken(partial(score, examples, made, pois)))
    yield Row("metrics", "ranx", rankings, *_peer("ranx", partial(_ranx, examples, made)))
    yield Row("metrics", "rectools", rankings, *_peer("rectools", partial(_rectools, examples, made)))
    scores = score(examples, made, pois)
    yield Row("intervals", OWN, rankings, *_taken(partial(intervals, scores, [*METRICS, DISTANCE])))


def made_rankings(count: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Examples, of fifty a user; rankings of which half hold the target; the catalogue: see `score`."""
    draw = np.random.default_rng(seed)
    size = 10 * DEPTH
    places = (draw.integers(size, size=(count, 1)) + np.arange(DEPTH)) % size  # each place once
    hit, target = draw.random(count) < 0.5, places[np.arange(count), draw.integers(DEPTH, size=count)]
    target = np.where(hit, target, (places[:, -1] + 1) % size).astype(np.uint32)
    probabilities = np.sort(draw.dirichlet(np.ones(DEPTH), count))[:, ::-1].astype(np.float32)
    number = np.arange(count, dtype=np.uint32)
    users = pl.Series(number // 50).cast(pl.String)
    examples = pl.DataFrame({"example": number, USER: users, "target": target, "repeat": draw.random(count) < 0.5})
    rankings = pl.DataFrame(
        {
            "method": "made",
            "example": number,
            "pois": _lists(places.astype(np.uint32)),
            "probabilities": _lists(probabilities),
        }
    ).with_columns(pl.lit(None, pl.Boolean).alias("in_prompt"), pl.lit(None, pl.String).alias("failure"))
    return examples, rankings, made_checkins(size, 100, 2, seed).pois


def _lists(rows: NDArray[Any]) -> pl.Series:
    return pl.Series(rows.ravel()).reshape(rows.shape).arr.to_list()


def _taken(work: Callable[[], object]) -> tuple[float, float]:
    start, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - processor


def _peer(package: str, ready: Callable[[], Callable[[], object]]) -> Taken:
    """What the work takes that `ready` gives, which itself is not timed; nothing if the package is not installed."""
    return _taken(ready()) if find_spec(package) else (None, None)


def _pandas_read(path: Path) -> object:
    import pandas as pd  # deferred: only what is measured is loaded

    frame = pd.read_csv(path).dropna().drop_duplicates()
    frame[TIME] = pd.to_datetime(frame[TIME])
    frame = frame.sort_values(TIME, kind="stable")
    places = frame.groupby(POI_ID, sort=False)[[CATEGORY, LATITUDE, LONGITUDE]].first().reset_index()
    places[POI] = np.arange(len(places))
    return frame[[USER, POI_ID, TIME]].merge(places, on=POI_ID, how="left")


def _pandas_counts(frame: Any) -> object:
    """Visits of people by place, hour and weekday, and their steps within a day."""
    clock = frame[TIME].dt
    places = frame.groupby([USER, POI])[TIME].agg(["size", "first", "last"])
    spread = [frame.groupby([USER, POI, part]).size() for part in (clock.hour, clock.day_of_week)]
    after = frame.groupby(USER)[[POI, TIME]].shift(-1)
    near = frame.assign(after=after[POI])[(after[TIME] - frame[TIME]).dt.total_seconds() < 86_400]
    return places, spread, near.groupby([USER, POI, "after"]).size()


def _pandas_people(frame: Any) -> object:
    """Each person's places, hours and weekdays, and their usual next places."""
    people = {}
    for user, own in frame.groupby(USER):
        clock = own[TIME].dt
        places = own.groupby(POI)[TIME].agg(["size", "first", "last"]).sort_values("size", ascending=False)
        spread = own.groupby([POI, clock.hour]).size().to_dict(), own.groupby([POI, clock.day_of_week]).size().to_dict()
        near = (own[TIME].shift(-1) - own[TIME]).dt.total_seconds() < 86_400
        steps = own.assign(after=own[POI].shift(-1))[near].groupby([POI, "after"]).size().to_dict()
        people[user] = places.to_dict("index"), spread, steps
    return people


def _ranx(examples: pl.DataFrame, rankings: pl.DataFrame) -> Callable[[], object]:
    from ranx import Qrels, Run, evaluate  # deferred: an extra that few have

    targets = Qrels({str(i): {str(target): 1} for i, target in enumerate(examples["target"])})
    run = Run(
        {
            str(i): {str(poi): DEPTH - n for n, poi in enumerate(pois)}
            for i, pois in enumerate(rankings["pois"].to_list())
        }
    )
    evaluate(targets, run, RANX_METRICS)  # compiles
    return lambda: evaluate(targets, run, RANX_METRICS)


def _rectools(examples: pl.DataFrame, rankings: pl.DataFrame) -> Callable[[], object]:
    import pandas as pd  # deferred: extras that few have
    from rectools.metrics import MRR, NDCG, HitRate, calc_metrics

    count = len(examples)
    truth = pd.DataFrame({"user_id": np.arange(count), "item_id": examples["target"].to_numpy()})
    ranked = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(count), DEPTH),
            "item_id": rankings["pois"].explode().to_numpy(),
            "rank": np.tile(np.arange(1, DEPTH + 1), count),
        }
    )
    metrics = {f"hit@{k}": HitRate(k=k) for k in (1, 5, 10, 20)} | {"mrr": MRR(k=DEPTH), "ndcg@10": NDCG(k=10)}
    return lambda: calc_metrics(metrics, ranked, truth)


def ratios(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many times as much processor time as GenRec each other way takes."""
    own = {row.task: row.processor for row in rows if row.way == OWN}
    return [
        {"task": row.task, "against": row.way, "ratio": row.processor / processor}
        for row in rows
        if row.way != OWN and row.processor and (processor := own.get(row.task))
    ]


def to_json(rows: Sequence[Row], settings: dict[str, Any]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    from eval.bench.tables import machine  # deferred: loads torch

    return {"settings": settings, "machine": machine(), "rows": [asdict(row) for row in rows], "ratios": ratios(rows)}


def rows_table(rows: Sequence[Row]) -> Table:
    """Each task in each way."""
    against = {(each["task"], each["against"]): f"{each['ratio']:.1f}" for each in ratios(rows)}
    table = Table(title="Reading, counting and scoring", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("task", "way", "n", "s", "processor s", "n per processor s", f"times {OWN}'s"):
        table.add_column(heading, justify="left" if heading in ("task", "way") else "right")
    for row in rows:
        figures = ("not installed", "", "")
        if row.seconds and row.processor:
            figures = (f"{row.seconds:.2f}", f"{row.processor:.2f}", f"{row.n / row.processor:,.0f}")
        table.add_row(row.task, row.way, f"{row.n:,}", *figures, against.get((row.task, row.way), ""))
    return table
