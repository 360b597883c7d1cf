"""The README's table of benchmarks, from the committed figures: GenRec's, the peer's, and the ratio of the same run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
POIS, ALONE, MANY = 600, 1, 8  # places, and people who ask at once
CATALOGUE = 5_000  # places of the counting and trained rankers
CHECK_INS = 10_000_000
HEAD = ("work", "GenRec", "beside it", "times", "command: `genrec-eval bench`")


def table(results: Path = RESULTS) -> str:
    """The table in Markdown; more than one time is better for GenRec."""
    lines = [HEAD, ("---",) * len(HEAD), *_models(results), *_rankers(results), *_data(results), *_training(results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


Line = tuple[str, ...]


def _models(results: Path) -> Iterator[Line]:
    rows = _read(results, "bench-cpu")["rows"]
    rates = {(row["way"], row["users"], row["asks"]): row["per_second"] for row in rows if row["pois"] == POIS}
    for work, way, peer, name, users, peers, asks in (
        ("model: top 10, first ask", "transformers", "genup", "GenUP's decoding (1 answer)", ALONE, ALONE, "first"),
        ("later asks", "transformers", "genup", "the same", ALONE, ALONE, "repeated"),
        ("8 at once, first", "transformers", "offline-samples", "vLLM `generate`, 10 samples", MANY, MANY, "first"),
        ("by vLLM's server", "vllm", "offline-samples", "the same", MANY, MANY, "first"),
    ):
        ours, theirs = rates.get((way, users, asks)), rates.get((peer, peers, asks))
        if ours and theirs:
            yield _line(work, ours, name, theirs, "--quick")


def _rankers(results: Path) -> Iterator[Line]:
    rows = _read(results, "bench-rankers-cpu")["rows"]
    rates = {row["ranker"]: row["per_second"] for row in rows if (row["pois"], row["batch"]) == (CATALOGUE, 1)}
    yield _line("fusion, 5,000 places", rates["fusion"], "Cornac's SASRec", rates["sasrec"], "rankers")


def _data(results: Path) -> Iterator[Line]:
    rows = _read(results, "scale-cpu")["rows"]
    spent = {row["step"]: row["cpu_s_per_million"] for row in rows if row["check_ins"] == CHECK_INS}
    prepare = spent["prepare"]
    yield _spent("prepare a million", prepare, "pandas, vectorised", spent["pandas"], "scale")
    yield _spent("the same", prepare, "pandas as LLM4POI does", spent["per-row"], "scale")
    taken = {(row["task"], row["way"]): row["processor"] for row in _read(results, "bench-data-cpu")["rows"]}
    for work, task, way, name in (
        ("describe 6,000 people", "habits", "pandas", "pandas, each"),
        ("score 50,000 rankings", "metrics", "ranx", "ranx"),
        ("the same", "metrics", "rectools", "RecTools"),
    ):
        if theirs := taken[task, way]:
            yield _spent(work, taken[task, "genrec"], name, theirs, "data")


def _training(results: Path) -> Iterator[Line]:
    runs = _read(results, "training-cpu")["runs"]
    rates = {(run["kind"], run["trainer"]): run["samples_per_second"] for run in runs if run["method"] == "lora"}
    for kind in ("sft", "dpo"):
        work = f"{kind.upper()}, LoRA"
        yield _line(
            work, rates[kind, "genrec"], f"TRL's {kind.upper()}Trainer", rates[kind, "stock"], "`genrec-train bench`"
        )


def _line(work: str, ours: float, peer: str, theirs: float, command: str) -> Line:
    return work, f"{_short(ours)}/s", f"{peer} {_short(theirs)}/s", _short(ours / theirs), command


def _spent(work: str, ours: float, peer: str, theirs: float, command: str) -> Line:
    return work, f"{_short(ours)} s", f"{peer} {_short(theirs)} s", _short(theirs / ours), command


def _short(figure: float) -> str:
    """Two or three digits, as the results' pages write them."""
    for least, digits in ((100, 0), (10, 1), (0.1, 2)):
        if figure >= least:
            return f"{figure:,.{digits}f}".removeprefix("0")
    return f"{figure:.3f}".removeprefix("0")


def _read(results: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
    return read
