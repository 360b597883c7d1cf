"""Kahneman-Tversky optimisation (arXiv 2402.01306): TRL's KTOTrainer on single answers, each judged good or bad.

As with DPO, the model that training starts from is the reference. How far the policy is from it is estimated on the
answers of a batch, each behind the prompt of its neighbour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from datasets import Dataset
from trl import KTOTrainer

from training.recipe import Recipe
from training.settings import Trainable, lora_config, trainer_config
from training.stage import built
from training.trainers.judgement_trainer import JudgementTrainer
from training.trainers.reference import PairTokens


class KtoRecipe(Recipe):
    """What KTO trains, and how."""

    kind: Literal["kto"] = "kto"


def with_mismatched(judged: Sequence[PairTokens], good: Sequence[bool], at_once: int) -> list[PairTokens]:
    """One answer of each pair, the chosen one where it is `good`, and as the other one that of its neighbour.

    The neighbour is the example before, within the `at_once` examples that are in memory together.
    """
    said = [pair.chosen if up else pair.rejected for pair, up in zip(judged, good, strict=True)]
    before = [
        said[number - 1] if number % at_once else said[min(number + at_once, len(said)) - 1]
        for number in range(len(said))
    ]
    return [PairTokens(pair.prompt, own, other) for pair, own, other in zip(judged, said, before, strict=True)]


def judgement_dataset(
    tokens: Sequence[PairTokens], good: Sequence[bool], scores: Sequence[tuple[float, float]]
) -> Dataset:
    """What `JudgementTrainer` reads; `scores` are the reference's of both answers of `with_mismatched`."""
    return Dataset.from_dict(
        {
            "prompt_ids": [one.prompt for one in tokens],
            "completion_ids": [one.chosen for one in tokens],
            "KL_completion_ids": [one.rejected for one in tokens],
            "label": list(good),
            "ref_logps": [own for own, _ in scores],
            "ref_KL_logps": [other for _, other in scores],
        }
    )


def make_trainer(recipe: KtoRecipe, policy: Trainable, dataset: Dataset, out: Path) -> KTOTrainer:
    """TRL's trainer as the recipe says, without any of its own output on the terminal; errors of `trainer_config`."""
    config = trainer_config("kto", recipe, out, {"precompute_ref_log_probs": True})
    return built(
        JudgementTrainer,
        model=policy.model,
        args=config,
        train_dataset=dataset,
        processing_class=policy.tokenizer,
        peft_config=lora_config(recipe),
    )
