"""`genrec-train preferences`: pairs of a better and a worse answer, for DPO."""

from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from genrec.cli.console import out
from genrec.errors import GenRecError
from training.cli.options import Overrides, RecipePath, stages
from training.data.preferences import About, PlaceRule, PlaceSource
from training.recipe import DpoRecipe, recipe_of

SOURCES: tuple[PlaceSource, ...] = get_args(PlaceSource)
MIX = "on-policy=0.5,habits=0.25,nearby=0.15,random=0.1"


def preferences(
    path: RecipePath,
    changes: Overrides = None,
    mix: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE=SHARE,...",
            help="Where answers come from: the best of the model itself (on-policy) or of habits alone, places of the "
            f"visited one's category near it (nearby), any places (random). [default: {MIX}]",
            show_default=False,
        ),
    ] = None,
    rule: Annotated[
        PlaceRule,
        typer.Option(
            help="truth: the visited place wins over an answer; judged: of two answers the visited place, else that "
            "of its category, else the nearer one."
        ),
    ] = "truth",
    per_example: Annotated[int, typer.Option(min=1, metavar="N", help="Pairs of each visit.")] = 1,
) -> None:
    """Make the pairs that a DPO recipe learns from, into the file that it names; goes on after a kill."""
    recipe = recipe_of(DpoRecipe, path, changes or [])
    if recipe.data and recipe.data.prompt == "portrait":
        if mix:
            raise GenRecError("--mix is for pairs of places; of portraits, the worse one is made by a rule")
        from training.data.portrait_pairs import make_portrait_preferences  # deferred: torch is slow to load

        with stages() as stage:
            about = make_portrait_preferences(recipe, stage("making pairs, cities"))
    else:
        from training.data.pairs import Mix, make_preferences  # deferred: as above

        with stages() as stage:
            wanted = Mix(_shares(mix or MIX), rule, per_example, recipe.seed)
            about = make_preferences(recipe, wanted, stage("making pairs, visits"))
    print_preferences(about, recipe.preferences)


def _shares(text: str) -> dict[PlaceSource, float]:
    """`--mix` as source -> share."""
    shares: dict[PlaceSource, float] = {}
    for pair in text.split(","):
        name, _, share = (word.strip() for word in pair.partition("="))
        source = next((source for source in SOURCES if source == name), None)
        if source is None or source in shares:
            raise GenRecError(f"--mix {text}: {name!r} is no source, or is there twice; there are {', '.join(SOURCES)}")
        try:
            shares[source] = float(share)
        except ValueError:
            raise GenRecError(f"--mix {text}: {pair!r} is not SOURCE=SHARE, such as {source}=0.5") from None
    return shares


def print_preferences(about: About, path: Path) -> None:
    """How many pairs of each source there are, and how many of them the reference gets right already."""
    table = Table(title=str(path), title_justify="left")
    for heading in ("source", "pairs", "reference prefers the chosen one"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    shares = {source: about.reference_prefers_chosen.get(source, 0.0) for source in about.pairs}
    for source, count in about.pairs.items():
        table.add_row(source, f"{count:,}", f"{shares[source]:.1%}")
    total = sum(about.pairs.values())
    right = sum(shares[source] * count for source, count in about.pairs.items())
    table.add_row("all", f"{total:,}", f"{right / total:.1%}" if total else "")
    out.print(table)
    for reason, count in about.left_out.items():
        out.print(f"left out: {count:,}, {reason}", markup=False)
