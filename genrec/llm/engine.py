"""A model's passes over rows of tokens, and what it has read before."""

from collections.abc import Mapping

import torch
from transformers import Cache, PreTrainedModel

from genrec.llm.columns import Columns, small_cache
from genrec.llm.head import Head
from genrec.llm.low_rank import Pair, added
from genrec.llm.masks import Masks
from genrec.llm.prefix_cache import PrefixCache


class Engine:
    """Runs a model in evaluation mode. `prefixes` is what it has computed for the beginnings of earlier prompts."""

    def __init__(self, model: PreTrainedModel, cache_bytes: int) -> None:
        """`cache_bytes`: of keys and values kept of earlier prompts, at most."""
        self.model = model
        self.prefixes = PrefixCache(cache_bytes)
        self.shapes: Cache = small_cache(model)
        self._head = Head(model)
        self._masks = Masks(model)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.model.device
        return device

    def state(self, tokens: list[int], pairs: Mapping[str, Pair]) -> torch.Tensor:
        """What the last layer holds behind tokens, shape (size,), with `pairs` added; nothing is kept."""
        with added(self.model.base_model, pairs):
            found: torch.Tensor = self.model.base_model(
                input_ids=torch.tensor([tokens], device=self.device), use_cache=False
            ).last_hidden_state
        return found[0, -1]

    def forward(
        self,
        columns: Columns,
        tokens: list[list[int]],
        *,
        positions: torch.Tensor,
        key_positions: torch.Tensor,
        visible: torch.Tensor,
        wanted: torch.Tensor,
        vocabulary: tuple[int, ...] | None = None,
    ) -> torch.Tensor:
        """Read tokens (rows, tokens) into columns; returns logits at `wanted`, shape (wanted, vocabulary).

        `vocabulary`: the tokens that get logits; else all.


        `positions` (rows, tokens) and `key_positions` (rows, columns) count from the start of each token's
        own text; `visible` (rows, tokens, columns) says which columns a token may attend to. `wanted` are
        indices into (rows x tokens).
        """
        return self._head.logits(
            self.model,
            wanted,
            vocabulary,
            input_ids=torch.tensor(tokens, device=self.device),
            position_ids=positions,
            attention_mask=self._masks.of(visible, positions, key_positions),
            past_key_values=columns,
        )
