"""One run with one optimiser: what it keeps, how long its steps take, and how well the small model then foretells."""

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from trl import SFTTrainer

from genrec.llm.quiet import quiet_transformers
from training import sft
from training.bench.optimizers.variants import BATCH, MAX_LENGTH, Diaries, Variant
from training.data.conversation import TrainingExample
from training.data.encoding import IGNORED, Encoder
from training.recipe import Data, SftRecipe
from training.settings import Trainable, load_trainable
from training.stage import peak_memory_mb
from training.trainers.callbacks import Bar, trainable_parameters
from training.trainers.labelled_loss import labelled_loss

DIARIES = Data(checkins=Path("synthetic-city"))  # a recipe names its data, and these are given
Part = Literal["cost", "rate", "learned"]
LAST = 50  # steps, of whose loss the mean is told


class Row(BaseModel):
    """What a run came to. `cost` is of the large model, `rate` and `learned` are of the small one.

    Attributes:
        error: why it does not run on this machine.
        state_bytes: of all that the optimiser keeps from step to step.
        trained: how many numbers are trained.
        first_step_seconds: the first step makes projections and state.
        step_seconds: of a later step, on average. GaLore makes new projections each 200 steps.
        peak_mb: the most memory of the run's process.
        loss: of training, over the last steps.
        people: of each person whose visits were kept aside: visits, those foretold right, and the sum of -log p.

    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Part
    variant: str
    rate: float
    seed: int
    error: str | None = None
    device: str = ""
    dtype: str = ""
    threads: int = 0
    load: float = 0.0
    trained: int = 0
    state_bytes: int = 0
    first_step_seconds: float = 0.0
    step_seconds: float = 0.0
    peak_mb: int = 0
    loss: float = 0.0
    people: tuple[tuple[int, int, float], ...] = ()


def measure(variant: Variant, part: Part, *, model: str, rate: float, seed: int, steps: int, diaries: Diaries) -> Row:
    """Steps of a model on diaries drawn by the seed; of the small model, also what it then foretells.

    Learning rates are told apart on the validation part, results are of the test part.
    """
    about: dict[str, Any] = {"part": part, "variant": variant.name, "rate": rate, "seed": seed}
    recipe = variant.recipe(model, DIARIES, rate, steps, seed)
    people = {"cost": [], "rate": diaries.validation, "learned": diaries.test}[part]
    try:
        trainable = load_trainable(recipe)
        trainer, figures = _trained(
            recipe, trainable, random.Random(seed).sample(diaries.train, min(steps * BATCH, len(diaries.train)))
        )
    except (AssertionError, RuntimeError) as error:  # as torch and bitsandbytes say that they miss a GPU
        return Row(**about, error=str(error).splitlines()[0])
    return Row(**about, **figures, people=tuple(foretold(trainer.model, trainable, people)))


def _trained(
    recipe: SftRecipe, trainable: Trainable, examples: Sequence[TrainingExample]
) -> tuple[SFTTrainer, dict[str, Any]]:
    """The trainer after its last step, and what it took."""
    load, _, _ = os.getloadavg()
    ends = [0.0]
    with tempfile.TemporaryDirectory() as folder:
        trainer = sft.make_trainer(recipe, trainable, sft.tokenised(recipe, trainable, examples), Path(folder))
        trained = trainable_parameters(trainer.model)
        trainer.add_callback(Bar(lambda done, total: ends.append(time.perf_counter())))
        with labelled_loss(), quiet_transformers():
            ends[0] = time.perf_counter()
            trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    first, *later = (end - start for start, end in pairwise(ends))
    memory = peak_memory_mb()
    return trainer, {
        "device": trainable.info.device,
        "dtype": trainable.info.dtype,
        "threads": torch.get_num_threads(),
        "load": round(load, 2),
        "trained": trained,
        "state_bytes": state_bytes(trainer.optimizer.optimizer),
        "first_step_seconds": round(first, 3),
        "step_seconds": round(float(np.mean(later)), 4),
        "peak_mb": memory.get("gpu", memory["cpu"]),
        "loss": round(float(np.mean(losses[-LAST:])), 4),
    }


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of the tensors that an optimiser keeps, GaLore's projections among them; what is shared counts once."""
    # The layer-wise form has an optimiser for each weight, behind one that does nothing.
    each = getattr(optimizer, "optimizer_dict", None)
    optimizers = each.values() if each else [optimizer]
    kept = {tensor.data_ptr(): tensor.nbytes for one in optimizers for tensor in _tensors(one)}
    return sum(kept.values())


def _tensors(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for state in optimizer.state.values():
        for name, value in state.items():
            kept = value.ortho_matrix if name == "projector" else value
            if isinstance(kept, torch.Tensor):
                yield kept


@torch.inference_mode()
def foretold(
    model: torch.nn.Module, trainable: Trainable, people: Sequence[Sequence[TrainingExample]]
) -> Iterator[tuple[int, int, float]]:
    """Of each person: visits, those whose place the model would have written, and the sum of -log p(place)."""
    encoder = Encoder(trainable.tokenizer, MAX_LENGTH)
    device = next(model.parameters()).device
    model.eval()
    for diaries in people:
        answers = []
        for diary in diaries:
            row = encoder.encode(diary, 0)
            tokens = torch.from_numpy(row.input_ids).long().to(device)
            scores = model(tokens[None]).logits[0, :-1].float().log_softmax(-1).cpu()
            answers += _answers(scores, row.labels[1:])
        yield len(answers), sum(right for right, _ in answers), round(-sum(said for _, said in answers), 3)


def _answers(scores: torch.Tensor, labels: np.ndarray[Any, np.dtype[np.int32]]) -> list[tuple[bool, float]]:
    """Of each run of labelled tokens: whether each is the likeliest, so that the model writes them all; log p."""
    labelled = np.flatnonzero(labels != IGNORED)
    wanted = torch.from_numpy(labels[labelled]).long()
    rows = scores[torch.from_numpy(labelled)]
    said = rows.gather(1, wanted[:, None])[:, 0].numpy()
    right = (rows.argmax(1) == wanted).numpy()
    breaks = np.flatnonzero(np.diff(labelled) > 1) + 1
    return [(bool(right[part].all()), float(said[part].sum())) for part in np.split(np.arange(len(labelled)), breaks)]
