"""A transformers model in this process: generates in batches and scores closed sets exactly.

Every forward pass shares work through one KV cache. Consecutive prompts keep their common
prefix; the candidates of a prompt, and the prompts of a batch, are read as one sequence under a
tree-shaped attention mask, so they share what they have in common without copying it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import get_layer_types_and_kwargs

from genrec.decoding import Node
from genrec.errors import GenRecError
from genrec.llm.backend import Generation, Message
from genrec.llm.chat import answer_tokens, prompt_tokens
from genrec.llm.loading import load_model

# New tokens of the prompts that are read together: a mask has the square of this many entries.
TREE_TOKENS = 3072
ROOT = -1


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of leading tokens that two sequences share."""
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


class LocalModel:
    """Generator and ranker over a model in this process. Not safe for use from several threads."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.tokens_read = 0
        self.tokens_reused = 0
        self._model = model
        layer_types, _ = get_layer_types_and_kwargs(model.config.get_text_config(decoder=True))
        self._layer_types = set(layer_types)
        self._window: int | None = (
            model.config.get_text_config(decoder=True).sliding_window
            if ("sliding_attention" in self._layer_types)
            else None
        )
        self._end = answer_tokens(tokenizer, ["."])[0][-1]
        self._end_is_space = not self._decode([self._end]).strip()
        self._tokens: list[int] = []
        # Full layers only: a cache that drops old tokens could not be cropped back to a shared prefix.
        self._cache = DynamicCache()

    @classmethod
    def load(cls, name: str) -> "LocalModel":
        """Load `embedded`, a local folder or a hub id."""
        model, tokenizer, info = load_model(name)
        return cls(model, tokenizer, info.name)

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """See `Ranker`."""
        return answer_tokens(self.tokenizer, answers)

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """See `Ranker`."""
        tokens = prompt_tokens(self.tokenizer, conversation)
        limit = self._model.config.get_text_config(decoder=True).max_position_embeddings
        if len(tokens) >= limit:
            raise GenRecError(f"a prompt of {len(tokens)} tokens exceeds the {limit} that {self.name} can read")
        return tokens

    def count_tokens(self, text: str) -> int:
        """See `Ranker`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    @torch.inference_mode()
    def read(self, prompts: Sequence[Sequence[int]]) -> "TreeScorer":
        """See `Ranker`. What the prompts share with each other or with the last ones is not computed again."""
        return TreeScorer(self, [list(prompt) for prompt in prompts])

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._model.device
        return device

    def keep_prefix(self, prefix: list[int]) -> None:
        """Bring the cache to exactly `prefix`, reading what is missing, for tokens to be read behind it."""
        keep = common_prefix(self._tokens, prefix)
        surplus = self._cache.get_seq_length() - keep
        if surplus > 0:
            self._cache.crop(-surplus)
        if keep < len(prefix):
            self._model(
                input_ids=torch.tensor([prefix[keep:]], device=self.device),
                past_key_values=self._cache,
                logits_to_keep=1,
            )
        self._tokens = prefix
        self.tokens_read += len(prefix)
        self.tokens_reused += keep

    def forward(
        self,
        tokens: Sequence[int],
        positions: torch.Tensor,
        key_positions: torch.Tensor,
        visible: torch.Tensor,
        logits_to_keep: torch.Tensor | int = 0,
    ) -> torch.Tensor:
        """Read tokens behind the cache under an explicit mask; returns logits, shape (tokens kept, vocabulary).

        `positions` (tokens,) and `key_positions` (keys,) count from the start of each token's own text;
        `visible` (tokens, keys) says which keys, cached ones first, a token may attend to. Sliding
        windows are measured in positions, so neighbours in the sequence do not shorten them.
        """
        masks = {"full_attention": self._additive(visible)}
        if self._window is not None:
            near = positions[:, None] - key_positions[None, :] < self._window
            masks["sliding_attention"] = self._additive(visible & near)
        output = self._model(
            input_ids=torch.tensor([tokens], device=self._model.device),
            position_ids=positions[None],
            attention_mask=masks if len(self._layer_types) > 1 else masks[next(iter(self._layer_types))],
            past_key_values=self._cache,
            logits_to_keep=logits_to_keep,
        )
        logits: torch.Tensor = output.logits[0]
        return logits

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self._model.dtype, device=visible.device)
        return mask.masked_fill_(~visible, torch.finfo(mask.dtype).min)[None, None]

    @torch.inference_mode()
    def generate(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        stop: str,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Generation]:
        """See `Generator`."""
        results = []
        for batch in _batches([self.prompt_tokens(conversation) for conversation in conversations]):
            texts = self._generate_batch(batch, max_tokens, stop, temperature, seed)
            results += [Generation(t, len(p), n) for p, (t, n) in zip(batch, texts, strict=True)]
        return results

    def _generate_batch(
        self, prompts: list[list[int]], max_tokens: int, stop: str, temperature: float, seed: int
    ) -> list[tuple[str, int]]:
        """(text before `stop`, tokens generated) of each prompt."""
        tree = TokenTree(self, prompts)
        rows = list(range(len(prompts)))  # those still being written
        # A generator a row: what a prompt draws does not depend on its neighbours in the batch.
        draws = [torch.Generator().manual_seed(seed) for _ in rows]
        written: list[list[int]] = [[] for _ in rows]
        texts: dict[int, str] = {}
        nodes, logits = tree.leaves, tree.leaf_logits
        for _ in range(max_tokens):
            for row, scores in zip(rows, logits, strict=True):
                written[row].append(_pick(scores, temperature, draws[row]))
                text = self._finished(written[row], stop)
                if text is not None:
                    texts[row] = text
            going = [i for i, row in enumerate(rows) if row not in texts]
            rows = [rows[i] for i in going]
            if not rows:
                break
            nodes, logits = tree.read([written[row][-1] for row in rows], [nodes[i] for i in going])
        return [(texts.get(row, self._decode(tokens)), len(tokens)) for row, tokens in enumerate(written)]

    def _finished(self, tokens: list[int], stop: str) -> str | None:
        """The text if the model has ended it or written `stop`, else None."""
        text = self._decode(tokens)
        if stop in text:
            return text[: text.index(stop)]
        # A template may end turns with white space, which a text may well contain.
        ended = tokens[-1] == self.tokenizer.eos_token_id or (tokens[-1] == self._end and not self._end_is_space)
        return self._decode(tokens[:-1]) if ended else None

    def _decode(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=False)
        return text


def _batches(prompts: list[list[int]]) -> Iterator[list[list[int]]]:
    """Cut into runs of at most TREE_TOKENS new tokens each; neighbours that begin alike share."""
    batch: list[list[int]] = []
    size = 0
    for prompt in prompts:
        new = len(prompt) - (common_prefix(batch[-1], prompt) if batch else 0)
        if batch and size + new > TREE_TOKENS:
            yield batch
            batch, size, new = [], 0, len(prompt)
        batch.append(prompt)
        size += new
    if batch:
        yield batch


def _pick(logits: torch.Tensor, temperature: float, draw: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits.float() / temperature, -1).cpu(), 1, generator=draw))


class TokenTree:
    """Prompts that are continued side by side in one sequence.

    What all share lies in the model's cache; behind it, each token sees the shared prefix, its
    ancestors and itself. So prompts that begin alike are computed once, nothing is padded, and
    no cache is copied.
    """

    def __init__(self, owner: LocalModel, prompts: list[list[int]]) -> None:
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

    def __init__(self, owner: LocalModel, prompts: list[list[int]]) -> None:
        self._tree = TokenTree(owner, prompts)
        self._nodes: dict[tuple[int, tuple[int, ...]], int] = {(i, ()): n for i, n in enumerate(self._tree.leaves)}
        self._logprobs = {
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
