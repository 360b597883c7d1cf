"""Stops on the way of a training run: there its model is looked at as if the run ended there."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Visit = Callable[[int, torch.nn.Module], None]  # (steps done, model in evaluation mode)


class Stops(TrainerCallback):  # type: ignore[misc]
    """Calls `visit` at some steps; the run goes on as if nothing had been."""

    def __init__(self, steps: set[int], visit: Visit) -> None:
        self._steps, self._visit = steps, visit

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """At the start, or where the run resumes."""
        self._stop(state.global_step, model)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """After a step."""
        self._stop(state.global_step, model)

    def _stop(self, step: int, model: torch.nn.Module | None) -> None:
        if step in self._steps and model is not None:
            training = model.training
            with torch.random.fork_rng():
                self._visit(step, model.eval())
            model.train(training)
