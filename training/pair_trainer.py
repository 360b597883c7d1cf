"""TRL's DPOTrainer on tokens and reference log-probabilities that are there already."""

from typing import Any

from datasets import Dataset
from trl import DPOTrainer


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """Takes its data as they are: prompt_ids, chosen_ids, rejected_ids, ref_chosen_logps, ref_rejected_logps.

    The stock trainer would tokenise the text anew, and compute the reference again whenever a learning rate, a seed or
    the output folder changes.
    """

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset
