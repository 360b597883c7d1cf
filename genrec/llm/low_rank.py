"""Matrices of low rank that are added to a model's linear layers for a while (LoRA, Hu et al. 2021)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

Pair = tuple[torch.Tensor, torch.Tensor]  # (rank, inputs), (outputs, rank)


@contextmanager
def added(model: torch.nn.Module, pairs: Mapping[str, Pair]) -> Iterator[None]:
    """The model with pairs beside the layers that they are named after; afterwards it is as it was before."""
    hooks = [model.get_submodule(name).register_forward_hook(_adding(*pair)) for name, pair in pairs.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _adding(down: torch.Tensor, up: torch.Tensor) -> Any:
    def hook(layer: torch.nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> torch.Tensor:
        [states] = given
        return made + (states @ down.to(states).T) @ up.to(states).T

    return hook
