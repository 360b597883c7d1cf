"""`genrec-train bench`: GenRec's trainers against the stock ones, or full tuning by optimiser."""

import json
from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import out
from genrec.files import write_text
from training.cli.options import stages


def bench(
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    optimizers: Annotated[
        bool,
        typer.Option("--optimizers", help="Compare AdamW, GaLore and LoRA instead: memory, speed, accuracy."),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="The least that shows that it runs: one timed step, one seed.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="All figures as JSON. With --optimizers, a killed command goes on from it."
        ),
    ] = None,
) -> None:
    """Time GenRec's trainers against TRL's stock ones, with and without LoRA, on a synthetic city.

    Takes minutes on a CPU, where the stock trainers score every position; --optimizers takes an hour.
    """
    if optimizers:
        compare_optimizers(model, quick=quick, output=output)
        return
    from training.bench import measure, tables  # deferred: torch and TRL are slow to load, --help needs neither

    with stages() as stage:
        runs = measure.measure_all(model, measure.QUICK_STEPS if quick else measure.STEPS, stage("measuring, runs"))
    out.print(tables.runs_table(runs))
    out.print(tables.ratios_table(runs))
    if output:
        write_text(output, json.dumps(tables.to_json(model, runs), indent=1) + "\n")


def compare_optimizers(model: str, *, quick: bool, output: Path | None) -> None:
    """Run what is missing, and show all of it."""
    from training.bench.optimizers import report, run, variants  # deferred: as above

    settings = variants.quick(model) if quick else variants.Settings(model)
    with stages() as stage:
        rows = run.compare(settings, output, stage)
    out.print(report.shown(rows, model))
    for claim in report.claims(rows):
        out.print(f"{claim['claim']}: {claim['verdict']}.")
    for warning in report.warnings(rows):
        out.print(warning)
