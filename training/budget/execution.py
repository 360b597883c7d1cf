"""One training run of a study, with the stages that `genrec-train sft` and `genrec-train dpo` have.

Kill it at any moment: it goes on from its last checkpoint, and what it comes to is what it would have come to.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from genrec.errors import GenRecError, NotNumbersError
from genrec.llm.adapter import ANY, Adapter, write_declaration
from genrec.llm.quiet import quiet_transformers
from training import record
from training.budget.chain import Chain, Result, stage_of
from training.budget.folder import StudyFolder
from training.budget.stages import serving, trainer_of
from training.budget.tasks.task import Model
from training.settings import Trainable
from training.trainers.callbacks import DivergedError, MetricsFile, WeightsMove
from training.trainers.labelled_loss import labelled_loss

Report = Callable[[Chain, int, Result], None]
Visit = Callable[[int, torch.nn.Module], None]  # (steps done, model in evaluation mode)


def execute(folder: StudyFolder, chain: Chain, report: Report) -> None:
    """Bring a run to its last stop without a result; what is there already is not done again.

    `report` hears of each new result. Raises GenRecError if this machine or the data do not allow it.
    """
    home = folder.run(chain)
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".lock"):  # a process that outlived a killed command may still be at it
        missing = folder.missing(chain)
        if missing:
            upto = tuple(stop for stop in chain.stops if stop <= missing[-1])
            _Execution(folder, replace(chain, stops=upto), report).run(missing)


@dataclass(frozen=True)
class _Execution:
    """One run, in one process."""

    folder: StudyFolder
    chain: Chain
    report: Report

    @property
    def home(self) -> Path:
        """Where the run keeps its files."""
        return self.folder.run(self.chain)

    @property
    def batch(self) -> int:
        """Examples a step."""
        return stage_of(self.folder.study, self.chain.stage).batch

    def run(self, missing: Sequence[int]) -> None:
        """Train up to the last missing stop."""
        try:
            self._train(missing)
        except DivergedError as error:
            self._rule_out(error)

    def _rule_out(self, error: DivergedError) -> None:
        """A sweep goes on with other rates; a study whose rate is chosen cannot."""
        chain = self.chain
        if chain.part == "test":
            what = f"{chain.stage}.learning_rates: at {chain.rate:g} training has diverged with seed {chain.seed}"
            raise GenRecError(f"{what}; give lower ones") from error
        self._put(chain.size, Result([], 0, 0.0, 0.0))

    def _train(self, missing: Sequence[int]) -> None:
        start = time.perf_counter()
        trainer, trainable = trainer_of(self.folder, self.chain)
        each_seconds = (time.perf_counter() - start) / max(self.chain.size, 1)  # of preparing, by example
        checkpoint = _checkpoint_before(self.home, missing[0] // self.batch)
        clock = [checkpoint[0] * self.batch, time.perf_counter()]

        def visit(step: int, model: torch.nn.Module) -> None:
            stop = step * self.batch
            seconds = time.perf_counter() - clock[1] + each_seconds * (stop - clock[0])
            served = serving(model, trainable)
            if self.chain.stage == "sft" and stop:
                self._save(stop, model, trainable)
            if self.folder.result(self.chain, stop) is None:
                self._score(stop, served, trained=(int(stop - clock[0]), seconds))
            clock[:] = [stop, time.perf_counter()]

        trainer.add_callback(WeightsMove())
        trainer.add_callback(MetricsFile(self.home / record.METRICS))
        trainer.add_callback(_Stops({stop // self.batch for stop in missing}, visit))
        with labelled_loss(), quiet_transformers():
            trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint[1] else None)

    def _score(self, stop: int, model: Model, *, trained: tuple[int, float]) -> None:
        task = self.folder.material.task
        start = time.perf_counter()
        try:
            found = task.scores(model, getattr(task.questions, self.chain.part))
        except NotNumbersError as error:  # before a loss shows it
            raise DivergedError(str(error)) from error
        seconds = round(trained[1], 3), round(time.perf_counter() - start, 3)
        self._put(stop, Result(found.scores, trained[0], *seconds, found.beside))

    def _put(self, stop: int, result: Result) -> None:
        self.folder.put(self.chain, stop, result)
        self.report(self.chain, stop, result)

    def _save(self, stop: int, model: torch.nn.Module, trainable: Trainable) -> None:
        path = self.folder.model(self.chain, stop)
        if path.exists():
            return
        half = path.with_name(f"{path.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        model.save_pretrained(half)  # type: ignore[operator] # a transformers or PEFT model
        if self.folder.study.method == "lora":
            write_declaration(half, Adapter(base=self.folder.material.model, catalogue=ANY, ranking_prompt=ANY))
        else:
            trainable.tokenizer.save_pretrained(half)
        half.rename(path)


def _checkpoint_before(home: Path, step: int) -> tuple[int, Path | None]:
    """The latest finished checkpoint at or before a step, and its step; later ones go, they would be passed again."""
    best: tuple[int, Path | None] = (0, None)
    for path in (home / record.CHECKPOINTS).glob("checkpoint-*"):
        at = int(path.name.rpartition("-")[2])
        if at > step or not (path / "trainer_state.json").exists():
            shutil.rmtree(path)
        elif at > best[0]:
            best = (at, path)
    return best


class _Stops(TrainerCallback):  # type: ignore[misc]
    """Calls `visit` at some steps, as if the run ended there; the run goes on as if nothing had been."""

    def __init__(self, steps: set[int], visit: Visit) -> None:
        self._steps, self._visit = steps, visit

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """At the start, or where the run resumes."""
        self._stop(state.global_step, model)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """After a step."""
        self._stop(state.global_step, model)

    def _stop(self, step: int, model: torch.nn.Module | None) -> None:
        if step in self._steps and model is not None:
            training = model.training
            with torch.random.fork_rng():
                self._visit(step, model.eval())
            model.train(training)
