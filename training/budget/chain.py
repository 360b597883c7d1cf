"""One training run of a study: what it depends on, where on its way it is scored, and what it scored there."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from training.budget.spec import Jsonl, NextPoi, Stage, StageName, Study
from training.budget.tasks.jsonl import metric_source
from training.record import versions

CODE_VERSION = 1  # raise it with any change to what a run gives: results of older code are then made anew

Part = Literal["validation", "test"]


@dataclass(frozen=True)
class Chain:
    """A stage's run, stopping at sizes.

    Attributes:
        stage: sft, dpo or kto.
        seed: of the order of examples, and of everything else that is drawn.
        rate: the learning rate.
        stops: examples after which the model is scored, ascending; 0 is the model that the run starts from.
        part: the questions that it is scored on.
        start: but for sft, the model to start from: that of SFT after so many demonstrations; 0 is the base model.
        start_rate: the learning rate of that SFT.

    """

    stage: StageName
    seed: int
    rate: float
    stops: tuple[int, ...]
    part: Part = "test"
    start: int = 0
    start_rate: float = 0.0

    @property
    def size(self) -> int:
        """Examples in all."""
        return self.stops[-1]

    def before(self) -> "Chain | None":
        """The SFT run that this one starts from a model of."""
        return Chain("sft", self.seed, self.start_rate, (self.start,)) if self.start else None

    def point(self, stop: int) -> tuple[int, int]:
        """(n_s, n_p) at a stop."""
        return (stop, 0) if self.stage == "sft" else (self.start, stop)


@dataclass(frozen=True)
class Result:
    """What a model scored, and how long it took since the result before it (or the start, or the resume)."""

    scores: list[float]  # by test (or validation) example; none where training has diverged
    trained_on: int  # examples in that time
    train_seconds: float
    score_seconds: float
    beside: list[float] = field(default_factory=list)  # another figure by example, if the task has one

    @property
    def mean(self) -> float | None:
        """Of the scores."""
        return sum(self.scores) / len(self.scores) if self.scores else None


def key_of(facts: Any) -> str:
    """Name plain data by its content: 24 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def stage_of(study: Study, name: StageName) -> Stage:
    """The recipe of a stage."""
    found = {"sft": study.sft, "dpo": study.dpo, "kto": study.kto}[name]
    assert found is not None  # noqa: S101 - nobody asks for KTO where there is none
    return found


def chain_facts(study: Study, chain: Chain, material: str) -> dict[str, Any]:
    """All that a run's models depend on, whatever its length; `material` names base model and questions."""
    before = chain.before()
    rule = study.task.rule if isinstance(study.task, NextPoi) else "file"
    return {
        "code": CODE_VERSION,
        "versions": versions(),
        "material": material,
        "method": study.method,
        "lora": study.lora.model_dump(mode="json"),
        "max_length": study.max_length,
        "stage": chain.stage,
        "recipe": stage_of(study, chain.stage).model_dump(mode="json", exclude={"learning_rates", "save_steps"}),
        "rate": chain.rate,
        "seed": chain.seed,
        "start": key_of([chain_facts(study, before, material), chain.start]) if before else None,
        "rule": rule if chain.stage != "sft" else None,
    }


def result_facts(study: Study, chain: Chain, stop: int, material: str) -> dict[str, Any]:
    """All that a result depends on."""
    task = study.task
    judged = {}
    if isinstance(task, Jsonl):
        judged = {"max_tokens": task.max_tokens, "stop": task.stop, "source": metric_source(task.metric)}
    return {
        "run": chain_facts(study, chain, material),
        "examples": stop,
        "part": chain.part,
        "metric": task.metric,
    } | judged
