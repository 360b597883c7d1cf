"""`genrec-train rankers`: the rankers of a city, from its own check-ins."""

from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import CheckinsPath, Reading
from training.cli.options import Overrides, stages
from training.recipe import RANKERS_RECIPE, RankersRecipe, recipe_of


@bundled
def rankers(
    path: CheckinsPath,
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the trained rankers.")],
    recipe_path: Annotated[
        Path | None, typer.Option("--recipe", metavar="RECIPE", help="A YAML file; else training/recipes/rankers.yaml.")
    ] = None,
    changes: Overrides = None,
    *,
    reading: Reading,
) -> None:
    """Train the rankers of a city on the train part of its check-ins; run again after a kill, it goes on.

    `--set train=rolling` trains on the first half, `--set train=llm4poi` on the first 80 %. Where that is too little to
    learn from, DIR gets the fusion that comes with GenRec.
    """
    from training.rankers.stages import train_rankers  # deferred: loads torch

    recipe = recipe_of(RankersRecipe, recipe_path or RANKERS_RECIPE, changes or [])
    checkins = reading.checkins(path)
    with stages() as stage:
        recipe = recipe.model_copy(update={"checkins": path.resolve()})
        trained = train_rankers(recipe, checkins, output, stage, lambda text: err.print(f"note: {text}"))
    out.print(f"{output}: {', '.join(trained)}", markup=False)
    out.print(f"rank with it: genrec recommend ... --rankers {output}", markup=False)
