"""What `sft` and `dpo` do: train, or with --dry-run show the data, a few examples, and an estimate after one step."""

from datetime import timedelta
from pathlib import Path

from genrec.cli.console import out
from genrec.files import room_for
from genrec.llm.loading import ModelInfo
from training import dpo, sft
from training.cli.options import stages
from training.cli.preferences import print_preferences
from training.data.preferences import read_preferences
from training.dry_run import END, START, marked
from training.estimate import Estimate, estimate
from training.recipe import DpoRecipe, SftRecipe
from training.settings import load_trainable, require_possible

SHOWN = 3  # examples or pairs


def run_sft(recipe: SftRecipe, folder: Path, *, resume: bool) -> None:
    """Supervised fine-tuning, from the recipe's data to the result in `folder`."""
    require_possible(recipe)
    catalogue = sft.catalogue_of(recipe)
    sft.require_adapter(recipe, catalogue)  # before the examples, which take minutes
    with stages() as stage, room_for(folder):
        trainable = load_trainable(recipe)
        examples = sft.examples_of(recipe, trainable, stage("making examples, cities"))
        sft.train_sft(
            recipe,
            trainable,
            examples,
            folder,
            catalogue=catalogue,
            trained_on=sft.seen_of(recipe),
            resume=resume,
            tokenising=stage("tokenising, examples"),
            training=stage("training, steps"),
        )


def run_dpo(recipe: DpoRecipe, folder: Path, *, resume: bool) -> None:
    """Direct preference optimisation, from the recipe's pairs to the result in `folder`."""
    require_possible(recipe)
    pairs, about = read_preferences(recipe.preferences)
    with stages() as stage, room_for(folder):
        policy = dpo.load_policy(recipe, about.catalogue, about.ranking_prompt)
        dpo.train_dpo(
            recipe,
            policy,
            pairs,
            about,
            folder,
            resume=resume,
            scoring=stage("reference, pairs"),
            training=stage("training, steps"),
        )


def show_sft(recipe: SftRecipe) -> None:
    """The dry run of supervised fine-tuning."""
    require_possible(recipe)
    sft.require_adapter(recipe, sft.catalogue_of(recipe))
    with stages() as stage:
        trainable = load_trainable(recipe)
        examples = sft.examples_of(recipe, trainable, stage("making examples, cities"))
        dataset = sft.tokenised(recipe, trainable, examples, stage("tokenising, examples"))
    for number in _spread(len(examples)):
        row = dataset[number]
        out.rule(f"example {number}, {row['length']} tokens; learned: {START}...{END}")
        out.print(marked(trainable.tokenizer, row["input_ids"], row["labels"]), markup=False)
    out.rule()
    lengths = dataset["length"][:]
    answers = sum(example.answers for example in examples)
    dropped = sum(example.dropped_lines for example in examples)
    out.print(f"data: {len(examples):,} examples, {answers:,} answers to learn, {sum(lengths):,} tokens")
    out.print(f"length: {sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at most")
    out.print(f"lines left out of prompts by the token budget: {dropped:,}")
    _print_estimate(estimate(recipe, trainable, dataset, sft.make_trainer), trainable.info, "examples")


def show_dpo(recipe: DpoRecipe) -> None:
    """The dry run of direct preference optimisation."""
    require_possible(recipe)
    pairs, about = read_preferences(recipe.preferences)
    policy = dpo.load_policy(recipe, about.catalogue, about.ranking_prompt)
    tokens = dpo.pair_tokens(recipe, policy, pairs)
    for number in _spread(len(pairs)):
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
    found = estimate(recipe, policy, dpo.pair_dataset(tokens, [(0.0, 0.0)] * len(tokens)), dpo.make_trainer)
    _print_estimate(found, policy.info, "pairs", but=", not counting the reference")


def _spread(count: int) -> list[int]:
    """The numbers of the examples that are shown."""
    return sorted({count * part // SHOWN for part in range(SHOWN)})


def _print_estimate(found: Estimate, info: ModelInfo, rows: str, but: str = "") -> None:
    """What is found out about a run on examples or pairs (`rows`); `but`: what its time leaves out."""
    out.print(f"model: {info.name}, {info.dtype} on {info.device}; {found.trainable_parameters:,} parameters to train")
    out.print(f"steps: {found.steps:,} of {found.examples_a_step} {rows}")
    seconds, longest = timedelta(seconds=round(found.seconds)), found.longest_step_seconds
    out.print(f"time: about {seconds} (h:min:s){but}; a step on the longest {rows} took {longest:.1f} s")
    out.print(f"memory: {', '.join(f'{size:,} MB ({place})' for place, size in found.peak_mb.items())}")
