"""`genrec-train online`: a fusion that goes on learning from what people say of the places that it names."""

from pathlib import Path
from typing import Annotated, Any

import typer

from genrec.cli.bundle import bundled
from genrec.cli.console import out
from genrec.cli.options import CheckinsPath, Reading
from genrec.files import one_writer, require_only
from genrec.fingerprint import fingerprint
from training.cli.options import Overrides, stages
from training.online.compare import CHART, RESULT, RUNS, compare
from training.online.material import material, own_offline, synthetic_offline
from training.recipe import ONLINE_RECIPE, OnlineRecipe, recipe_of

online = typer.Typer(help="Go on learning from what people say of the places named.", no_args_is_help=True)

RecipeOption = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="RECIPE", help="A YAML file; else training/recipes/online-fusion.yaml."),
]


@online.command("compare")
@bundled
def compare_command(
    context: typer.Context,
    path: CheckinsPath,
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the comparison.")],
    rankers: Annotated[
        Path | None,
        typer.Option(
            "--rankers", metavar="DIR", help="The fusion to begin with; else one that has seen synthetic cities only."
        ),
    ] = None,
    feedbacks: Annotated[int, typer.Option(min=100, metavar="N", help="Visits to play back.")] = 2_000,
    later: Annotated[int, typer.Option(min=2, metavar="N", help="Later visits, which are only ranked.")] = 1_000,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of each policy.")] = 3,
    recipe_path: RecipeOption = None,
    changes: Overrides = None,
    *,
    reading: Reading,
) -> None:
    """Play later visits back as feedback: with warm-up, without, with offline data replayed, safely, and not at all.

    The visits are those between the first half of the check-ins and the last tenth. Run again after a kill, it goes on.
    """
    recipe = recipe_of(OnlineRecipe, recipe_path or ONLINE_RECIPE, changes or [])
    require_only(output, {RUNS, RESULT, CHART})
    context.with_resource(one_writer(output, folder=True))
    checkins = reading.checkins(path)
    with stages() as stage:
        network, offline = (
            own_offline(checkins, rankers, recipe.seed) if rankers else synthetic_offline(stage("offline model, steps"))
        )
        made = material(checkins, offline, feedbacks, later, recipe.seed)
        about = {"checkins": fingerprint(checkins), "offline": str(rankers.name) if rankers else "synthetic cities"}
        result = compare(made, network, recipe, seeds, output, about, stage("playing, runs"))
    _print_comparison(result)


def _print_comparison(result: dict[str, Any]) -> None:
    for name, found in result["policies"].items():
        last = max(found["later_difference"], key=int)
        end, dip = found["later_difference"][last], found["dip"]
        out.print(
            f"{name}: reward {found['reward']['value']:.4f}; later visits {found['later'][last]:.4f} "
            f"({_told(end)}); lowest {_told(dip)} after {dip['feedbacks']}",
            markup=False,
        )


def _told(found: dict[str, float]) -> str:
    interval = "" if found["low"] is None else f", {found['low']:+.4f} to {found['high']:+.4f}"
    return f"{found['value']:+.4f}{interval}"
