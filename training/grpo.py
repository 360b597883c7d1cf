"""Group relative policy optimisation (arXiv 2402.03300): TRL's GRPOTrainer on answers that the adapter gives itself.

An answer is as good as it earns more than the other answers that were drawn to the same question. As with DPO, the
adapter to start from is merged into the base model, in memory, and one adapter comes out that does what both do.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from genrec import jsonl
from genrec.errors import GenRecError
from genrec.llm.adapter import Adapter
from genrec.llm.chat import answer_tokens
from training import record
from training.dpo import about_model, save_result
from training.progress import Progress, nothing
from training.recipe import GrpoRecipe
from training.settings import Trainable, lora_config, trainer_config
from training.stage import built, run_stage
from training.trainers.answer_trainer import AnswerTrainer
from training.trainers.reference import weights_hash


@dataclass(frozen=True)
class Question:
    """A prompt in the tokens of serving, and what some answers to it earn; all others earn 0."""

    prompt: tuple[int, ...]
    rewards: Mapping[str, float]


def make_trainer(
    recipe: GrpoRecipe, policy: Trainable, questions: Sequence[Question], answers: Sequence[str], out: Path
) -> AnswerTrainer:
    """TRL's trainer as the recipe says, without any of its own output on the terminal; errors of `trainer_config`.

    `answers`: all that may be said. Raises GenRecError if the questions do not fill a batch.
    """
    tokens = answer_tokens(policy.tokenizer, answers)
    said = {tuple(row): answer for row, answer in zip(tokens, answers, strict=True)}

    def reward(completion_ids: Sequence[Sequence[int]], question: Sequence[int], **_: Any) -> list[float]:
        pairs = zip(completion_ids, question, strict=True)
        return [questions[number].rewards.get(said[tuple(row)], 0.0) for row, number in pairs]

    own = {
        "steps_per_generation": 1,  # so that all answers to a question stand in one batch, where it is read once
        "scale_rewards": "none",  # else what a reward counts by its propensity would be divided out again
        "max_completion_length": max(map(len, tokens)),
    }
    config = trainer_config("grpo", recipe, out, own)
    if len(questions) < (least := config.generation_batch_size // config.num_generations):
        raise GenRecError(
            f"{len(questions)} questions do not fill a batch of {least}: lower trainer.per_device_train_batch_size, "
            "which counts answers, trainer.num_generations to each question"
        )
    return built(
        AnswerTrainer,
        answers=tokens,
        model=policy.model,
        reward_funcs=reward,
        args=config,
        train_dataset=Dataset.from_dict(
            {"prompt": [one.prompt for one in questions], "question": list(range(len(questions)))}
        ),
        processing_class=policy.tokenizer,
        peft_config=lora_config(recipe),
    )


def train_grpo(
    recipe: GrpoRecipe,
    policy: Trainable,
    questions: Sequence[Question],
    declared: Adapter,
    out: Path,
    *,
    answers: Sequence[str],
    resume: bool = False,
    progress: Progress = nothing,
) -> None:
    """Train, and leave the run's folder (training/record.py) with an adapter for the base model in it.

    `policy` as of `training.dpo.load_policy`, `declared` what the adapter is for, `answers` as in `make_trainer`. With
    `resume`, go on from the last checkpoint, if there is one: the losses are those of an undisturbed run. Raises
    GenRecError if `out` holds something else, or no answer that was drawn earned more than the others.
    """
    record.require_startable(out, resume=resume)
    weights = weights_hash(policy.model)
    trainer = make_trainer(recipe, policy, questions, answers, out)
    said = json.dumps([astuple(one) for one in questions])
    facts = {
        "model": about_model(recipe, policy, weights),
        "data": {
            "questions": len(questions),
            "answers": len(answers),
            "sha256": hashlib.sha256(said.encode()).hexdigest(),
            "catalogue": declared.catalogue,
        },
    }
    if run_stage(trainer, recipe, facts, out, resume=resume, progress=progress):
        if all(line["frac_reward_zero_std"] == 1 for line in jsonl.read(out / record.METRICS)):
            raise GenRecError(
                "nothing was learned: all answers to a question earned the same. Raise trainer.num_generations."
            )
        save_result(trainer, recipe, policy, out, declared)
