"""What a token attends to, in the form that a transformers model takes it."""

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import get_layer_types_and_kwargs


class Masks:
    """The attention masks of a model's layers, which may be of several types."""

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config.get_text_config(decoder=True)
        layer_types, _ = get_layer_types_and_kwargs(config)
        self._layer_types = set(layer_types)
        self._window: int | None = config.sliding_window if "sliding_attention" in self._layer_types else None
        self._dtype = model.dtype

    def of(
        self, visible: torch.Tensor, positions: torch.Tensor, key_positions: torch.Tensor
    ) -> torch.Tensor | dict[str, torch.Tensor]:
        """Additive masks from `visible` (rows, tokens, keys): which keys a token may attend to.

        Sliding windows are measured in `positions` (rows, tokens) and `key_positions` (rows, keys), so that siblings
        in a tree do not shorten them. Shape: (rows, 1, tokens, keys); of each type of layers if there are several.
        """
        masks = {"full_attention": self._additive(visible)}
        if self._window is not None:
            near = positions[:, :, None] - key_positions[:, None, :] < self._window
            masks["sliding_attention"] = self._additive(visible & near)
        return masks if len(self._layer_types) > 1 else masks[next(iter(self._layer_types))]

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(visible.shape, dtype=self._dtype, device=visible.device)
        return mask.masked_fill_(~visible, torch.finfo(mask.dtype).min)[:, None]
