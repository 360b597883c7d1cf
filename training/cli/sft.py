"""`genrec-train sft`: supervised fine-tuning."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrec.cli.console import out
from genrec.errors import GenRecError
from genrec.files import room_for
from training.cli.options import DryRun, Overrides, Progress, RecipePath, Resume, print_estimate, require_out, stages

if TYPE_CHECKING:
    from training.data.examples import TrainingExample
    from training.recipe import SftRecipe
    from training.settings import Trainable

SHOWN = 3  # examples of a dry run


def sft(
    context: typer.Context,
    path: RecipePath,
    output: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The folder of the run.")] = None,
    changes: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
) -> None:
    """Teach a model the next place from check-ins or synthetic cities; leaves an adapter, or a model, in --out."""
    from training.recipe import SftRecipe, recipe_of  # deferred: --help needs no pydantic, torch or TRL

    recipe = recipe_of(SftRecipe, path, changes or [])
    from training.settings import load_trainable, require_possible

    require_possible(recipe)
    if dry_run:
        _dry_run(recipe)
        return
    folder = require_out(output)
    from training.record import require_startable, writing
    from training.sft import require_adapter, train_sft

    context.with_resource(writing(folder))
    require_startable(folder, resume=resume)
    catalogue = _catalogue(recipe)
    require_adapter(recipe, catalogue)  # before the examples, which take minutes
    with stages() as stage, room_for(folder):
        trainable = load_trainable(recipe)
        examples = _examples(recipe, trainable, stage("making examples, cities"))
        train_sft(
            recipe,
            trainable,
            examples,
            folder,
            catalogue=catalogue,
            resume=resume,
            tokenising=stage("tokenising, examples"),
            training=stage("training, steps"),
        )
    if os.environ.get("RANK", "0") == "0":
        _print_result(recipe, folder)


def _examples(recipe: "SftRecipe", trainable: "Trainable", progress: Progress) -> "list[TrainingExample]":
    from training.data.examples import training_examples

    examples = training_examples(recipe.data, recipe.seed, trainable.count_tokens, progress)
    if not examples:
        raise GenRecError("the data have no examples to learn from: too few check-ins, or data.moments is too low")
    return examples


def _catalogue(recipe: "SftRecipe") -> str:
    """Which POIs the result will know by their numbers."""
    from genrec.llm.adapter import ANY
    from genrec.prepared import catalogue_hash
    from training.data.examples import read

    return ANY if recipe.data.relabel else catalogue_hash(read(recipe.data).pois)


def _dry_run(recipe: "SftRecipe") -> None:
    from training.dry_run import END, START, marked
    from training.estimate import estimate
    from training.settings import load_trainable
    from training.sft import make_trainer, require_adapter, tokenised

    require_adapter(recipe, _catalogue(recipe))
    with stages() as stage:
        trainable = load_trainable(recipe)
        examples = _examples(recipe, trainable, stage("making examples, cities"))
        dataset = tokenised(recipe, trainable, examples, stage("tokenising, examples"))
    for number in sorted({len(examples) * part // SHOWN for part in range(SHOWN)}):
        row = dataset[number]
        out.rule(f"example {number}, {row['length']} tokens; learned: {START}...{END}")
        out.print(marked(trainable.tokenizer, row["input_ids"], row["labels"]), markup=False)
    out.rule()
    lengths = dataset["length"][:]
    answers = sum(len(example.supervised) for example in examples)
    dropped = sum(example.dropped_lines for example in examples)
    out.print(f"data: {len(examples):,} examples, {answers:,} answers to learn, {sum(lengths):,} tokens")
    out.print(f"length: {sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at most")
    out.print(f"lines left out of prompts by the token budget: {dropped:,}")
    found = estimate(recipe, trainable, dataset, make_trainer)
    print_estimate(found, trainable.info, "examples")


def _print_result(recipe: "SftRecipe", output: Path) -> None:
    from genrec.jsonl import read as read_metrics
    from training.record import METRICS

    last = read_metrics(output / METRICS)[-1]
    out.print(f"{last['step']:,} steps, loss {last['loss']:.4f} at the last; {output}/loss.png shows all", markup=False)
    option = "--adapter" if recipe.adapts else "--model"
    out.print(f"rank with it: genrec recommend ... {option} {output}", markup=False)
