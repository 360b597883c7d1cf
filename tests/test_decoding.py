"""Exact top-k: equal to scoring every answer, for any trie and any probabilities."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.decoding import Trie, top_k


class TableScorer:
    """Next-token log-probabilities drawn at random, once per path; counts what is asked."""

    def __init__(self, seed: int, vocabulary: int) -> None:
        self.seed, self.vocabulary = seed, vocabulary
        self.read: set[tuple[int, ...]] = set()

    def row(self, path: tuple[int, ...]) -> list[float]:
        draw = random.Random(f"{self.seed}{path}")
        weights = [draw.random() ** 4 + 1e-9 for _ in range(self.vocabulary)]
        return [math.log(weight / sum(weights)) for weight in weights]

    def child_logprobs(self, nodes):
        for node in nodes:
            path = (node.prompt, *node.path)
            assert node.path == () or path[:-1] in self.read, "a path is read after its parent"
            assert path not in self.read, "no path is read twice"
            self.read.add(path)
        return [[self.row((node.prompt, *node.path))[token] for token in node.children] for node in nodes]


def brute_force(scorer: TableScorer, sequences: list[tuple[int, ...]], prompt: int = 0) -> list[float]:
    return [sum(scorer.row((prompt, *seq[:i]))[token] for i, token in enumerate(seq)) for seq in sequences]


def with_end(ids: set[str]) -> list[tuple[int, ...]]:
    """Digits as tokens 0-9 and 10 as the end token: ids that are prefixes of others are fine."""
    return [(*map(int, text), 10) for text in sorted(ids)]


@settings(max_examples=200, deadline=None)
@given(
    ids=st.sets(st.from_regex(r"[0-9]{1,4}", fullmatch=True), min_size=1, max_size=300),
    k=st.integers(1, 400),
    seed=st.integers(0, 10**6),
)
def test_equals_brute_force(ids, k, seed):
    sequences = with_end(ids)
    scorer = TableScorer(seed, vocabulary=11)
    expected = brute_force(scorer, sequences)
    [result] = top_k(scorer, [Trie(sequences)], k)
    best = sorted(range(len(sequences)), key=lambda i: (-expected[i], i))[:k]
    assert [scored.answer for scored in result] == best
    assert all(abs(scored.logprob - expected[scored.answer]) < 1e-9 for scored in result)
    assert sum(math.exp(scored.logprob) for scored in result) <= 1 + 1e-9


def test_prompts_searched_together_do_not_mix():
    tries = [Trie(with_end({str(i) for i in range(n)})) for n in (1, 30, 200)]
    together = top_k(TableScorer(3, 11), tries, 12)
    for prompt, n in enumerate((1, 30, 200)):
        sequences = with_end({str(i) for i in range(n)})
        expected = brute_force(TableScorer(3, 11), sequences, prompt)
        best = sorted(range(n), key=lambda i: (-expected[i], i))[:12]
        assert [scored.answer for scored in together[prompt]] == best


def test_reads_few_of_many_nodes():
    sequences = with_end({str(i) for i in range(5000)})
    scorer = TableScorer(7, vocabulary=11)
    top_k(scorer, [Trie(sequences)], 10)
    assert len(scorer.read) < 300


@pytest.mark.parametrize("sequences", [[()], [(1, 2), (1, 2)], [(1,), (1, 2)], [(1, 2), (1,)]])
def test_trie_refuses_ambiguous_answers(sequences):
    with pytest.raises(ValueError, match="prefix of"):
        Trie(sequences)


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        top_k(TableScorer(0, 11), [Trie([(1, 10)])], 0)
