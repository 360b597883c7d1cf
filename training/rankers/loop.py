"""The loop that all trained rankers share: Adam with a warm-up and a cosine."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from genrec.errors import NotNumbersError

Progress = Callable[[int, int], None]
"""Called with the batches done and the batches in all."""

Schedule = Callable[[torch.optim.Optimizer, int], LambdaLR]
"""Of the rate, for an optimiser that has the highest one, over so many batches."""

WARM_UP = 0.05  # of all batches
LAST = 0.05  # of the highest rate
CLIP = 1.0


def descend(
    network: nn.Module,
    losses: Callable[[], Iterable[Tensor]],
    epochs: int,
    batches: int,
    *,
    rate: float,
    decay: float = 0.0,
    schedule: Schedule | None = None,
    after_step: Callable[[], None] = lambda: None,
    progress: Progress | None = None,
) -> None:
    """Follow the losses of `epochs` epochs, `batches` each (more are taken at the last rate); leaves it in eval mode.

    Without `schedule`, the rate goes up in a line and down along a cosine. Raises NotNumbersError if they diverge.
    """
    total = max(epochs * batches, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    rates = schedule(optimizer, total) if schedule else LambdaLR(optimizer, lambda step: _share(step / total))
    network.train()
    done = 0
    for _ in range(epochs):
        for loss in losses():
            if not torch.isfinite(loss):
                raise NotNumbersError("the training has diverged: its loss is not a number")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            rates.step()
            after_step()
            done += 1
            if progress:
                progress(min(done, total), total)
    network.eval()


def _share(done: float) -> float:
    """Of the highest rate: up in a line, down along a cosine to a twentieth."""
    if done < WARM_UP:
        return max(done / WARM_UP, LAST)
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
