"""The trainer of each stage of a run, on what the run has bought: demonstrations, pairs or judgements of one answer."""

from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from pydantic import BaseModel
from transformers import Trainer

from genrec import jsonl
from genrec.errors import GenRecError
from genrec.llm.backend import Message
from genrec.llm.local import LocalModel
from genrec.validation import read_lines
from training import dpo, kto, sft
from training.budget.chain import Chain, stage_of
from training.budget.folder import StudyFolder
from training.budget.spec import Stage, Study
from training.budget.tasks.task import Model, Pair, Task, demonstration_order, pair_order
from training.data.preferences import Preference
from training.merge import merged
from training.recipe import Data, DpoRecipe, Recipe, SftRecipe
from training.settings import Trainable, load_trainable, require_possible
from training.trainers.reference import weights_hash

PAIRS = "pairs.jsonl"
CACHE_BYTES = 512 << 20  # a study's prompts have little in common, and trainers run side by side
NO_DATA = Data(checkins=Path("study"))  # a recipe names its data, and these are the study's


def require_trainable(study: Study) -> None:
    """Raise GenRecError if TRL refuses a stage's `trainer`, before a model is made."""
    common: dict[str, Any] = {"method": study.method, "lora": study.lora}
    recipes: list[Recipe] = [
        SftRecipe(kind="sft", data=NO_DATA, trainer=study.sft.trainer, **common),
        DpoRecipe(kind="dpo", preferences=Path(PAIRS), trainer=study.dpo.trainer, **common),
    ]
    if study.kto:
        recipes.append(kto.KtoRecipe(trainer=study.kto.trainer, **common))
    for recipe in recipes:
        try:
            require_possible(recipe)
        except GenRecError as error:
            raise GenRecError(f"{recipe.kind}.{error}") from None


def trainer_of(folder: StudyFolder, chain: Chain) -> tuple[Trainer, Trainable]:
    """The trainer of a run, before its first step, and what it trains."""
    return _sft_trainer(folder, chain) if chain.stage == "sft" else _preference_trainer(folder, chain)


def _sft_trainer(folder: StudyFolder, chain: Chain) -> tuple[Trainer, Trainable]:
    recipe = SftRecipe(kind="sft", data=NO_DATA, **_settings(folder, chain))
    task = folder.material.task
    order = demonstration_order(task, chain.seed)[: chain.size]
    trainable = load_trainable(recipe)
    rows = sft.tokenised(recipe, trainable, [task.questions.train[i].demonstration() for i in order])
    return sft.make_trainer(recipe, trainable, rows, folder.run(chain)), trainable


def _preference_trainer(folder: StudyFolder, chain: Chain) -> tuple[Trainer, Trainable]:
    settings, home = _settings(folder, chain), folder.run(chain)
    before = chain.before()
    begun = folder.model(before, chain.start) if before else None
    if begun and folder.study.method == "full":
        settings["model"] = str(begun)
    judging = kto.KtoRecipe(**settings) if chain.stage == "kto" else None
    comparing = None if judging else DpoRecipe(kind="dpo", preferences=home / PAIRS, **settings)
    recipe = comparing or judging
    assert recipe  # noqa: S101 - narrows the type
    policy = _policy(folder, recipe, begun)
    pairs = bought_pairs(folder.material.task, chain, serving(policy.model, policy), home / PAIRS)
    tokens = dpo.pair_tokens(recipe, policy, cast("list[Preference]", pairs))  # reads what a Pair has
    weights = weights_hash(policy.model)
    if judging:
        good = [number % 2 == 0 for number in range(len(tokens))]  # so many in each batch, whatever its size
        judged = kto.with_mismatched(tokens, good, _at_once(stage_of(folder.study, "kto")))
        rows = kto.judgement_dataset(judged, good, dpo.reference(policy, weights, judged))
        return kto.make_trainer(judging, policy, rows, home), policy
    assert comparing  # noqa: S101 - narrows the type
    rows = dpo.pair_dataset(tokens, dpo.reference(policy, weights, tokens))
    return dpo.make_trainer(comparing, policy, rows, home), policy


def _policy(folder: StudyFolder, recipe: Recipe, begun: Path | None) -> Trainable:
    """The model that preferences begin with, which is their reference, too."""
    try:
        policy = load_trainable(recipe)
        return merged(policy, begun) if begun and folder.study.method == "lora" else policy
    except GenRecError as error:
        remedy = f". Delete {begun}: the same command makes it anew" if begun else ""
        raise GenRecError(f"{error}{remedy}") from error


def _at_once(stage: Stage) -> int:
    return stage.at_once or stage.batch


def _settings(folder: StudyFolder, chain: Chain) -> dict[str, Any]:
    """What the recipes of all stages have in common."""
    study, stage = folder.study, stage_of(folder.study, chain.stage)
    trainer = stage.trainer | {
        "learning_rate": chain.rate,
        "num_train_epochs": 1,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": stage.warmup_steps,
        "per_device_train_batch_size": _at_once(stage),
        "gradient_accumulation_steps": stage.batch // _at_once(stage),
        "train_sampling_strategy": "sequential",
        "save_steps": stage.save_steps,
    }
    return {
        "model": folder.material.model,
        "method": study.method,
        "lora": study.lora,
        "seed": chain.seed,
        "max_length": study.max_length,
        "trainer": trainer,
    }


class _Batch(BaseModel):
    """A line of a run's pairs: how many examples were asked, and what they gave."""

    read: int
    pairs: list[tuple[tuple[Message, ...], str, str]]


def bought_pairs(task: Task, chain: Chain, model: Model, path: Path) -> list[Pair]:
    """The first pairs of the seed's order, as many as the run is long, kept in `path` batch by batch.

    Raises GenRecError if the pool does not give so many, or if the file is damaged.
    """
    jsonl.resume(path, private=True)
    kept = [one for _, one in read_lines(path, _Batch, "a batch of pairs", fix="Delete it: it is made anew.")]
    pairs = [Pair(*row) for batch in kept for row in batch.pairs]
    order = pair_order(task, chain.seed)
    batches = task.pairs(order[sum(batch.read for batch in kept) :], model)
    while len(pairs) < chain.size and (made := next(batches, None)) is not None:
        batch = {"read": task.pair_batch, "pairs": [(pair.prompt, pair.chosen, pair.rejected) for pair in made]}
        jsonl.append(path, [jsonl.line(batch)])
        pairs += made
    if len(pairs) < chain.size:
        raise GenRecError(
            f"{len(order):,} examples give {len(pairs):,} pairs, but {chain.size:,} are to be bought: lower budgets, "
            "or raise the smallest of price_ratios"
        )
    return pairs[: chain.size]


def serving(model: torch.nn.Module, trainable: Trainable) -> LocalModel:
    """The model as serving asks it: what it read before belongs to other weights, so a new one each time."""
    plain: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return LocalModel(plain, trainable.tokenizer, trainable.info.name, cache_bytes=CACHE_BYTES)
