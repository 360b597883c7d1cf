"""The loop that all trained rankers share: Adam with a warm-up and a cosine."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from genrec.errors import NotNumbersError

Progress = Callable[[int, int], None]
"""Called with the batches done and the batches in all."""

WARM_UP = 0.05  # of all batches
CLIP = 1.0


def descend(
    network: nn.Module,
    losses: Callable[[], Iterable[Tensor]],
    epochs: int,
    batches: int,
    *,
    rate: float,
    decay: float = 0.0,
    after_step: Callable[[], None] = lambda: None,
    progress: Progress | None = None,
) -> None:
    """Follow the losses of `epochs` epochs, `batches` each (more are taken at the last rate); leaves it in eval mode.

    Raises NotNumbersError if they diverge.
    """
    total = max(epochs * batches, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step / total))
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
            schedule.step()
            after_step()
            done += 1
            if progress:
                progress(min(done, total), total)
    network.eval()


def _share(done: float) -> float:
    """Of the highest rate: up in a line, down along a cosine to a twentieth."""
    if done < WARM_UP:
        return max(done / WARM_UP, 0.05)
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
