"""TRL's DPOTrainer on tokens and reference log-probabilities that are there already; prompts are read once."""

from typing import Any

import torch
from datasets import Dataset
from trl import DPOTrainer

from genrec.llm.masks import Masks
from training.trainers.shared_prompts import SharedPrompts


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """Takes its data as they are: prompt_ids, chosen_ids, rejected_ids, ref_chosen_logps, ref_rejected_logps.

    The stock trainer would tokenise the text anew, and compute the reference again whenever a learning rate, a seed or
    the output folder changes.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._masks = Masks(self.model)

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any], return_outputs: bool) -> Any:
        return super()._compute_loss(SharedPrompts(model, self._masks), inputs, return_outputs)

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset
