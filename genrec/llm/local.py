"""A transformers model in this process: generates in batches and scores closed sets exactly.

Every forward pass shares work through one KV cache. Consecutive prompts keep their common
prefix; the candidates of a prompt, and the prompts of a batch, are read as one sequence under a
tree-shaped attention mask, so they share what they have in common without copying it.
"""

from collections.abc import Iterator, Sequence

import torch
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import get_layer_types_and_kwargs

from genrec.errors import GenRecError
from genrec.llm.backend import Generation, Message
from genrec.llm.chat import answer_tokens, prompt_tokens
from genrec.llm.loading import load_model
from genrec.llm.tree import TokenTree, TreeScorer, common_prefix

# New tokens of the prompts that are read together: a mask has the square of this many entries.
TREE_TOKENS = 3072


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
