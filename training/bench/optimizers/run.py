"""All runs of a comparison of optimisers, one after the other; those that the file has are not done again."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict

from eval.bench.tables import machine
from genrec.errors import GenRecError
from genrec.files import one_writer, write_text
from genrec.jsonl import differing
from genrec.validation import read_json
from training.bench.alone import alone
from training.bench.optimizers.material import base_model, city_diaries
from training.bench.optimizers.measure import Part, Row, measure
from training.bench.optimizers.report import claims, mean_loss, table
from training.bench.optimizers.variants import VARIANTS, Settings, Variant
from training.progress import Progress
from training.record import versions

COST_RATE: Final = 1e-5  # of the large model

Item = TypeVar("Item")


class _Results(BaseModel):
    """What the file says; the table and the verdicts follow from the rows."""

    model_config = ConfigDict(extra="ignore")

    settings: dict[str, Any]
    rows: tuple[Row, ...]


def compare(settings: Settings, path: Path | None, stage: Callable[[str], Progress]) -> list[Row]:
    """Measure what `path` does not have yet, and keep each row there as soon as it is known.

    Raises GenRecError if the file is of other settings, the model cannot be had, or a process was killed.
    """
    if path is None:
        return _compare(settings, [], lambda rows: None, stage)
    with one_writer(path):
        return _compare(settings, _kept(path, settings), lambda rows: _write(path, settings, rows), stage)


def _compare(
    settings: Settings, rows: list[Row], keep: Callable[[list[Row]], None], stage: Callable[[str], Progress]
) -> list[Row]:
    diaries = city_diaries(settings)

    def run(part: Part, variant: Variant, *, model: str, rate: float, seed: int, steps: int) -> None:
        if (part, variant.name, rate, seed) not in {(row.part, row.variant, row.rate, row.seed) for row in rows}:
            given: dict[str, Any] = {"model": model, "rate": rate, "seed": seed, "steps": steps, "diaries": diaries}
            rows.append(alone(variant.name, measure, variant, part, **given))
            keep(rows)

    for variant in _each(VARIANTS, stage("the large model, ways")):
        run("cost", variant, model=settings.model, rate=COST_RATE, seed=0, steps=settings.cost_steps)
    base = str(base_model(settings, stage("pre-teaching the small model, steps")))
    tried = [(variant, rate) for variant in VARIANTS for rate in variant.rates]
    for variant, rate in _each(tried, stage("learning rates")):
        run("rate", variant, model=base, rate=rate, seed=0, steps=settings.rate_steps)
    runs = list(product(settings.seeds, VARIANTS))
    for seed, variant in _each(runs, stage("the small model, runs")):
        run("learned", variant, model=base, rate=best_rate(rows, variant), seed=seed, steps=settings.steps)
    keep(rows)  # what follows from them may be told in other words now
    return rows


def _each(items: Sequence[Item], progress: Progress) -> Iterator[Item]:
    for number, item in enumerate(items):
        progress(number, len(items))
        yield item
    progress(len(items), len(items))


def best_rate(rows: list[Row], variant: Variant) -> float:
    """The rate with the lowest loss on the validation part."""
    name = variant.rate_of or variant.name
    tried = [row for row in rows if (row.part, row.variant) == ("rate", name) and row.error is None]
    if not tried:
        raise GenRecError(f"{name} trains at none of its learning rates")
    return min(tried, key=mean_loss).rate


def _kept(path: Path, settings: Settings) -> list[Row]:
    if not path.exists():
        return []
    results = read_json(path, _Results, "a comparison of optimisers", fix="Name another --out.")
    if others := differing(results.settings, _facts(settings)):
        raise GenRecError(f"{path} was made with other settings ({', '.join(others)}); name another --out")
    return list(results.rows)


def _facts(settings: Settings) -> dict[str, Any]:
    """All that the rows depend on, but for the machine."""
    facts: dict[str, Any] = json.loads(json.dumps(asdict(settings) | {"small": settings.small.model_dump()}))
    return facts | {"versions": versions()}


def _write(path: Path, settings: Settings, rows: list[Row]) -> None:
    told = {"settings": _facts(settings), "machine": machine(), "table": table(rows), "claims": claims(rows)}
    lines = ",\n".join(f"  {row.model_dump_json(exclude_defaults=True)}" for row in rows)
    head = json.dumps(told, indent=1).removesuffix("\n}")
    write_text(path, f'{head},\n "rows": [\n{lines}\n ]\n}}\n')
