"""What a model has computed for the beginnings of prompts, kept within a bound on memory."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import torch

# Tokens a block: what two prompts share is reused in whole blocks.
BLOCK = 16

ROOT = 0

Key = tuple[int, tuple[int, ...]]  # the number of the block before, and the tokens of this one


class _Block(NamedTuple):
    number: int
    features: torch.Tensor


class PrefixCache:
    """Keys and values of token runs, in a tree of blocks; those not used for longest go first.

    A token's features are its keys and values of all layers side by side. They depend on all
    tokens before it, so a block is found by its tokens and the block before it.
    """

    def __init__(self, capacity: int) -> None:
        """Keep at most `capacity` bytes."""
        self._capacity = capacity
        self._size = 0
        self._numbers = count(ROOT + 1)
        self._blocks: OrderedDict[Key, _Block] = OrderedDict()

    def find(self, tokens: Sequence[int]) -> list[torch.Tensor]:
        """The blocks known of a beginning of `tokens`, in order; each of shape (BLOCK, features)."""
        return [block.features for block in self._chain(tokens)]

    def add(self, tokens: Sequence[int], features: torch.Tensor) -> None:
        """Keep the features of the last tokens of `tokens`, shape (those tokens, features).

        What comes before them must be known, and end on a block's edge; an incomplete last block is left out.
        """
        start = len(tokens) - len(features)
        known = self._chain(tokens[:start])
        parent = known[-1].number if known else ROOT
        if len(known) * BLOCK < start:  # dropped in the meantime
            return
        for at in range(start, len(tokens) - BLOCK + 1, BLOCK):
            key = (parent, tuple(tokens[at : at + BLOCK]))
            if key not in self._blocks:
                # A copy: a slice would keep the whole tensor alive.
                self._blocks[key] = _Block(next(self._numbers), features[at - start : at - start + BLOCK].clone())
                self._size += self._blocks[key].features.nbytes
            parent = self._blocks[key].number
        self._chain(tokens)
        while self._size > self._capacity:
            self._size -= self._blocks.popitem(last=False)[1].features.nbytes

    def _chain(self, tokens: Sequence[int]) -> list[_Block]:
        keys: list[Key] = []
        parent = ROOT
        for at in range(0, len(tokens) - BLOCK + 1, BLOCK):
            key = (parent, tuple(tokens[at : at + BLOCK]))
            if key not in self._blocks:
                break
            keys.append(key)
            parent = self._blocks[key].number
        for key in reversed(keys):  # a block is used after those that stand behind it, so that leaves go first
            self._blocks.move_to_end(key)
        return [self._blocks[key] for key in keys]


def shared_length(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of leading tokens that two sequences share."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
