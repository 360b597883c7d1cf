"""`genrec-train sft`: supervised fine-tuning."""

import os
from pathlib import Path
from typing import Annotated

import typer

from genrec import jsonl
from genrec.cli.console import out
from training import record
from training.cli.options import DryRun, Overrides, RecipePath, Resume, require_out
from training.recipe import SftRecipe, recipe_of


def sft(
    context: typer.Context,
    path: RecipePath,
    output: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The folder of the run.")] = None,
    changes: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
) -> None:
    """Teach a model the next place from check-ins or synthetic cities; leaves an adapter, or a model, in --out."""
    recipe = recipe_of(SftRecipe, path, changes or [])
    folder = None if dry_run else require_out(output)
    from training.cli.tuning import run_sft, show_sft  # deferred: torch and TRL are slow to load, --help needs neither

    if folder is None:
        show_sft(recipe)
        return
    context.with_resource(record.writing(folder))
    record.require_startable(folder, resume=resume)
    run_sft(recipe, folder, resume=resume)
    if os.environ.get("RANK", "0") == "0":
        _print_result(recipe, folder)


def _print_result(recipe: SftRecipe, output: Path) -> None:
    last = jsonl.read(output / record.METRICS)[-1]
    out.print(f"{last['step']:,} steps, loss {last['loss']:.4f} at the last; {output}/loss.png shows all", markup=False)
    option = "--adapter" if recipe.adapts else "--model"
    out.print(f"rank with it: genrec recommend ... --by llm {option} {output}", markup=False)
