"""Room for the keys and values of many rows of tokens, written in place."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache, PreTrainedModel
from transformers.cache_utils import CacheLayerMixin

# Columns added when there is no room left: keys and values are copied then.
ROOM = 64


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's keys and values, shape (rows, heads, columns, size)."""

    def __init__(self, columns: "Columns", keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self._columns = columns
        self.keys: torch.Tensor = keys
        self.values: torch.Tensor = values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the room is there from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        start = self._columns.start
        end = start + key_states.shape[-2]
        self.keys[:, :, start:end] = key_states
        self.values[:, :, start:end] = value_states
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self._columns.start

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._columns.start + query_length, 0

    def get_max_length(self) -> int:
        return -1


class Columns(Cache):  # type: ignore[misc]
    """A cache for `transformers` models in which each column holds a token of each row.

    `start` is the column that the next tokens go to. The features of a token are its keys and
    values in all layers, side by side.
    """

    def __init__(self, like: Cache, rows: int, width: int) -> None:
        """Make room for `rows` rows and `width` columns, in the shapes of another cache of the same model."""
        self.start = 0
        self._layers = [
            _Layer(self, _room(layer.keys, rows, width), _room(layer.values, rows, width)) for layer in like.layers
        ]
        super().__init__(layers=list(self._layers))

    def make_room(self, width: int) -> None:
        """Have room for at least `width` columns."""
        missing = width - self._layers[0].keys.shape[2]
        if missing > 0:
            for layer in self._layers:
                layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, 0, missing + ROOM))
                layer.values = torch.nn.functional.pad(layer.values, (0, 0, 0, missing + ROOM))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        index = torch.tensor(rows, device=self._layers[0].keys.device)
        for layer in self._layers:
            layer.keys = layer.keys[index]
            layer.values = layer.values[index]

    def features(self, row: int, start: int, end: int) -> torch.Tensor:
        """What a row holds in some columns, shape (columns, features)."""
        return torch.cat([tensor[row, :, start:end].transpose(0, 1).flatten(1) for tensor in self._tensors()], dim=1)

    def put(self, row: int, start: int, features: torch.Tensor) -> None:
        """Write what `features` gave into a row, from column `start` on."""
        tensors = self._tensors()
        parts = torch.split(features, [tensor.shape[1] * tensor.shape[3] for tensor in tensors], dim=1)
        for tensor, part in zip(tensors, parts, strict=True):
            shaped = part.reshape(len(features), tensor.shape[1], tensor.shape[3]).transpose(0, 1)
            tensor[row, :, start : start + len(features)] = shaped

    def _tensors(self) -> list[torch.Tensor]:
        return [tensor for layer in self._layers for tensor in (layer.keys, layer.values)]


def _room(like: torch.Tensor, rows: int, width: int) -> torch.Tensor:
    _, heads, _, size = like.shape
    return like.new_zeros(rows, heads, width + ROOM, size)


@torch.inference_mode()
def small_cache(model: PreTrainedModel) -> Cache:
    """The cache that the model itself makes for one token: it shows the shapes of keys and values."""
    token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    cache: Cache = model(
        input_ids=token, use_cache=True
    ).past_key_values  # trainers leave models that make none unasked
    return cache
