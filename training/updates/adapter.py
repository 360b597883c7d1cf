"""The update of an adapter: supervised fine-tuning goes on from its weights, with what came since.

Places have names in diaries, so those that came need nothing; where an adapter knows places by their numbers, the known
ones keep theirs.
"""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from pydantic import BaseModel, ValidationError
from torch.nn import functional

from genrec import jsonl
from genrec.cache import cache_home
from genrec.checkins import Checkins
from genrec.columns import TIME
from genrec.errors import GenRecError, InputError
from genrec.files import require_regular
from genrec.llm.adapter import ANY, Adapter, read_adapter, write_declaration
from genrec.llm.lora import put_on
from genrec.prepared import catalogue_hash
from genrec.rankers.trained import TrainedOn
from genrec.trajectories import training
from training import record, sft
from training.data.conversation import TrainingExample
from training.data.diaries import latest_diaries
from training.data.encoding import IGNORED, Encoder, encoded_dataset
from training.data.examples import CountTokens, conversations
from training.progress import nothing
from training.recipe import SftRecipe, UpdateRecipe
from training.settings import load_trainable, require_possible, trainer_config
from training.updates.account import Account, Scores
from training.updates.arrival import Arrival, Known
from training.updates.learned import Bars, Learned
from training.updates.schedule import FINAL, Rates

NAME = "adapter"
KEPT_ASIDE = 0.1  # of what came, the newest: not learned
MOST_KEPT = 40  # examples that are scored
VANISHED = 0.01  # of the usual rate: a schedule that ended lower ended at nothing


class _Data(BaseModel):
    trained_on: TrainedOn | None = None


class _Run(BaseModel):
    """What run.json says of the data, as far as it is asked here."""

    data: _Data


@dataclass(frozen=True)
class Job:
    """An update of an adapter; as `training.updates.rankers.Job`."""

    recipe: UpdateRecipe
    first: SftRecipe
    came: Arrival
    folder: Path
    account: Account | None


def known_of(run: Path, folder: Path, first: SftRecipe, account: Account | None) -> Known:
    """What a version has seen; raises GenRecError if it is nothing that can be updated."""
    if not first.adapts:
        raise GenRecError(f"{run} was trained with method {first.method}: only adapters and rankers are updated")
    if first.data.cities or first.data.preset or first.data.prompt == "portrait":
        what = "synthetic cities" if first.data.cities else first.data.preset or "portraits"
        raise GenRecError(
            f"{run} was trained on {what}, which nothing is added to: go on from it with `genrec-train sft` and "
            f"adapter: {run}"
        )
    if account:
        return Known(run, read_adapter(folder).catalogue, account.trained_on)
    path = folder / record.RUN
    require_regular(path)
    try:
        seen = _Run.model_validate_json(path.read_bytes()).data.trained_on
    except ValidationError:
        seen = None
    if seen is None:
        raise InputError("does not say which check-ins the adapter has seen.", file=path, fix="Train it again.")
    return Known(run, read_adapter(folder).catalogue, seen, first.data.train)


def update_adapter(job: Job, out: Path, bars: Bars) -> Learned:
    """Write the adapter as it is after the update into a folder; what a killed update left there is gone on from."""
    first, declared = job.first, read_adapter(job.folder)
    usual = first.trainer.get("learning_rate") or trainer_config("sft", first, out).learning_rate
    rates = Rates.of(job.recipe, usual, _last_rate(job, usual))
    recipe = _recipe(job, rates)
    require_possible(recipe)
    trainable = load_trainable(recipe)
    draw = random.Random(recipe.seed)
    frame, rows = job.came.checkins.frame, job.came.rows
    cut = rows + int((len(frame) - rows) * (1 - KEPT_ASIDE))
    counter = trainable.count_tokens
    new = _examples(job, range(rows, cut), draw, counter)
    newest = _examples(job, range(cut, len(frame)), draw, counter)
    if not new or not newest:
        raise GenRecError(f"{len(frame) - rows:,} new check-ins are too few to learn from: wait for more")
    kept = draw.sample(newest, min(MOST_KEPT, len(newest)))
    count = round(job.recipe.replay * len(new))
    old = _examples(job, range(rows), draw, counter, count) if count else []
    examples = [*new, *draw.sample(old, min(count, len(old)))]
    draw.shuffle(examples)
    encoder = Encoder(trainable.tokenizer, recipe.max_length)
    held_out = encoded_dataset(encoder, kept, cache_home() / "tokens", nothing)
    before = _scores(recipe, job.folder, held_out)
    sft.train_sft(
        recipe,
        trainable,
        examples,
        out,
        catalogue=declared.catalogue,
        resume=True,
        tokenising=bars("tokenising, examples"),
        training=bars("training, steps"),
    )
    if declared.catalogue != ANY:
        grown = catalogue_hash(job.came.checkins.pois)
        write_declaration(out, Adapter(**{**declared.model_dump(), "catalogue": grown}))
    after = _scores(recipe, out, held_out)
    shutil.rmtree(out / record.CHECKPOINTS, ignore_errors=True)
    return Learned(len(new), len(examples) - len(new), {NAME: rates}, (), before, after)


def _recipe(job: Job, rates: Rates) -> SftRecipe:
    """The recipe of the first training, from the adapter as it is, at other rates."""
    trainer = {key: value for key, value in job.first.trainer.items() if key not in ("max_steps", "warmup_ratio")}
    trainer |= {"lr_scheduler_kwargs": {}, **rates.trainer()}
    if job.recipe.epochs:
        trainer["num_train_epochs"] = job.recipe.epochs
    return job.first.model_copy(update={"adapter": job.folder, "seed": job.recipe.seed, "trainer": trainer})


def _last_rate(job: Job, usual: float) -> float:
    """The rate at which the latest training ended; a tenth of the usual one if that was nothing."""
    if job.account:
        return job.account.rates[NAME].final
    lines = jsonl.read(job.folder / record.METRICS)
    last = float(lines[-1].get("learning_rate", 0)) if lines else 0.0
    return last if last > VANISHED * usual else FINAL * usual


def _examples(
    job: Job, rows: range, draw: random.Random, count_tokens: CountTokens, limit: int | None = None
) -> list[TrainingExample]:
    """What the visits of some rows teach."""
    data, checkins = job.first.data, job.came.checkins
    if data.prompt == "diary":
        return latest_diaries(checkins, data.visits, rows, draw)
    parts = data.moments + 1
    moments = {checkins.frame[rows.start + len(rows) * part // parts, TIME] for part in range(parts)}
    visits = training(checkins, rows.stop, moments, last_only=data.targets == "final").examples
    seen = Checkins(checkins.frame[: rows.stop], checkins.pois, checkins.source, checkins.notes, checkins.dates_only)
    return conversations(seen, visits, data, limit=limit, seed=job.recipe.seed, count_tokens=count_tokens)


@torch.no_grad()
def _scores(recipe: SftRecipe, folder: Path, dataset: Dataset) -> Scores:
    """The loss of an adapter, an answer's token on average."""
    model = put_on(load_trainable(recipe).model, folder).eval()
    losses: list[float] = []
    for row in dataset:
        tokens, labels = (torch.tensor(row[key], device=model.device)[None] for key in ("input_ids", "labels"))
        answers = (labels[0] != IGNORED).nonzero().squeeze(1)
        logits = model(input_ids=tokens, logits_to_keep=answers - 1).logits[0]
        losses += functional.cross_entropy(logits.float(), labels[0, answers].long(), reduction="none").tolist()
    return Scores(visits=_answers(dataset), loss=float(np.mean(losses)))


def _answers(dataset: Dataset) -> int:
    """How many answers are scored: stretches of labels."""
    count = 0
    for labels in dataset["labels"]:
        there = np.concatenate([[False], np.asarray(labels) != IGNORED])
        count += int((there[1:] & ~there[:-1]).sum())
    return count
