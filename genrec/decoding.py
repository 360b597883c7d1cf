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
from typing import Protocol

# Open prefixes expanded in one forward pass. One level of decimal digits has ten.
EXPANSION_WIDTH = 10


class Scorer(Protocol):
    """A prompt that a backend has read, ready to score continuations."""

    def child_logprobs(
        self, paths: Sequence[tuple[int, ...]], children: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Log-probabilities of each path's `children` as its next token.

        The parent of every path has been scored before, down from the empty path.
        """


class Trie:
    """Tokenised answers as a tree; answers are numbered by their place in `sequences`."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        """Build from token sequences; raises ValueError if one is empty, repeated or a prefix of another."""
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

    def __len__(self) -> int:
        return len(self._answer)

    def children(self, node: int) -> dict[int, int]:
        """Next tokens and the nodes they lead to; the root is node 0."""
        return self._children[node]

    def answer(self, node: int) -> int | None:
        """The answer that ends at `node`, or None."""
        return self._answer.get(node)


@dataclass(frozen=True)
class Scored:
    """An answer's number and its log-probability (natural logarithm)."""

    answer: int
    logprob: float


def top_k(scorer: Scorer, trie: Trie, k: int) -> list[Scored]:
    """The k most probable answers, best first; ties by answer number; all of them if k exceeds their count."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    frontier: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]  # (-log p, node, path)
    finished: list[Scored] = []
    while frontier:
        bound = finished[k - 1].logprob if len(finished) >= k else -float("inf")
        batch = []
        while frontier and len(batch) < EXPANSION_WIDTH and -frontier[0][0] >= bound:
            batch.append(heapq.heappop(frontier))
        if not batch:
            break
        children = [trie.children(node) for _, node, _ in batch]
        rows = scorer.child_logprobs([path for _, _, path in batch], [list(c) for c in children])
        for (cost, _, path), edges, logprobs in zip(batch, children, rows, strict=True):
            for (token, child), logprob in zip(edges.items(), logprobs, strict=True):
                answer = trie.answer(child)
                if answer is None:
                    heapq.heappush(frontier, (cost - logprob, child, (*path, token)))
                else:
                    finished.append(Scored(answer, logprob - cost))
        finished.sort(key=lambda scored: (-scored.logprob, scored.answer))
    return finished[:k]
