"""Supervised fine-tuning: TRL's SFTTrainer on GenRec's own tokens and labels."""

from collections.abc import Sequence
from pathlib import Path

import torch
from datasets import Dataset
from peft import PeftModel
from trl import SFTTrainer

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.llm.adapter import ANY, SHIPPED, Adapter, read_adapter, write_declaration
from genrec.llm.lora import lora_rank, put_on
from genrec.llm.quiet import quiet_transformers
from genrec.prepared import catalogue_hash
from genrec.prompting import prompt_version
from genrec.rankers.trained import TrainedOn
from training import record
from training.data.conversation import TrainingExample
from training.data.encoding import Encoder, encoded_dataset, examples_hash
from training.data.examples import read, seen, training_examples
from training.layouts import gathered, let_processors_cut
from training.progress import Progress, nothing
from training.prompts import LEARNED_PROMPTS
from training.rankers import material
from training.recipe import SftRecipe
from training.settings import (
    Trainable,
    lora_config,
    require_resumable,
    trainer_config,
)
from training.stage import built, run_stage
from training.trainers.answer_head import with_answer_head


def catalogue_of(recipe: SftRecipe) -> str:
    """Which POIs the result will know by their numbers."""
    return ANY if recipe.data.relabel else catalogue_hash(read(recipe.data).pois)


def seen_of(recipe: SftRecipe) -> TrainedOn | None:
    """Which check-ins the result will have seen; None if they are synthetic cities."""
    return None if recipe.data.cities else material.trained_on(seen(read(recipe.data), recipe.data), recipe.seed)


def examples_of(recipe: SftRecipe, trainable: Trainable, progress: Progress = nothing) -> list[TrainingExample]:
    """What a recipe learns from; raises GenRecError if that is nothing."""
    examples = training_examples(recipe.data, recipe.seed, trainable.count_tokens, progress)
    if not examples:
        raise GenRecError("the data have no examples to learn from: too few check-ins, or data.moments is too low")
    return examples


def tokenised(
    recipe: SftRecipe, trainable: Trainable, examples: Sequence[TrainingExample], progress: Progress = nothing
) -> Dataset:
    """The examples in tokens, made once and then read from the cache; errors as in `Encoder.encode`.

    With an adapter to be trained on diaries or portraits, the model's last layer becomes that of their answers.
    """
    encoder = Encoder(trainable.tokenizer, recipe.max_length)
    dataset = encoded_dataset(encoder, examples, cache_home() / "tokens", progress)
    if recipe.data.prompt in ("diary", "portrait") and recipe.adapts:
        return with_answer_head(trainable.model, dataset, recipe.seed)
    return dataset


def make_trainer(recipe: SftRecipe, trainable: Trainable, dataset: Dataset, out: Path) -> SFTTrainer:
    """TRL's trainer as the recipe says, without any of the trainer's own output on the terminal."""
    config = trainer_config("sft", recipe, out)
    let_processors_cut(config)
    with quiet_transformers():
        model = continued(trainable, adapter_folder(recipe.adapter)) if recipe.adapter else trainable.model
    return built(
        SFTTrainer,
        model=model,
        args=config,
        train_dataset=dataset,
        processing_class=trainable.tokenizer,
        peft_config=None if recipe.adapter else lora_config(recipe),
    )


def require_adapter(recipe: SftRecipe, catalogue: str) -> None:
    """Raise GenRecError unless the recipe's adapter, if any, can learn on: same base, prompt, catalogue and shape."""
    if recipe.adapter is None:
        return
    folder = adapter_folder(recipe.adapter)
    declared = read_adapter(folder)
    declared.require_base(recipe.model)
    declared.require(catalogue, prompt_version(LEARNED_PROMPTS[recipe.data.prompt]))
    rank = lora_rank(folder)
    if rank != recipe.lora.r:
        raise GenRecError(f"lora.r: {recipe.lora.r}, but {recipe.adapter} has rank {rank}")


def continued(trainable: Trainable, folder: Path) -> PeftModel:
    """The model with an adapter on it, ready to learn on; raises GenRecError if they do not fit."""
    return put_on(trainable.model, folder, trainable=True)


def adapter_folder(named: Path) -> Path:
    """Where an adapter is that a recipe names."""
    return SHIPPED if named == Path("shipped") else named


def train_sft(
    recipe: SftRecipe,
    trainable: Trainable,
    examples: Sequence[TrainingExample],
    out: Path,
    *,
    catalogue: str,
    trained_on: TrainedOn | None = None,
    resume: bool = False,
    tokenising: Progress = nothing,
    training: Progress = nothing,
) -> None:
    """Train, and leave the run's folder (training/record.py) with an adapter or a model in it.

    `catalogue` is the hash of the POIs that the examples speak of, or genrec.llm.adapter.ANY; `trained_on` says which
    check-ins they are of, so that the result can be updated later (training.updates). With `resume`, go on
    from the last checkpoint, if there is one: the losses are those of an undisturbed run. Raises GenRecError if
    this machine cannot do it, `out` holds something else, or the run would train nothing.
    """
    if resume:
        require_resumable(recipe)
    record.require_startable(out, resume=resume)
    require_adapter(recipe, catalogue)
    dataset = tokenised(recipe, trainable, examples, tokenising)
    trainer = make_trainer(recipe, trainable, dataset, out)
    facts = {
        "model": {"name": recipe.model, "dtype": trainable.info.dtype, "device": trainable.info.device},
        "data": {
            "examples": len(examples),
            "answers": sum(example.answers for example in examples),
            "tokens": sum(dataset["length"]),
            "dropped_lines": sum(example.dropped_lines for example in examples),
            "sha256": examples_hash(examples),
            "catalogue": catalogue,
            **({"trained_on": trained_on.model_dump(mode="json")} if trained_on else {}),
        },
    }
    main = run_stage(trainer, recipe, facts, out, resume=resume, progress=training)
    weights = gathered(trainer)
    if main:
        save_result(trainer, recipe, trainable, out, catalogue=catalogue, weights=weights)


def save_result(
    trainer: SFTTrainer,
    recipe: SftRecipe,
    trainable: Trainable,
    out: Path,
    *,
    catalogue: str,
    weights: dict[str, torch.Tensor] | None,
) -> None:
    """Write the adapter, or the model with its tokenizer, into `out`; its declaration comes last.

    `weights`: those that were trained, where the trainer's model has only pieces of them.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    with quiet_transformers():
        if recipe.adapts:
            model.peft_config["default"].base_model_name_or_path = recipe.model  # not a folder of this machine's cache
            # Unless told, PEFT asks the hub whether the base model has more words than it used to have.
            model.save_pretrained(out, state_dict=weights, save_embedding_layers=False)
        else:
            trainable.tokenizer.save_pretrained(out)
            model.save_pretrained(out, state_dict=weights)
    (out / "README.md").unlink(missing_ok=True)  # PEFT's form of a model card, to be filled in
    ranking_prompt = prompt_version(LEARNED_PROMPTS[recipe.data.prompt])
    write_declaration(out, Adapter(base=recipe.model, catalogue=catalogue, ranking_prompt=ranking_prompt))
