"""What GenRec does at each step of TRL's trainers."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from genrec import jsonl
from genrec.errors import GenRecError
from genrec.files import write_text

SAMPLED = 64  # numbers of each weight that are compared
NOT_OF_A_STEP = ("num_tokens",)  # TRL counts these anew after a resume


class DivergedError(GenRecError):
    """The loss is no number any more."""


class MetricsFile(TrainerCallback):  # type: ignore[misc]
    """Writes the metrics of each step as a JSON line; after a resume, the file goes on from the checkpoint's step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop the lines of steps that are taken again, and one that a kill left unfinished."""
        if state.is_world_process_zero:
            kept = [line for line in jsonl.read(self._path) if line["step"] <= state.global_step]
            write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a step's line. Raises DivergedError if the loss is no number any more."""
        if not logs or "loss" not in logs:
            return
        if state.is_world_process_zero:
            line = {"step": state.global_step} | {k: v for k, v in logs.items() if k not in NOT_OF_A_STEP}
            jsonl.append(self._path, [json.dumps(line)])
        if not math.isfinite(logs["loss"]):
            raise DivergedError(
                f"the loss is {logs['loss']} at step {state.global_step}: training has diverged. Lower "
                "trainer.learning_rate, and go on from an earlier checkpoint or start again."
            )


class WeightsMove(TrainerCallback):  # type: ignore[misc]
    """Raises GenRecError if nothing is trainable, or if the first step leaves all weights as they were."""

    def __init__(self) -> None:
        self._before: list[torch.Tensor] | None = None
        self._moved = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Something must be trainable."""
        if model is not None and not trainable_parameters(model):
            raise GenRecError("nothing would be trained: no parameter of the model is trainable")

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Remember a sample of each weight, before the first step whose rate is not 0, where warm-up begins."""
        if not self._moved and model is not None and optimizer is not None and optimizer.param_groups[0]["lr"] > 0:
            self._before = _sample(model)

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        optimizer: AcceleratedOptimizer | None = None,
        **kwargs: Any,
    ) -> None:
        """Compare, unless fp16's gradients overflowed and the step was left out."""
        if self._before is not None and model is not None and optimizer is not None and not optimizer.step_was_skipped:
            if all(torch.equal(a, b) for a, b in zip(self._before, _sample(model), strict=True)):
                raise GenRecError("the first step changed no weight: this run would train nothing")
            self._before, self._moved = None, True


def _sample(model: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().flatten()[:SAMPLED].clone() for p in model.parameters() if p.requires_grad]


def trainable_parameters(model: torch.nn.Module) -> int:
    """How many numbers training changes; tied weights count once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


class Bar(TrainerCallback):  # type: ignore[misc]
    """Tells a progress bar of each step: (steps done, steps in all)."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """A step is done."""
        self._progress(state.global_step, state.max_steps)
