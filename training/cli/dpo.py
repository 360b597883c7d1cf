"""`genrec-train dpo`: direct preference optimisation."""

import os
from pathlib import Path
from typing import Annotated

import typer

from genrec import jsonl
from genrec.cli.console import out
from training import record
from training.cli.options import DryRun, Overrides, RecipePath, Resume, require_out
from training.recipe import DpoRecipe, recipe_of


def dpo(
    context: typer.Context,
    path: RecipePath,
    output: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The folder of the run.")] = None,
    changes: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
) -> None:
    """Teach a model which of two places is the better answer; leaves an adapter for the base model in --out."""
    recipe = recipe_of(DpoRecipe, path, changes or [])
    folder = None if dry_run else require_out(output)
    from training.cli.tuning import run_dpo, show_dpo  # deferred: torch and TRL are slow to load, --help needs neither

    if folder is None:
        show_dpo(recipe)
        return
    context.with_resource(record.writing(folder))
    record.require_startable(folder, resume=resume)
    run_dpo(recipe, folder, resume=resume)
    if os.environ.get("RANK", "0") == "0":
        _print_result(recipe, folder)


def _print_result(recipe: DpoRecipe, output: Path) -> None:
    last = jsonl.read(output / record.METRICS)[-1]
    out.print(
        f"{last['step']:,} steps, loss {last['loss']:.4f} at the last, reward margin {last['rewards/margins']:.3f}; "
        f"{output}/loss.png shows all",
        markup=False,
    )
    options = f"--model {recipe.model} --adapter {output}" if recipe.adapts else f"--model {output}"
    out.print(f"rank with it: genrec recommend ... --by llm {options}", markup=False)
