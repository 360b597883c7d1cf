"""Prompts read side by side, each with its own tree of continuations."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from genrec.llm.columns import Columns
from genrec.llm.decoding import Node, Trie, given_children
from genrec.llm.engine import Engine
from genrec.llm.prefix_cache import BLOCK

Path = tuple[int, ...]  # tokens of an answer, from its beginning
Place = tuple[int, Path]  # a prompt by its number, and what stands behind it

ROOT = -1  # the parent of what follows a prompt directly

# First tokens of answers that are read together with a prompt: the ten digits fit, whole vocabularies do not.
AHEAD = 12


class Branches(NamedTuple):
    """Tokens to read behind a prompt, the node that each follows, and the number of the node that each becomes."""

    tokens: list[int]
    parents: list[int]
    nodes: dict[Path, int]


def branches(paths: Sequence[Path], known: Mapping[Path, int] | None = None, first: int = 0) -> Branches:
    """What must be read so that all paths are; `known` are read, and new nodes count from `first`."""
    at = {(): ROOT, **(known or {})}
    tokens: list[int] = []
    parents: list[int] = []
    nodes: dict[Path, int] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            if path[:end] not in at:
                tokens.append(path[end - 1])
                parents.append(at[path[: end - 1]])
                at[path[:end]] = nodes[path[:end]] = first + len(nodes)
    return Branches(tokens, parents, nodes)


class Rows:
    """A batch of prompts, a row each, that end in the same column; behind it, each row grows a tree.

    A token of a tree sees its row's prompt, its ancestors and itself: continuations share the
    prompt's keys and values without a copy. `logits` (rows, vocabulary) are those behind the
    prompts, `ahead` (tokens, vocabulary) those behind the tokens read ahead, row by row.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[list[int]],
        ahead: Sequence[Branches] = (),
        vocabulary: tuple[int, ...] | None = None,
    ) -> None:
        """Read the prompts, as far as the model's prefix cache does not know them.

        In the same pass, read what is `ahead` behind them, as the first nodes of each row's tree. `vocabulary`:
        the tokens that get logits, in this order; else all.
        """
        self._engine, self._vocabulary = engine, vocabulary
        device = engine.device
        self._width = max(map(len, prompts))
        self._lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
        self._columns = Columns(engine.shapes, len(prompts), self._width)
        # Trees, over the columns behind the prompts: (rows, columns, columns) which ones a token sees, and depths.
        self._seen = np.zeros((len(prompts), 0, 0), dtype=np.bool_)
        self._depths = np.zeros((len(prompts), 0), dtype=np.int64)
        known = [engine.prefixes.find(prompt[:-1]) for prompt in prompts]
        for row, (prompt, blocks) in enumerate(zip(prompts, known, strict=True)):
            if blocks:
                self._columns.put(row, self._width - len(prompt), torch.cat(blocks))
        # All rows read the same number of tokens; a row that lacks fewer reads some that it knows again.
        new = max(len(prompt) - len(blocks) * BLOCK for prompt, blocks in zip(prompts, known, strict=True))
        ends = [[0] * (new - len(prompt)) + prompt[-new:] for prompt in prompts]
        tokens = [row.tokens for row in ahead] or [[] for _ in prompts]
        nodes = self._add(tokens, [row.parents for row in ahead] or tokens)
        logits = self._read(
            [end + row for end, row in zip(ends, nodes, strict=True)],
            [[new - 1 + i for i in range(1 + len(row))] for row in tokens],
            self._width - new,
        )
        starts = np.cumsum([0, *(1 + len(row) for row in tokens)])
        self.logits = logits[starts[:-1].tolist()]
        self.ahead = logits[[i for a, b in pairwise(starts.tolist()) for i in range(a + 1, b)]]
        for row, (prompt, blocks) in enumerate(zip(prompts, known, strict=True)):
            start = self._width - len(prompt)
            engine.prefixes.add(prompt, self._columns.features(row, start + len(blocks) * BLOCK, self._width))

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def nodes(self) -> int:
        """How many nodes each row's tree has, or has room for."""
        return self._seen.shape[1]

    def grow(self, tokens: Sequence[Sequence[int]], parents: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read tokens behind each row's nodes (ROOT: behind its prompt); rows may have different numbers of them.

        They become the nodes from number `nodes` on, and may follow each other. Returns the logits behind the tokens,
        row by row, shape (tokens of all rows, vocabulary).
        """
        first = self.nodes
        filled = self._add(tokens, parents)
        return self._read(filled, [list(range(len(row))) for row in tokens], self._width + first)

    def _add(self, tokens: Sequence[Sequence[int]], parents: Sequence[Sequence[int]]) -> list[list[int]]:
        """Enter nodes into the rows' trees; returns the tokens, each row filled up to the longest one's length."""
        first, most = self._seen.shape[1], max(map(len, tokens))
        seen = np.zeros((len(self), first + most, first + most), dtype=np.bool_)
        seen[:, :first, :first] = self._seen
        depths = np.concatenate([self._depths, np.zeros((len(self), most), dtype=np.int64)], axis=1)
        diagonal = np.arange(first, first + most)
        seen[:, diagonal, diagonal] = True
        for row, mine in enumerate(parents):
            for node, parent in enumerate(mine, start=first):
                if parent != ROOT:
                    seen[row, node] |= seen[row, parent]
                    depths[row, node] = depths[row, parent] + 1
        self._seen, self._depths = seen, depths
        return [[*row, *[0] * (most - len(row))] for row in tokens]

    def _read(self, tokens: list[list[int]], wanted: list[list[int]], start: int) -> torch.Tensor:
        """Read tokens (rows, tokens) into the columns from `start` on: ends of prompts, then nodes.

        Returns logits at the places `wanted` of each row, shape (places of all rows, vocabulary).
        """
        device = self._engine.device
        prompt = torch.arange(self._width, device=device) - (self._width - self._lengths)[:, None]  # negative: none
        nodes = torch.from_numpy(self._depths).to(device) + self._lengths[:, None]
        positions = torch.cat([prompt, nodes], dim=1)
        mine = positions[:, start:]
        # Positions of a prompt ascend, so "not after me" is the causal mask; nodes come after the whole prompt.
        visible = (prompt >= 0)[:, None, :] & (prompt[:, None, :] <= mine[:, :, None])
        seen = torch.from_numpy(self._seen[:, max(start - self._width, 0) :]).to(device)
        seen = torch.cat([seen.new_zeros(len(self), mine.shape[1] - seen.shape[1], seen.shape[2]), seen], dim=1)
        self._columns.start = start
        self._columns.make_room(positions.shape[1])
        count = len(tokens[0])
        flat = [row * count + place for row, places in enumerate(wanted) for place in places]
        return self._engine.forward(
            self._columns,
            tokens,
            positions=mine.clamp(min=0),
            key_positions=positions.clamp(min=0),
            visible=torch.cat([visible, seen], dim=2),
            wanted=torch.tensor(flat, device=device),
            vocabulary=self._vocabulary,
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        self._columns.keep(rows)
        self._lengths = self._lengths[torch.tensor(rows, device=self._lengths.device)]
        self._seen, self._depths = self._seen[list(rows)], self._depths[list(rows)]


def read_ahead(trie: Trie) -> list[Path]:
    """What may follow a prompt and leads further; nothing if that is too much to read just in case."""
    inner = {token: child for token, child in trie.children(0).items() if trie.answer(child) is None}
    return [(token, *trie.sure(child)[0]) for token, child in inner.items()] if len(inner) <= AHEAD else []


class RowScorer:
    """Scores candidate answers as trees behind their prompts; `rows` were read with what `read_ahead` says.

    `column`: where the logits of a token are, if the rows were read for some tokens only; then probabilities are over
    the catalogue.
    """

    def __init__(self, rows: Rows, tries: Sequence[Trie], column: Mapping[int, int] | None = None) -> None:
        self._rows, self._column = rows, column
        self._prompts = list(range(len(rows)))  # which prompt stands in which row
        self._nodes = [branches(read_ahead(trie)).nodes for trie in tries]  # of each prompt
        places: list[Place] = [(prompt, ()) for prompt in self._prompts]
        places += [(prompt, path) for prompt in self._prompts for path in self._nodes[prompt]]
        logits = torch.cat([rows.logits, rows.ahead])
        self._read = {place: row for row, place in enumerate(places)}  # rows of logits that wait to be asked about
        self._logits, self._totals = logits, torch.logsumexp(logits.float(), -1)

    @torch.inference_mode()
    def child_logprobs(self, nodes: Sequence[Node]) -> list[list[float]]:
        """See `Scorer`."""
        scored: dict[Place, list[float]] = {}
        new: dict[int, list[Node]] = {}
        for node in nodes:
            place = node.prompt, node.path
            if place in self._read:
                row = self._read[place]
                scored[place] = self._children(self._logits[row], self._totals[row], node)
            else:
                new.setdefault(node.prompt, []).append(node)
        if new:
            self._keep({node.prompt for node in nodes})
            scored |= self._grow(new)
        return [scored[node.prompt, node.path] for node in nodes]

    def _keep(self, asked: set[int]) -> None:
        """Searches end one after the other; copying what is left is cheaper than to go on with idle rows."""
        if 2 * len(asked) <= len(self._prompts):
            self._rows.keep([row for row, prompt in enumerate(self._prompts) if prompt in asked])
            self._prompts = [prompt for prompt in self._prompts if prompt in asked]

    def _grow(self, new: dict[int, list[Node]]) -> dict[Place, list[float]]:
        asked = {(prompt, node.path): node for prompt, nodes in new.items() for node in nodes}
        rows = [
            branches([node.path for node in new.get(prompt, [])], self._nodes[prompt], self._rows.nodes)
            for prompt in self._prompts
        ]
        logits = self._rows.grow([row.tokens for row in rows], [row.parents for row in rows])
        places = [(prompt, path) for prompt, row in zip(self._prompts, rows, strict=True) for path in row.nodes]
        for prompt, row in zip(self._prompts, rows, strict=True):
            self._nodes[prompt] |= row.nodes
        read = zip(places, logits, torch.logsumexp(logits.float(), -1), strict=True)
        return {place: self._children(scores, total, asked[place]) for place, scores, total in read if place in asked}

    def _children(self, logits: torch.Tensor, total: torch.Tensor, node: Node) -> list[float]:
        if self._column is not None:
            chosen: list[float] = logits[[self._column[token] for token in node.children]].float().tolist()
            return given_children(chosen)
        scores: list[float] = (logits[list(node.children)].float() - total).tolist()
        return scores
