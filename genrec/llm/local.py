"""A transformers model in this process: generates in batches and scores closed sets exactly.

Every forward pass shares work through one KV cache: consecutive prompts keep their common
prefix, and the candidates of a prompt are read as one sequence under a tree-shaped attention
mask, so they share the prompt's cache without copying it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import get_layer_types_and_kwargs

from genrec.errors import GenRecError
from genrec.llm.backend import Generation, Message
from genrec.llm.chat import answer_tokens, prompt_tokens
from genrec.llm.loading import load_model

GENERATION_BATCH = 32
# Finished rows leave a batch once no more than this share is still being written.
KEEP_FINISHED = 0.75


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
        return prompt_tokens(self.tokenizer, conversation)

    def count_tokens(self, text: str) -> int:
        """See `Ranker`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    @torch.inference_mode()
    def read(self, prompt: Sequence[int]) -> "TreeScorer":
        """See `Ranker`. Only the part after the common prefix with the last prompt is computed."""
        logprobs = self._prefill(list(prompt))
        return TreeScorer(self, len(prompt), logprobs)

    def _prefill(self, prompt: list[int]) -> torch.Tensor:
        """Bring the cache to exactly `prompt`; returns the next-token log-probabilities, shape (vocabulary,)."""
        limit = self._model.config.get_text_config(decoder=True).max_position_embeddings
        if len(prompt) >= limit:
            raise GenRecError(f"a prompt of {len(prompt)} tokens exceeds the {limit} that {self.name} can read")
        keep = min(common_prefix(self._tokens, prompt), len(prompt) - 1)
        self._crop(keep)
        self._tokens = self._tokens[:keep]
        output = self._model(
            input_ids=torch.tensor([prompt[keep:]], device=self._model.device),
            past_key_values=self._cache,
            logits_to_keep=1,
        )
        self._tokens = prompt
        self.tokens_read += len(prompt)
        self.tokens_reused += keep
        return torch.log_softmax(output.logits[0, -1].float(), -1)

    def _crop(self, length: int) -> None:
        surplus = self._cache.get_seq_length() - length
        if surplus > 0:
            self._cache.crop(-surplus)

    def forward(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        key_positions: torch.Tensor,
        visible: torch.Tensor,
        cache: DynamicCache,
        logits_to_keep: torch.Tensor | int = 0,
    ) -> torch.Tensor:
        """Logits under an explicit attention mask.

        `tokens` and `positions` have shape (batch, queries), `key_positions` (batch, keys),
        `visible` (batch, queries, keys): which keys, cached ones first, a query may attend to.
        Sliding-window layers count the window in positions, so padding does not shorten it.
        """
        masks = {"full_attention": self._additive(visible)}
        if self._window is not None:
            near = positions[:, :, None] - key_positions[:, None, :] < self._window
            masks["sliding_attention"] = self._additive(visible & near)
        mask = masks if len(self._layer_types) > 1 else masks[next(iter(self._layer_types))]
        output = self._model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            logits_to_keep=logits_to_keep,
        )
        logits: torch.Tensor = output.logits
        return logits

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self._model.dtype, device=visible.device)
        return mask.masked_fill_(~visible, torch.finfo(mask.dtype).min)[:, None]

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
        prompts = [self.prompt_tokens(conversation) for conversation in conversations]
        results: list[Generation] = []
        for start in range(0, len(prompts), GENERATION_BATCH):
            batch = prompts[start : start + GENERATION_BATCH]
            texts = self._generate_batch(batch, max_tokens, stop, temperature, seed)
            results += [Generation(t, len(p), n) for p, (t, n) in zip(batch, texts, strict=True)]
        return results

    def _generate_batch(
        self, prompts: list[list[int]], max_tokens: int, stop: str, temperature: float, seed: int
    ) -> list[tuple[str, int]]:
        """(text before `stop`, tokens generated) of each prompt."""
        batch = _Batch(self, prompts)
        # A generator a row: what a prompt draws does not depend on its neighbours in the batch.
        draws = [torch.Generator().manual_seed(seed) for _ in prompts]
        written: list[list[int]] = [[] for _ in prompts]
        texts: dict[int, str] = {}
        rows = list(range(len(prompts)))  # the prompts that are still written, by their place in the batch
        logits = batch.read()
        for _ in range(max_tokens):
            tokens = [_pick(scores, temperature, draws[row]) for row, scores in zip(rows, logits, strict=True)]
            for row, token in zip(rows, tokens, strict=True):
                if row in texts:
                    continue
                written[row].append(token)
                text = self._finished(written[row], stop)
                if text is not None:
                    texts[row] = text
            open_places = [place for place, row in enumerate(rows) if row not in texts]
            if not open_places:
                break
            if len(open_places) <= len(rows) * KEEP_FINISHED:
                batch.keep(open_places)
                rows, tokens = [rows[i] for i in open_places], [tokens[i] for i in open_places]
            logits = batch.step(tokens)
        return [(texts.get(row, self._decode(written[row])), len(written[row])) for row in range(len(prompts))]

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


def _pick(logits: torch.Tensor, temperature: float, draw: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits.float() / temperature, -1).cpu(), 1, generator=draw))


class TreeScorer:
    """Candidates of one prompt, read as a tree behind the prompt in the same cache."""

    def __init__(self, owner: LocalModel, prompt_length: int, root: torch.Tensor) -> None:
        self._owner = owner
        self._prompt_length = prompt_length
        self._logprobs: dict[tuple[int, ...], torch.Tensor] = {(): root}
        self._columns: dict[tuple[int, ...], int] = {}  # path -> its place behind the prompt

    @torch.inference_mode()
    def child_logprobs(self, paths: Sequence[tuple[int, ...]], children: Sequence[Sequence[int]]) -> list[list[float]]:
        """See `Scorer`."""
        new = [path for path in paths if path not in self._logprobs]
        if new:
            self._read_nodes(new)
        return [self._logprobs[path][list(tokens)].tolist() for path, tokens in zip(paths, children, strict=True)]

    def _read_nodes(self, paths: list[tuple[int, ...]]) -> None:
        for path in paths:
            self._columns[path] = len(self._columns)
        device = self._logprobs[()].device
        nodes = torch.zeros(len(paths), len(self._columns), dtype=torch.bool, device=device)
        for row, path in enumerate(paths):
            for depth in range(1, len(path) + 1):
                nodes[row, self._columns[path[:depth]]] = True
        depths = torch.tensor([len(path) for path in self._columns], device=device)
        prompt = torch.arange(self._prompt_length, device=device)
        logits = self._owner.forward(
            tokens=torch.tensor([[path[-1] for path in paths]], device=device),
            positions=(self._prompt_length - 1 + depths[-len(paths) :])[None],
            key_positions=torch.cat([prompt, self._prompt_length - 1 + depths])[None],
            visible=torch.cat([nodes.new_ones(len(paths), self._prompt_length), nodes], dim=1)[None],
            cache=self._owner._cache,
        )
        for path, row in zip(paths, torch.log_softmax(logits[0].float(), -1), strict=True):
            self._logprobs[path] = row


class _Batch:
    """Prompts of different lengths that are continued together, their common prefix computed once."""

    def __init__(self, owner: LocalModel, prompts: list[list[int]]) -> None:
        self._owner = owner
        self._prompts = prompts
        shared = min(common_prefix(prompts[0], prompt) for prompt in prompts)
        self._shared = min(shared, min(map(len, prompts)) - 1)
        self._lengths = torch.tensor([len(prompt) for prompt in prompts])
        self._cache = DynamicCache()

    def read(self) -> torch.Tensor:
        """Next-token logits of each prompt, shape (batch, vocabulary)."""
        owner, shared = self._owner, self._shared
        if shared:
            owner._prefill(self._prompts[0][:shared])
            self._cache = DynamicCache(
                [
                    (
                        layer.keys.repeat_interleave(len(self._prompts), 0),
                        layer.values.repeat_interleave(len(self._prompts), 0),
                    )
                    for layer in owner._cache.layers
                ]
            )
        longest = int(self._lengths.max())
        rest = [prompt[shared:] + [0] * (longest - len(prompt)) for prompt in self._prompts]
        device = owner._model.device
        self._lengths = self._lengths.to(device)
        positions = torch.arange(shared, longest, device=device).expand(len(rest), -1)
        self._key_positions = torch.arange(longest, device=device).expand(len(rest), -1)
        self._real = self._key_positions < self._lengths[:, None]
        visible = (self._key_positions[:, None, :] <= positions[:, :, None]) & self._real[:, None, :]
        last, place = torch.unique(self._lengths - 1 - shared, return_inverse=True)
        logits = owner.forward(
            torch.tensor(rest, device=device), positions, self._key_positions, visible, self._cache, last
        )
        owner.tokens_read += int(self._lengths.sum()) - shared
        owner.tokens_reused += shared * (len(rest) - 1)
        return logits[torch.arange(len(rest), device=device), place]

    def keep(self, places: list[int]) -> None:
        """Go on with these rows only."""
        index = torch.tensor(places, device=self._lengths.device)
        self._cache.batch_select_indices(index)
        self._lengths, self._key_positions, self._real = (
            rows[index] for rows in (self._lengths, self._key_positions, self._real)
        )

    def step(self, tokens: list[int]) -> torch.Tensor:
        """Append one token to each prompt; returns the next logits, shape (batch, vocabulary)."""
        positions = self._lengths[:, None]
        self._key_positions = torch.cat([self._key_positions, positions], dim=1)
        self._real = torch.cat([self._real, torch.ones_like(positions, dtype=torch.bool)], dim=1)
        self._lengths = self._lengths + 1
        logits = self._owner.forward(
            torch.tensor(tokens, device=positions.device)[:, None],
            positions,
            self._key_positions,
            self._real[:, None, :],
            self._cache,
        )
        return logits[:, -1]
