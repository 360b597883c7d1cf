"""`genrec-train bench`: GenRec's trainers against the stock ones."""

import json
from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import out
from genrec.files import write_text
from training.cli.options import stages


def bench(
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    quick: Annotated[bool, typer.Option("--quick", help="One timed step of each trainer instead of three.")] = False,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time GenRec's trainers against TRL's stock ones, with and without LoRA, on a synthetic city.

    Takes minutes on a CPU, where the stock trainers score every position.
    """
    from training.bench import measure, tables  # deferred: torch and TRL are slow to load, --help needs neither

    with stages() as stage:
        runs = measure.measure_all(model, measure.QUICK_STEPS if quick else measure.STEPS, stage("measuring, runs"))
    out.print(tables.runs_table(runs))
    out.print(tables.ratios_table(runs))
    if output:
        write_text(output, json.dumps(tables.to_json(model, runs), indent=1) + "\n")
