"""Steps, time and memory of a training run, by one real step of it."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from datasets import Dataset
from transformers import Trainer

from genrec.llm.quiet import quiet_transformers
from training.recipe import DpoRecipe, SftRecipe
from training.settings import Trainable, trainer_config
from training.stage import peak_memory_mb
from training.trainers.callbacks import trainable_parameters
from training.trainers.labelled_loss import labelled_loss


@dataclass(frozen=True)
class Estimate:
    """Steps of the run; one step on its longest examples, measured; and what follows for all of them."""

    trainable_parameters: int
    steps: int
    examples_a_step: int
    longest_step_seconds: float
    seconds: float  # of the run, in proportion to tokens
    peak_mb: dict[str, int]


SomeRecipe = TypeVar("SomeRecipe", SftRecipe, DpoRecipe)


def estimate(
    recipe: SomeRecipe,
    trainable: Trainable,
    dataset: Dataset,
    make_trainer: Callable[[SomeRecipe, Trainable, Dataset, Path], Trainer],
) -> Estimate:
    """Take one step on the run's longest rows. Changes the model: it is not to be trained afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        config = trainer_config(recipe.kind, recipe, Path(folder))
        batch = config.per_device_train_batch_size * config.world_size
        in_step = min(batch * config.gradient_accumulation_steps, len(dataset))
        steps_an_epoch = math.ceil(math.ceil(len(dataset) / batch) / config.gradient_accumulation_steps)
        steps = config.max_steps if config.max_steps > 0 else math.ceil(steps_an_epoch * config.num_train_epochs)
        longest = dataset.select(np.argsort(dataset["length"][:])[-in_step:])
        once = {"max_steps": 1, "save_strategy": "no", "report_to": "none"}
        one_step = recipe.model_copy(update={"trainer": recipe.trainer | once})
        trainer = make_trainer(one_step, trainable, longest, Path(folder))
        start = time.perf_counter()
        with labelled_loss(), quiet_transformers():
            trainer.train()
        seconds = time.perf_counter() - start
    mean_tokens = sum(dataset["length"]) / len(dataset) * in_step
    return Estimate(
        trainable_parameters=trainable_parameters(trainer.model),
        steps=steps,
        examples_a_step=in_step,
        longest_step_seconds=seconds,
        seconds=seconds * steps * mean_tokens / sum(longest["length"]),
        peak_mb=peak_memory_mb(),
    )
