"""How fast rankers rank: in catalogues of several sizes, many queries at once and one at a time, in one run.

Beside them stand two of Cornac's models on the same check-ins, which answer one query at a time. They are trained for
one epoch, or none: how fast a model ranks does not depend on how well.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.methods.method import Method, Ranked
from eval.methods.sasrec import SasRec, training_rows
from eval.protocol import Cases, cases, evidence_at
from genrec.checkins import Checkins
from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, POI, POI_ID, TIME, USER, UTC
from genrec.rankers.ranker import best

K = 10
DAYS = 120
START = datetime(2024, 1, 1)
KINDS = 60
OWN_PLACES = 15  # that a person comes back to
BASELINES = ("sasrec", "lightgcn")


@dataclass(frozen=True)
class Row:
    """One ranker in one catalogue; `ready_s` is until its first answer: tables, loading, training."""

    ranker: str
    pois: int
    batch: int
    n: int
    per_second: float
    ready_s: float


def made_checkins(pois: int, checkins: int, users: int, seed: int) -> Checkins:
    """Check-ins at places around one centre: most at a person's own few places, the others at popular ones."""
    draw = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, pois + 1) ** 0.8
    popularity /= popularity.sum()
    own = draw.choice(pois, size=(users, OWN_PLACES), p=popularity)
    user = draw.integers(users, size=checkins)
    usual = own[user, np.minimum(draw.geometric(0.2, checkins) - 1, OWN_PLACES - 1)]
    poi = np.where(draw.random(checkins) < 0.7, usual, draw.choice(pois, size=checkins, p=popularity))
    seconds = np.sort(draw.integers(DAYS * 86_400, size=checkins))
    times = (np.datetime64(START, "us") + seconds * np.timedelta64(10**6, "us")).astype("datetime64[us]")
    frame = pl.DataFrame({USER: [f"u{i}" for i in user], POI: poi.astype(np.uint32), TIME: times, UTC: times})
    kinds = [f"kind {kind}" for kind in draw.integers(KINDS, size=pois)]
    catalogue = pl.DataFrame(
        {
            POI: np.arange(pois, dtype=np.uint32),
            POI_ID: [f"p{i}" for i in range(pois)],
            CATEGORY: kinds,
            CATEGORY_ID: kinds,
            NAME: [f"Place {i}" for i in range(pois)],
            LATITUDE: 51 + draw.normal(scale=0.1, size=pois),
            LONGITUDE: -114 + draw.normal(scale=0.15, size=pois),
        }
    )
    return Checkins(frame, catalogue, "made", [])


def workload(pois: int, queries: int, seed: int) -> Cases:
    """So many visits of the last tenth, to be ranked by what was known before it."""
    checkins = max(20_000, 2 * pois)
    return cases(made_checkins(pois, checkins, checkins // 50, seed), "all-visits", limit=queries, seed=seed)


def measure(method: Method, asked: Cases, batches: Sequence[tuple[int, int]]) -> Iterator[Row]:
    """Time a method with batches of (queries at once, queries in all)."""
    start = time.perf_counter()
    list(method.rank(asked, [0], K))
    ready = time.perf_counter() - start
    for batch, count in batches:
        numbers = range(min(count, len(asked.examples)))
        start = time.perf_counter()
        for first in range(0, len(numbers), batch):
            list(method.rank(asked, numbers[first : first + batch], K))
        seconds = time.perf_counter() - start
        yield Row(method.name, len(asked.checkins.pois), batch, len(numbers), len(numbers) / seconds, ready)


class LightGcn:
    """Cornac's LightGCN (He et al., SIGIR 2020). Untrained, as without DGL, it ranks by random vectors."""

    name = "lightgcn"

    def __init__(self, seed: int, epochs: int) -> None:
        self._seed, self._epochs = seed, epochs if find_spec("dgl") else 0
        self._trained: tuple[Any, dict[str, int]] | None = None

    def settings(self, _: Cases) -> dict[str, Any]:
        """See `Method`."""
        return {"seed": self._seed, "epochs": self._epochs}

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`; users that the train part does not have are failures."""
        if self._trained is None:
            self._trained = self._train(training_rows(cases))
        model, users = self._trained
        for number in examples:
            example = cases.examples[number]
            evidence = evidence_at(cases, example.as_of).fingerprint
            if example.user_id not in users:
                yield Ranked(number, evidence, failure="unknown user")
                continue
            scores = np.asarray(model.score(users[example.user_id]), dtype=np.float64)
            [pois] = best(scores[None], k)
            yield Ranked(number, evidence, pois.tolist(), scores[pois].tolist())

    def _train(self, rows: Checkins) -> tuple[Any, dict[str, int]]:
        from cornac.data import Dataset  # deferred: loads torch
        from cornac.models import LightGCN

        pairs = [(user, poi, 1.0) for user, poi in rows.frame.select(USER, POI).unique(maintain_order=True).rows()]
        items = {poi: poi for poi in range(len(rows.pois))}
        data = Dataset.build(pairs, global_iid_map=items, seed=self._seed)
        model = LightGCN(num_epochs=self._epochs, seed=self._seed, trainable=self._epochs > 0).fit(data)
        if not self._epochs:
            draw = np.random.default_rng(self._seed)
            model.U = draw.standard_normal((len(data.uid_map), model.emb_size))
            model.V = draw.standard_normal((len(items), model.emb_size))
        return model, dict(data.uid_map)


def baselines(seed: int, epochs: int) -> list[Method]:
    """Cornac's models, where it is installed."""
    return [SasRec(seed=seed, epochs=epochs), LightGcn(seed, epochs)] if find_spec("cornac") else []


def ratios(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many times as many rankings a second each ranker gives as Cornac's models."""
    rates = {(row.ranker, row.pois): row.per_second for row in rows if row.ranker in BASELINES}
    return [
        {"ranker": row.ranker, "against": other, "pois": row.pois, "batch": row.batch, "ratio": row.per_second / rate}
        for row in rows
        for other in BASELINES
        if row.ranker not in BASELINES and (rate := rates.get((other, row.pois)))
    ]


def to_json(rows: Sequence[Row], settings: dict[str, Any]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    from eval.bench.tables import machine  # deferred: loads torch

    return {"settings": settings, "machine": machine(), "rows": [asdict(row) for row in rows], "ratios": ratios(rows)}


def rows_table(rows: Sequence[Row]) -> Table:
    """Each ranker in each catalogue, beside Cornac's models."""
    against = {(each["ranker"], each["against"], each["pois"], each["batch"]): each["ratio"] for each in ratios(rows)}
    table = Table(title=f"Rankers, top {K}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("ranker", "POIs", "batch", "rankings/s", "ready s", *(f"x {other}" for other in BASELINES)):
        table.add_column(heading, justify="left" if heading == "ranker" else "right", no_wrap=heading == "ranker")
    for row in rows:
        found = (against.get((row.ranker, other, row.pois, row.batch)) for other in BASELINES)
        figures = (f"{row.pois:,}", str(row.batch), f"{row.per_second:,.0f}", f"{row.ready_s:.2f}")
        table.add_row(row.ranker, *figures, *("" if ratio is None else f"{ratio:,.1f}" for ratio in found))
    return table
