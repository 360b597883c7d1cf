"""One training run of a study, with the stages that `genrec-train sft` and `genrec-train dpo` have.

Kill it at any moment: it goes on from its last checkpoint, and what it comes to is what it would have come to.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from filelock import FileLock
from peft import PeftModel
from pydantic import BaseModel
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from genrec import jsonl
from genrec.errors import GenRecError, NotNumbersError
from genrec.llm.adapter import ANY, Adapter, write_declaration
from genrec.llm.backend import Message
from genrec.llm.local import LocalModel
from genrec.llm.quiet import quiet_transformers
from genrec.validation import read_lines
from training import dpo, record, sft
from training.budget.chain import Chain, Result, stage_of
from training.budget.folder import StudyFolder
from training.budget.spec import Study
from training.budget.tasks.task import Model, Pair, Task, demonstration_order, pair_order
from training.data.preferences import Preference
from training.merge import merged
from training.recipe import Data, DpoRecipe, SftRecipe
from training.settings import Trainable, load_trainable, require_possible
from training.trainers.callbacks import DivergedError, MetricsFile, WeightsMove
from training.trainers.labelled_loss import labelled_loss
from training.trainers.reference import weights_hash

PAIRS = "pairs.jsonl"
CACHE_BYTES = 512 << 20  # a study's prompts have little in common, and trainers run side by side
NO_DATA = Data(checkins=Path("study"))  # a recipe names its data, and these are the study's

Report = Callable[[Chain, int, Result], None]
Visit = Callable[[int, torch.nn.Module], None]  # (steps done, model in evaluation mode)


def require_trainable(study: Study) -> None:
    """Raise GenRecError if TRL refuses a stage's `trainer`, before a model is made."""
    common: dict[str, Any] = {"method": study.method, "lora": study.lora}
    recipes = {
        "sft": SftRecipe(kind="sft", data=NO_DATA, trainer=study.sft.trainer, **common),
        "dpo": DpoRecipe(kind="dpo", preferences=Path(PAIRS), trainer=study.dpo.trainer, **common),
    }
    for stage, recipe in recipes.items():
        try:
            require_possible(recipe)
        except GenRecError as error:
            raise GenRecError(f"{stage}.{error}") from None


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
        trainer, trainable = self._sft_trainer() if self.chain.stage == "sft" else self._dpo_trainer()
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

    def _sft_trainer(self) -> tuple[Trainer, Trainable]:
        recipe = SftRecipe(kind="sft", data=NO_DATA, **self._recipe())
        task = self.folder.material.task
        order = demonstration_order(task, self.chain.seed)[: self.chain.size]
        trainable = load_trainable(recipe)
        rows = sft.tokenised(recipe, trainable, [task.questions.train[i].demonstration() for i in order])
        return sft.make_trainer(recipe, trainable, rows, self.home), trainable

    def _dpo_trainer(self) -> tuple[Trainer, Trainable]:
        settings = self._recipe()
        before = self.chain.before()
        begun = self.folder.model(before, self.chain.start) if before else None
        if begun and self.folder.study.method == "full":
            settings["model"] = str(begun)
        recipe = DpoRecipe(kind="dpo", preferences=self.home / PAIRS, **settings)
        try:
            policy = load_trainable(recipe)
            if begun and self.folder.study.method == "lora":
                policy = merged(policy, begun)
        except GenRecError as error:
            remedy = f". Delete {begun}: the same command makes it anew" if begun else ""
            raise GenRecError(f"{error}{remedy}") from error
        pairs = bought_pairs(self.folder.material.task, self.chain, serving(policy.model, policy), self.home / PAIRS)
        tokens = dpo.pair_tokens(recipe, policy, cast("Sequence[Preference]", pairs))  # reads what a Pair has
        scores = dpo.reference(policy, weights_hash(policy.model), tokens)
        return dpo.make_trainer(recipe, policy, dpo.pair_dataset(tokens, scores), self.home), policy

    def _recipe(self) -> dict[str, Any]:
        """What the recipes of both stages have in common."""
        study, stage = self.folder.study, stage_of(self.folder.study, self.chain.stage)
        at_once = stage.at_once or stage.batch
        trainer = stage.trainer | {
            "learning_rate": self.chain.rate,
            "num_train_epochs": 1,
            "lr_scheduler_type": "constant_with_warmup",
            "warmup_steps": stage.warmup_steps,
            "per_device_train_batch_size": at_once,
            "gradient_accumulation_steps": stage.batch // at_once,
            "train_sampling_strategy": "sequential",
            "save_steps": stage.save_steps,
        }
        return {
            "model": self.folder.material.model,
            "method": study.method,
            "lora": study.lora,
            "seed": self.chain.seed,
            "max_length": study.max_length,
            "trainer": trainer,
        }

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


class _Batch(BaseModel):
    """A line of a run's pairs: how many examples were asked, and what they gave."""

    read: int
    pairs: list[tuple[tuple[Message, ...], str, str]]


def bought_pairs(task: Task, chain: Chain, model: Model, path: Path) -> list[Pair]:
    """The first pairs of the seed's order, as many as the run is long, kept in `path` batch by batch.

    Raises GenRecError if the pool does not give so many, or if the file is damaged.
    """
    jsonl.resume(path, private=True)
    kept = [one for _, one in read_lines(path, _Batch, "a batch of pairs", fix="Delete it: it is made anew.")]
    pairs = [Pair(*row) for batch in kept for row in batch.pairs]
    order = pair_order(task, chain.seed)
    batches = task.pairs(order[sum(batch.read for batch in kept) :], model)
    while len(pairs) < chain.size and (made := next(batches, None)) is not None:
        batch = {"read": task.pair_batch, "pairs": [(pair.prompt, pair.chosen, pair.rejected) for pair in made]}
        jsonl.append(path, [jsonl.line(batch)])
        pairs += made
    if len(pairs) < chain.size:
        raise GenRecError(
            f"{len(order):,} examples give {len(pairs):,} pairs, but {chain.size:,} are to be bought: lower budgets, "
            "or raise the smallest of price_ratios"
        )
    return pairs[: chain.size]


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


def serving(model: torch.nn.Module, trainable: Trainable) -> LocalModel:
    """The model as serving asks it: what it read before belongs to other weights, so a new one each time."""
    plain: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return LocalModel(plain, trainable.tokenizer, trainable.info.name, cache_bytes=CACHE_BYTES)


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
