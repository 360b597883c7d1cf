"""`genrec-train bench`: GenRec's trainers against the stock ones."""

import json
from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import out
from training.cli.options import stages


def bench(
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    quick: Annotated[bool, typer.Option("--quick", help="One timed step of each trainer instead of three.")] = False,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time GenRec's trainers against TRL's stock ones, with and without LoRA, on a synthetic city.

    Takes minutes on a CPU, where the stock trainers score every position.
    """
    from genrec.files import write_text  # deferred: --help needs no NumPy
    from training.bench.measure import QUICK_STEPS, STEPS, measure_all
    from training.bench.tables import ratios_table, runs_table, to_json

    with stages() as stage:
        runs = measure_all(model, QUICK_STEPS if quick else STEPS, stage("measuring, runs"))
    out.print(runs_table(runs))
    out.print(ratios_table(runs))
    if output:
        write_text(output, json.dumps(to_json(model, runs), indent=1) + "\n")
