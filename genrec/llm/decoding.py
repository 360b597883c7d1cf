"""Exact top-k over a closed set of answers: POI ids, or the options of a profile field.

An answer is a token sequence that ends with the chat template's end token, so no answer is a
prefix of another. Its score is the raw full-softmax log-probability of that sequence, never
renormalised over the set. The score of a prefix bounds the scores of all answers below it, so
a best-first search may stop as soon as the k-th finished answer beats the best open prefix:
what it returns is exactly what scoring every answer would return.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import inf
from typing import Protocol

import numpy as np

from genrec.errors import NotNumbersError

# Open prefixes of a prompt that are expanded together, at most.
EXPANSION_WIDTH = 32
# Only those that are at least this close, in nats, to the k-th best prefix or answer known so far: others seldom
# lead into the top k. With 32 instead of 10 a pass, three passes instead of four rank 600 places; this rule keeps
# them from reading a quarter more.
MARGIN = 0.5
# How far above 0 a log-probability may lie because it was rounded.
ROUNDING = 1e-3


class Scorer(Protocol):
    """Prompts that a backend has read, ready to score continuations."""

    def child_logprobs(self, nodes: Sequence["Node"]) -> list[list[float]]:
        """Log-probabilities of each node's `children` as its next token.

        What is nearest above a node in the search has been scored before, down from the empty path.
        """


@dataclass(frozen=True)
class Node:
    """A place to go on from: a prompt by its number, the answer's tokens so far, and the tokens that may follow."""

    prompt: int
    path: tuple[int, ...]
    children: tuple[int, ...]


class Trie:
    """Tokenised answers as a tree; answers are numbered by their place in `sequences`."""

    def __init__(self, sequences: Sequence[Sequence[int]], *, given: bool = False) -> None:
        """Build from token sequences; raises ValueError if one is empty, repeated or a prefix of another.

        `given`: probabilities are to be given that the answer is one of these ("catalogue"), so an only child is sure.
        """
        if not sequences:
            raise ValueError("there must be at least one answer")
        self._children: list[dict[int, int]] = [{}]
        self._answer: dict[int, int] = {}
        for answer, tokens in enumerate(sequences):
            node = 0
            for token in tokens:
                if node in self._answer:
                    raise ValueError(f"answer {self._answer[node]} is a prefix of answer {answer}")
                if token not in self._children[node]:
                    self._children[node][token] = len(self._children)
                    self._children.append({})
                node = self._children[node][token]
            if node in self._answer or self._children[node] or not tokens:
                raise ValueError(f"answer {answer} is empty, repeated or a prefix of another: {list(tokens)}")
            self._answer[node] = answer
        self._given = given
        self.depth = max(map(len, sequences))  # tokens of the longest answer
        self.alphabet = tuple(sorted({token for tokens in sequences for token in tokens}))
        inner = {token for tokens in sequences for token in tokens[:-1]}
        self.ends = tuple(sorted(set(self.alphabet) - inner))  # tokens that answers have only at their end

    def __len__(self) -> int:
        return len(self._answer)

    def children(self, node: int) -> dict[int, int]:
        """Next tokens and the nodes they lead to; the root is node 0."""
        return self._children[node]

    def find(self, path: Sequence[int]) -> int:
        """The node that a path leads to from the root."""
        node = 0
        for token in path:
            node = self._children[node][token]
        return node

    def sure(self, node: int) -> tuple[tuple[int, ...], int]:
        """The tokens that follow a node for sure, because answers are given, and the node that they lead to."""
        tokens: tuple[int, ...] = ()
        while self._given and len(self._children[node]) == 1:
            [(token, node)] = self._children[node].items()
            tokens = (*tokens, token)
        return tokens, node

    def answer(self, node: int) -> int | None:
        """The answer that ends at `node`, or None."""
        return self._answer.get(node)


def telling(sequences: Sequence[Sequence[int]]) -> Trie:
    """Answers, each as far as it is needed to tell it from the others, for probabilities over the catalogue.

    The rest of it is sure where a token's probability is a share of those that the answers leave, and need not be read.
    """
    order = sorted(range(len(sequences)), key=lambda i: list(sequences[i]))
    shared = [0] * (len(sequences) + 1)  # with the one before, in order
    for at, (one, other) in enumerate(pairwise(order), 1):
        both = zip(sequences[one], sequences[other], strict=False)
        shared[at] = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
    needed = {i: max(shared[at], shared[at + 1]) + 1 for at, i in enumerate(order)}
    return Trie([tokens[: needed[i]] for i, tokens in enumerate(sequences)], given=True)


@dataclass(frozen=True)
class Scored:
    """An answer's number and its log-probability (natural logarithm)."""

    answer: int
    logprob: float


def top_k(scorer: Scorer, tries: Sequence[Trie], k: int) -> list[list[Scored]]:
    """The k most probable answers to each prompt, best first; ties by answer number; all if k exceeds their count.

    `tries` holds the answers to each prompt. The prompts' searches advance together, so that a
    backend can serve them in one pass.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    searches = [_Search(i, trie, k) for i, trie in enumerate(tries)]
    while True:
        wanted = [search.expand() for search in searches]
        if not any(wanted):
            return [search.finished[:k] for search in searches]
        rows = iter(scorer.child_logprobs([node for nodes in wanted for node in nodes]))
        for search, nodes in zip(searches, wanted, strict=True):
            search.score([require_logprobs(next(rows), node) for node in nodes])


def all_logprobs(scorer: Scorer, tries: Sequence[Trie]) -> list[list[float]]:
    """Log-probability of every answer to each prompt, in the order of the answers; level by level."""
    results = [[0.0] * len(trie) for trie in tries]
    level: list[tuple[int, int, tuple[int, ...], float]]  # (prompt, node, path, log p)
    level = [(prompt, 0, (), 0.0) for prompt in range(len(tries))]
    while level:
        nodes = [Node(prompt, path, tuple(tries[prompt].children(node))) for prompt, node, path, _ in level]
        below: list[tuple[int, int, tuple[int, ...], float]] = []
        for (prompt, node, path, score), asked, row in zip(level, nodes, scorer.child_logprobs(nodes), strict=True):
            for (token, child), logprob in zip(
                tries[prompt].children(node).items(), require_logprobs(row, asked), strict=True
            ):
                answer = tries[prompt].answer(child)
                if answer is None:
                    sure, end = tries[prompt].sure(child)
                    below.append((prompt, end, (*path, token, *sure), score + logprob))
                else:
                    results[prompt][answer] = score + logprob
        level = below
    return results


def given_children(logprobs: Sequence[float]) -> list[float]:
    """Log-probabilities of children, given that the next token is one of them."""
    total = float(np.logaddexp.reduce(logprobs))
    return [logprob - total for logprob in logprobs]


def require_logprobs(logprobs: Sequence[float], node: Node) -> list[float]:
    """What a model said of a node's children; raises NotNumbersError for what cannot be a log-probability.

    NaN, infinity and numbers above 0 come from damaged weights and faulty servers, and would be ranked as any others.
    """
    for token, logprob in zip(node.children, logprobs, strict=True):
        if not -inf < logprob <= ROUNDING:
            raise NotNumbersError(
                f"prompt {node.prompt + 1} of the request: the model gives token {token} behind {list(node.path)} the "
                f"log-probability {logprob}, which is not a number up to 0, so there is no ranking. "
                "Its weights, its adapter or its server is faulty."
            )
    return [min(logprob, 0.0) for logprob in logprobs]


class _Search:
    """Best-first search over the answers to one prompt."""

    def __init__(self, prompt: int, trie: Trie, k: int) -> None:
        self.finished: list[Scored] = []
        self._prompt, self._trie, self._k = prompt, trie, k
        self._frontier: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]  # (-log p, node, path)
        self._open: list[tuple[float, int, tuple[int, ...]]] = []  # taken from the frontier, not scored yet

    def expand(self) -> list[Node]:
        """The best open prefixes that may still lead into the top k; none if the search is over."""
        bound = self.finished[self._k - 1].logprob if len(self.finished) >= self._k else -inf
        best = [-cost for cost, _, _ in self._frontier] + [scored.logprob for scored in self.finished]
        likely = (heapq.nlargest(self._k, best) or [bound])[-1] - MARGIN
        while self._frontier and len(self._open) < EXPANSION_WIDTH:
            score = -self._frontier[0][0]
            if score < bound or (score < likely and self._open):
                break
            self._open.append(heapq.heappop(self._frontier))
        return [Node(self._prompt, path, tuple(self._trie.children(node))) for _, node, path in self._open]

    def score(self, rows: Sequence[Sequence[float]]) -> None:
        """Take the log-probabilities of the children of the prefixes just expanded."""
        for (cost, node, path), logprobs in zip(self._open, rows, strict=True):
            for (token, child), logprob in zip(self._trie.children(node).items(), logprobs, strict=True):
                answer = self._trie.answer(child)
                if answer is None:
                    sure, end = self._trie.sure(child)
                    heapq.heappush(self._frontier, (cost - logprob, end, (*path, token, *sure)))
                else:
                    self.finished.append(Scored(answer, logprob - cost))
        self._open = []
        self.finished.sort(key=lambda scored: (-scored.logprob, scored.answer))
