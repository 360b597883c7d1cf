"""Exact top-k: equal to scoring every answer, for any trie and any probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrec.errors import GenRecError
from genrec.llm.decoding import Trie, top_k


class TableScorer:
    """Next-token log-probabilities drawn at random, once per path; counts what is asked."""

    def __init__(self, seed: int, vocabulary: int) -> None:
        self.seed, self.vocabulary = seed, vocabulary
        self.read: set[tuple[int, ...]] = set()

    def row(self, path: tuple[int, ...]) -> np.ndarray:
        draw = np.random.default_rng([self.seed, len(path), *path])
        logits = 4 * draw.standard_normal(self.vocabulary, dtype=np.float32).astype(np.float64)
        return logits - np.log(np.exp(logits).sum())

    def child_logprobs(self, nodes):
        for node in nodes:
            path = (node.prompt, *node.path)
            assert node.path == () or path[:-1] in self.read, "a path is read after its parent"
            assert path not in self.read, "no path is read twice"
            self.read.add(path)
        return [self.row((node.prompt, *node.path))[list(node.children)].tolist() for node in nodes]


def brute_force(scorer: TableScorer, sequences: list[tuple[int, ...]], prompt: int = 0) -> list[float]:
    rows: dict[tuple[int, ...], np.ndarray] = {}

    def score(path: tuple[int, ...], token: int) -> float:
        if path not in rows:
            rows[path] = scorer.row((prompt, *path))
        return float(rows[path][token])

    return [sum(score(seq[:i], token) for i, token in enumerate(seq)) for seq in sequences]


def with_end(ids: set[str]) -> list[tuple[int, ...]]:
    """Digits as tokens 0-9 and 10 as the end token: ids that are prefixes of others are fine."""
    return [(*map(int, text), 10) for text in sorted(ids)]


def digits(text: str) -> list[str]:
    return list(text)


def groups(text: str) -> list[str]:
    """Three digits a token, from the left."""
    return [text[i : i + 3] for i in range(0, len(text), 3)]


def groups_from_the_right(text: str) -> list[str]:
    first = len(text) % 3
    return [text[:first]] * bool(first) + [text[i : i + 3] for i in range(first, len(text), 3)]


def merged_space(text: str) -> list[str]:
    """The space before an id belongs to its first digit."""
    return [" " + text[0], *text[1:]]


def merged_pairs(text: str) -> list[str]:
    """Some pairs of digits are tokens, as byte-pair encodings have them."""
    parts, rest = [], text
    while rest:
        size = 2 if rest[:2] in {"10", "12", "20", "33", "99"} else 1
        parts, rest = [*parts, rest[:size]], rest[size:]
    return parts


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    tokenise=st.sampled_from([digits, groups, groups_from_the_right, merged_space, merged_pairs]),
    size=st.one_of(st.integers(1, 40), st.integers(1, 5000)),
    k=st.one_of(st.integers(1, 30), st.integers(1, 6000)),
    seed=st.integers(0, 10**6),
)
def test_equals_brute_force_for_any_tokeniser(tokenise, size, k, seed):
    parts = [[*tokenise(str(poi)), "end"] for poi in range(size)]
    vocabulary = {part: i for i, part in enumerate(dict.fromkeys(part for row in parts for part in row))}
    sequences = [tuple(vocabulary[part] for part in row) for row in parts]
    scorer = TableScorer(seed, len(vocabulary) + 5)
    expected = np.array(brute_force(scorer, sequences))
    [result] = top_k(scorer, [Trie(sequences)], k)
    best = np.lexsort((np.arange(size), -expected))[:k]
    assert [scored.answer for scored in result] == best.tolist()
    assert np.allclose([scored.logprob for scored in result], expected[best], atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    inner=st.sets(st.lists(st.integers(0, 5), max_size=5).map(tuple), min_size=1, max_size=80),
    k=st.integers(1, 100),
    seed=st.integers(0, 10**6),
)
def test_equals_brute_force_for_any_trie(inner, k, seed):
    sequences = [(*path, 6) for path in sorted(inner)]
    scorer = TableScorer(seed, 8)
    expected = brute_force(scorer, sequences)
    [result] = top_k(scorer, [Trie(sequences)], k)
    assert [scored.answer for scored in result] == sorted(range(len(sequences)), key=lambda i: (-expected[i], i))[:k]


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


def test_a_trie_needs_answers():
    with pytest.raises(ValueError, match="at least one answer"):
        Trie([])


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        top_k(TableScorer(0, 11), [Trie([(1, 10)])], 0)


class FixedScorer:
    """Gives the token 1 behind the second prompt a given log-probability."""

    def __init__(self, value: float) -> None:
        self.value = value

    def child_logprobs(self, nodes):
        return [[self.value if (node.prompt, t) == (1, 1) else -1.5 for t in node.children] for node in nodes]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.01, 700.0])
def test_what_is_not_a_log_probability_is_never_ranked(value):
    tries = [Trie([(0, 9), (1, 9)])] * 3
    with pytest.raises(GenRecError, match=r"prompt 2 of the request: the model gives token 1 behind \[\]"):
        top_k(FixedScorer(value), tries, 1)


def test_rounding_above_zero_is_a_certainty():
    [_, found, _] = top_k(FixedScorer(1e-6), [Trie([(0,), (1,)])] * 3, 2)
    assert [scored.logprob for scored in found] == [0.0, -1.5]
