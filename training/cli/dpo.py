"""`genrec-train dpo`: direct preference optimisation."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrec.cli.console import out
from genrec.files import room_for
from training.cli.options import DryRun, Overrides, RecipePath, Resume, print_estimate, require_out, stages
from training.cli.preferences import print_preferences

if TYPE_CHECKING:
    from training.recipe import DpoRecipe

SHOWN = 3  # pairs of a dry run


def dpo(
    context: typer.Context,
    path: RecipePath,
    output: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The folder of the run.")] = None,
    changes: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
) -> None:
    """Teach a model which of two places is the better answer; leaves an adapter for the base model in --out."""
    from training.recipe import DpoRecipe, recipe_of  # deferred: --help needs no pydantic, torch or TRL

    recipe = recipe_of(DpoRecipe, path, changes or [])
    from training.settings import require_possible

    require_possible(recipe)
    if dry_run:
        _dry_run(recipe)
        return
    folder = require_out(output)
    from training.data.preferences import read_preferences
    from training.dpo import load_policy, train_dpo
    from training.record import require_startable, writing

    context.with_resource(writing(folder))
    require_startable(folder, resume=resume)
    pairs, about = read_preferences(recipe.preferences)
    with stages() as stage, room_for(folder):
        policy = load_policy(recipe, about.catalogue, about.ranking_prompt)
        train_dpo(
            recipe,
            policy,
            pairs,
            about,
            folder,
            resume=resume,
            scoring=stage("reference, pairs"),
            training=stage("training, steps"),
        )
    if os.environ.get("RANK", "0") == "0":
        _print_result(recipe, folder)


def _dry_run(recipe: "DpoRecipe") -> None:
    from training.data.preferences import read_preferences
    from training.dpo import load_policy, make_trainer, pair_dataset, pair_tokens
    from training.dry_run import END, START
    from training.estimate import estimate

    pairs, about = read_preferences(recipe.preferences)
    policy = load_policy(recipe, about.catalogue, about.ranking_prompt)
    tokens = pair_tokens(recipe, policy, pairs)
    for number in sorted({len(pairs) * part // SHOWN for part in range(SHOWN)}):
        pair = tokens[number]
        chosen, rejected = (policy.tokenizer.decode(answer) for answer in (pair.chosen, pair.rejected))
        out.rule(f"pair {number}, {len(pair)} tokens; by {pairs[number].source}; learned: {START}...{END}")
        out.print(policy.tokenizer.decode(pair.prompt), markup=False, end="")
        for answer, what in ((chosen, "chosen"), (rejected, "rejected")):
            out.print(f"{START}{answer.replace(chr(10), '⏎')}{END} {what}", markup=False)
    out.rule()
    print_preferences(about, recipe.preferences)
    lengths = [len(pair) for pair in tokens]
    out.print(f"length: {sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at most")
    # One step takes as long whatever the reference says.
    found = estimate(recipe, policy, pair_dataset(tokens, [(0.0, 0.0)] * len(tokens)), make_trainer)
    print_estimate(found, policy.info, "pairs", but=", not counting the reference")


def _print_result(recipe: "DpoRecipe", output: Path) -> None:
    from genrec.jsonl import read as read_metrics
    from training.record import METRICS

    last = read_metrics(output / METRICS)[-1]
    out.print(
        f"{last['step']:,} steps, loss {last['loss']:.4f} at the last, reward margin {last['rewards/margins']:.3f}; "
        f"{output}/loss.png shows all",
        markup=False,
    )
    options = f"--model {recipe.model} --adapter {output}" if recipe.adapts else f"--model {output}"
    out.print(f"rank with it: genrec recommend ... {options}", markup=False)
