"""What is kept of earlier prompts: right, bounded, and the least used goes first."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.llm.prefix_cache import BLOCK, PrefixCache, shared_length

FEATURES = 3
BYTES = BLOCK * FEATURES * 4  # of a block


def features(tokens: list[int]) -> torch.Tensor:
    """Values that depend on all tokens up to each, as keys and values do."""
    return torch.tensor(
        [[hash((*tokens[: i + 1], j)) % 1000 for j in range(FEATURES)] for i in range(len(tokens))]
    ).float()


def add(cache: PrefixCache, tokens: list[int]) -> None:
    known = BLOCK * len(cache.find(tokens))
    cache.add(tokens, features(tokens)[known:])


def found(cache: PrefixCache, tokens: list[int]) -> int:
    """Tokens of a beginning that are known; what is found must be theirs."""
    blocks = cache.find(tokens)
    if blocks:
        assert torch.equal(torch.cat(blocks), features(tokens)[: BLOCK * len(blocks)])
    return BLOCK * len(blocks)


# Prompts over two tokens a block, so that many of them begin alike.
prompts = st.lists(st.integers(0, 1), max_size=5).map(lambda path: [t for t in path for _ in range(BLOCK)] + [9])


@settings(max_examples=60, deadline=None)
@given(st.lists(prompts, max_size=12), st.integers(0, 12))
def test_only_what_was_added_is_found_and_never_too_much_kept(added, room):
    cache = PrefixCache(room * BYTES)
    for number, prompt in enumerate(added):
        add(cache, prompt)
        for other in added:
            most = max((shared_length(other, earlier) for earlier in added[: number + 1]), default=0)
            assert found(cache, other) <= most
        assert sum(block.features.nbytes for block in cache._blocks.values()) <= room * BYTES
        assert found(cache, prompt) == min(len(prompt) // BLOCK, room) * BLOCK


def test_what_was_not_used_for_longest_goes_first():
    cache = PrefixCache(4 * BYTES)
    first, second, third = ([i] * 2 * BLOCK for i in (1, 2, 3))
    add(cache, first)
    add(cache, second)
    assert found(cache, first) == 2 * BLOCK
    add(cache, third)
    assert [found(cache, tokens) for tokens in (first, second, third)] == [2 * BLOCK, 0, 2 * BLOCK]
    add(cache, [3] * BLOCK + [4] * BLOCK)
    assert found(cache, first) == BLOCK, "its end goes before its beginning"


def test_an_incomplete_block_is_left_out():
    cache = PrefixCache(10 * BYTES)
    add(cache, [1] * (BLOCK + 5))
    assert found(cache, [1] * 2 * BLOCK) == BLOCK
    assert found(cache, [1] * (BLOCK - 1)) == 0


@pytest.mark.parametrize(
    ("a", "b", "length"), [([], [1], 0), ([1, 2], [1, 2, 3], 2), ([1, 2], [1, 3], 1), ([2], [1], 0)]
)
def test_shared_length(a, b, length):
    assert shared_length(a, b) == shared_length(b, a) == length
