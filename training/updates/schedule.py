"""The rates of an update (arXiv 2308.04014): warmed up again and down to a tenth, or constant at the old final one."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from training.rankers.loop import Schedule
from training.recipe import UpdateRecipe
from training.updates.account import Rate

FINAL = 0.1  # of the highest rate


@dataclass(frozen=True)
class Rates:
    """What one network is updated with; see the recipe's `schedule`, `peak` and `warm_up`."""

    rate: Rate
    warm_up: float | None  # share of the steps; None: the rate is constant

    @classmethod
    def of(cls, recipe: UpdateRecipe, usual: float, last: float) -> "Rates":
        """`usual`: the highest rate of the first training; `last`: the one at which the latest ended."""
        if recipe.schedule == "constant":
            return cls(Rate(highest=last, final=last), None)
        highest = recipe.peak * usual
        return cls(Rate(highest=highest, final=FINAL * highest), recipe.warm_up)

    @property
    def schedule(self) -> Schedule:
        """For `training.rankers.loop.descend`."""
        return self._over

    def _over(self, optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
        return LambdaLR(optimizer, partial(self.share, steps=steps))

    def share(self, step: int, steps: int) -> float:
        """Of the highest rate, at a step of so many: what transformers call `cosine_warmup_with_min_lr`."""
        if self.warm_up is None:
            return 1.0
        warm = math.ceil(self.warm_up * steps)
        if step < warm:
            return (step + 1) / warm
        done = min((step - warm + 1) / max(steps - warm, 1), 1.0)
        return FINAL + (1 - FINAL) * (1 + math.cos(math.pi * done)) / 2

    def trainer(self) -> dict[str, Any]:
        """The same as keys of TRL's trainers."""
        if self.warm_up is None:
            return {"learning_rate": self.rate.highest, "lr_scheduler_type": "constant", "warmup_steps": 0}
        return {
            "learning_rate": self.rate.highest,
            "lr_scheduler_type": "cosine_warmup_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": FINAL},
            "warmup_steps": self.warm_up,
        }
