"""What a folder was trained with at first."""

from pathlib import Path

from genrec.errors import GenRecError, InputError
from genrec.versions import FIRST, current_version, version_folder
from training.recipe import RankersRecipe, SftRecipe, load_recipe
from training.record import RECIPE


def first_recipe(run: Path) -> RankersRecipe | SftRecipe:
    """What a folder was trained with at first; raises GenRecError for a folder of anything else."""
    current_version(run)  # a copy without its links has none
    if not (run / RECIPE).exists():
        raise InputError(f"has no {RECIPE}: not a folder of `genrec-train rankers` or `genrec-train sft`.", file=run)
    recipe = load_recipe(version_folder(run, FIRST) / RECIPE)
    if not isinstance(recipe, RankersRecipe | SftRecipe):
        raise GenRecError(f"{run} was trained by {recipe.kind}: only rankers, and adapters of sft, are updated")
    return recipe


def trained_from(first: RankersRecipe | SftRecipe) -> Path | None:
    """The check-ins of the first training, if they are still where they were."""
    path = first.checkins if isinstance(first, RankersRecipe) else first.data.checkins
    return path if path and path.exists() else None
