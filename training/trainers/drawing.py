"""Answers drawn as a model would give them, but none that is not a place."""

from collections import Counter
from collections.abc import Sequence

import torch

from genrec.llm.decoding import Node, Scorer, Trie, require_logprobs

Path = tuple[int, ...]  # tokens of an answer, from its beginning


def draw(scorer: Scorer, trie: Trie, counts: Sequence[int]) -> list[list[Path]]:
    """As many answers to each prompt as `counts` says, in random order, each token drawn by its probability.

    Draws come from torch's own generator, which checkpoints keep.
    """
    drawn: list[list[Path]] = [[] for _ in counts]
    going: dict[tuple[int, Path], int] = {(prompt, ()): count for prompt, count in enumerate(counts)}
    while going:
        nodes = [Node(prompt, path, tuple(trie.children(trie.find(path)))) for prompt, path in going]
        further: dict[tuple[int, Path], int] = {}
        for node, count, row in zip(nodes, going.values(), scorer.child_logprobs(nodes), strict=True):
            chances = torch.tensor(require_logprobs(row, node)).exp()
            for child, times in Counter(torch.multinomial(chances, count, replacement=True).tolist()).items():
                path = (*node.path, node.children[child])
                sure, end = trie.sure(trie.find(path))
                path += sure
                if trie.answer(end) is None:
                    further[node.prompt, path] = times
                else:
                    drawn[node.prompt] += [path] * times
        going = further
    return [[found[i] for i in torch.randperm(len(found)).tolist()] for found in drawn]
