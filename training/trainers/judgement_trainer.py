"""TRL's KTOTrainer on tokens and reference log-probabilities that are there already."""

from typing import Any

from datasets import Dataset
from trl import KTOTrainer


class JudgementTrainer(KTOTrainer):  # type: ignore[misc]
    """Takes its data as they are: prompt_ids, completion_ids, label, ref_logps, and the same of the KL term.

    The stock trainer would tokenise the text anew, and compute the reference again for each run.
    """

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset
