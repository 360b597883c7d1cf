"""Many continuations of common beginnings, read as one sequence under a tree-shaped attention mask."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from genrec.decoding import Node

if TYPE_CHECKING:
    from genrec.llm.local import LocalModel

Place = tuple[int, tuple[int, ...]]  # a prompt by its number, and the tokens of an answer behind it

ROOT = -1


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of leading tokens that two sequences share."""
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


class TokenTree:
    """Prompts that are continued side by side in one sequence.

    What all share lies in the model's cache; behind it, each token sees the shared prefix, its
    ancestors and itself. So prompts that begin alike are computed once, nothing is padded, and
    no cache is copied.
    """

    def __init__(self, owner: "LocalModel", prompts: list[list[int]]) -> None:
        """Read the prompts; `leaves` and `leaf_logits` (prompts, vocabulary) are of their last tokens."""
        first = prompts[0]
        self._owner = owner
        self._shared = min(len(first) - 1, *(min(common_prefix(first, p), len(p) - 1) for p in prompts))
        self._seen: list[NDArray[np.bool_]] = []  # node -> which nodes it sees, up to itself
        self._positions: list[int] = []
        owner.keep_prefix(first[: self._shared])
        ids: dict[tuple[int, int], int] = {}  # (parent, token) -> node
        self.leaves = []
        for prompt in prompts:
            node = ROOT
            for token in prompt[self._shared :]:
                node = ids.setdefault((node, token), len(ids))
            self.leaves.append(node)
        owner.tokens_read += sum(len(prompt) - self._shared for prompt in prompts)
        owner.tokens_reused += sum(len(prompt) - self._shared for prompt in prompts) - len(ids)
        ends, places = np.unique(self.leaves, return_inverse=True)
        _, logits = self.read([token for _, token in ids], [parent for parent, _ in ids], torch.from_numpy(ends))
        self.leaf_logits = logits[torch.from_numpy(places)]

    def read(
        self, tokens: Sequence[int], parents: Sequence[int], keep: torch.Tensor | int = 0
    ) -> tuple[list[int], torch.Tensor]:
        """Read one token behind each parent (earlier ones of the same call may be parents).

        Returns the new nodes and their next-token logits, shape (tokens, vocabulary), or those that `keep` picks.
        """
        start = len(self._seen)
        nodes = list(range(start, start + len(tokens)))
        seen = np.zeros((len(tokens), start + len(tokens)), dtype=np.bool_)
        for row, node, parent in zip(seen, nodes, parents, strict=True):
            if parent != ROOT:
                row[: parent + 1] = self._seen[parent]
            row[node] = True
            self._seen.append(row[: node + 1])
            self._positions.append(self._positions[parent] + 1 if parent != ROOT else self._shared)
        device = self._owner.device
        behind = torch.tensor(self._positions, device=device)
        prefix = torch.arange(self._shared, device=device)
        visible = torch.from_numpy(seen).to(device)
        logits = self._owner.forward(
            tokens,
            positions=behind[start:],
            key_positions=torch.cat([prefix, behind]),
            visible=torch.cat([visible.new_ones(len(tokens), self._shared), visible], dim=1),
            logits_to_keep=keep,
        )
        return nodes, logits


class TreeScorer:
    """Scores candidate answers as branches behind their prompts."""

    def __init__(self, owner: "LocalModel", prompts: list[list[int]]) -> None:
        self._tree = TokenTree(owner, prompts)
        self._nodes: dict[Place, int] = {(i, ()): n for i, n in enumerate(self._tree.leaves)}
        self._logprobs: dict[Place, torch.Tensor] = {
            (i, ()): scores for i, scores in enumerate(torch.log_softmax(self._tree.leaf_logits.float(), -1))
        }

    @torch.inference_mode()
    def child_logprobs(self, nodes: Sequence[Node]) -> list[list[float]]:
        """See `Scorer`."""
        new = [(node.prompt, node.path) for node in nodes if (node.prompt, node.path) not in self._nodes]
        if new:
            parents = [self._nodes[prompt, path[:-1]] for prompt, path in new]
            made, logits = self._tree.read([path[-1] for _, path in new], parents)
            self._nodes.update(zip(new, made, strict=True))
            self._logprobs.update(zip(new, torch.log_softmax(logits.float(), -1), strict=True))
        return [self._logprobs.pop((node.prompt, node.path))[list(node.children)].tolist() for node in nodes]
