"""What a training run would do: its data, and its steps, time and memory by one real step."""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genrec.llm.quiet import quiet_transformers
from training.encoding import IGNORED
from training.labelled_loss import labelled_loss
from training.recipe import SftRecipe
from training.record import peak_memory_mb
from training.settings import Trainable, trainer_config
from training.sft import make_trainer

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

START, END = "⟦", "⟧"


@dataclass(frozen=True)
class Estimate:
    """Steps of the run; one step on its longest examples, measured; and what follows for all of them."""

    trainable_parameters: int
    steps: int
    examples_a_step: int
    longest_step_seconds: float
    seconds: float  # of the run, in proportion to tokens
    peak_mb: dict[str, int]


def marked(tokenizer: "PreTrainedTokenizerBase", input_ids: Sequence[int], labels: Sequence[int]) -> str:
    """The text of an example, its supervised tokens between ⟦ and ⟧ (a line end is written ⏎ there)."""
    parts = []
    for supervised, tokens in groupby(zip(input_ids, labels, strict=True), key=lambda pair: pair[1] != IGNORED):
        part = tokenizer.decode([token for token, _ in tokens])
        parts.append(f"{START}{part.replace(chr(10), '⏎')}{END}\n" if supervised else part)
    return "".join(parts).rstrip("\n")


def estimate(recipe: SftRecipe, trainable: Trainable, dataset: "Dataset") -> Estimate:
    """Take one real step on the run's longest examples. Changes the model: it is not to be trained afterwards."""
    from training.callbacks import trainable_parameters  # deferred: loads torch

    with tempfile.TemporaryDirectory() as folder:
        config = trainer_config("sft", recipe, Path(folder))
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
