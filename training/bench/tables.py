"""What `genrec-train bench` measured, as tables and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.bench.tables import machine
from training.bench.measure import (
    BATCH,
    BETA,
    LEAST_SPEEDUP,
    MOST_LOSS_DIFFERENCE,
    MOST_MEMORY,
    RATES,
    Run,
    comparisons,
)
from training.record import versions


def to_json(model: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    return {
        "settings": {"model": model, "batch": BATCH, "learning_rate": RATES, "beta": BETA, "seed": 0},
        "machine": machine() | {"versions": versions()},
        "runs": [asdict(run) | {"samples_per_second": run.samples_per_second} for run in runs],
        "comparisons": [asdict(comparison) for comparison in comparisons(runs)],
    }


def runs_table(runs: Sequence[Run]) -> Table:
    """Each trainer with each method."""
    table = _table(
        f"Training steps of {BATCH} examples or pairs, {runs[0].dtype} on {runs[0].device}, {runs[0].threads} threads"
    )
    words = ("stage", "method", "trainer")
    for heading in (*words, "samples a s", "s a step", "load", "peak MB", "first loss", "last loss"):
        table.add_column(heading, justify="left" if heading in words else "right")
    for run in runs:
        a_step = sum(run.step_seconds) / len(run.step_seconds)
        figures = (f"{run.samples_per_second:.3f}", f"{a_step:.2f}", f"{run.load:.1f}", f"{run.peak:,}")
        table.add_row(run.kind, run.method, run.trainer, *figures, f"{run.losses[0]:.5f}", f"{run.losses[-1]:.5f}")
    return table


def ratios_table(runs: Sequence[Run]) -> Table:
    """The ratios beside what is aimed at."""
    table = _table("GenRec's trainer against the stock one, and the aims on a CPU")
    table.add_column("stage")
    table.add_column("method")
    for heading, aim in (
        ("samples a s", f">= {LEAST_SPEEDUP:g}"),
        ("peak memory", f"<= {MOST_MEMORY:g}"),
        ("loss differs by", f"<= {MOST_LOSS_DIFFERENCE:g}"),
    ):
        table.add_column(f"{heading} ({aim})", justify="right")
    for found in comparisons(runs):
        ratios = f"{found.speedup:.1f}", f"{found.memory:.2f}", f"{found.loss_difference:.1e}"
        table.add_row(found.kind, found.method, *ratios)
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
