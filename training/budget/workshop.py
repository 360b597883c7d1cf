"""Runs one training run of a study, with the stages that `genrec-train sft` and `genrec-train dpo` have.

Kill it at any moment: it goes on from its last checkpoint, and what it comes to is what it would have come to.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from filelock import FileLock

from genrec import jsonl
from genrec.errors import GenRecError, NotNumbersError
from genrec.llm.adapter import ANY, Adapter, write_declaration
from genrec.llm.quiet import quiet_transformers
from training import record
from training.budget.chain import Chain, chain_facts, result_facts, stage_of
from training.budget.spec import Study
from training.budget.store import Result, Store, key_of
from training.budget.tasks.material import Material
from training.budget.tasks.task import Pair, Task, demonstration_order, pair_order
from training.recipe import Data, DpoRecipe, SftRecipe
from training.settings import Trainable, load_trainable
from training.trainers.labelled_loss import labelled_loss

if TYPE_CHECKING:
    import torch
    from transformers import Trainer

    from genrec.llm.local import LocalModel
    from training.data.preferences import Preference
    from training.trainers.callbacks import DivergedError

Report = Callable[[Chain, int, Result], None]


class Workshop:
    """A study's folder, and what its runs have in common."""

    def __init__(self, study: Study, out: Path, material: Material) -> None:
        self.study, self.out, self.material = study, out, material
        self._store = Store(out / "results")

    def result(self, chain: Chain, stop: int) -> Result | None:
        """What the run's model scores at a stop; None if that is not known yet."""
        return self._store.get(key_of(self._facts(chain, stop)))

    def census(self, chains: Sequence[Chain]) -> tuple[int, int, int]:
        """How many of the runs' results are there, how many are to go, and how many lie here that are of none."""
        keys = {key_of(self._facts(chain, stop)) for chain in chains for stop in chain.stops}
        there = sum(self._store.get(key) is not None for key in keys)
        return there, len(keys) - there, len(self._store.keys() - keys)

    def missing(self, chain: Chain) -> list[int]:
        """Stops without a result or, for SFT, without the model that DPO starts from."""
        missing = []
        for stop in chain.stops:
            result = self.result(chain, stop)
            lost = chain.stage == "sft" and stop and not self._model(chain, stop).exists()
            if result is None or (lost and result.scores):
                missing.append(stop)
        return missing

    def run(self, chain: Chain, report: Report) -> None:
        """Bring the run to the last stop without a result; what is there already is not done again.

        `report` hears of each new result. Raises GenRecError if this machine or the data do not allow it.
        """
        from training.trainers.callbacks import DivergedError  # deferred: loads torch

        folder = self._folder(chain)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # a process that outlived a killed command may still be at it
            missing = self.missing(chain)
            if missing:
                upto = tuple(stop for stop in chain.stops if stop <= missing[-1])
                try:
                    self._train(replace(chain, stops=upto), folder, missing, report)
                except DivergedError as error:
                    self._rule_out(chain, error, report)

    def _rule_out(self, chain: Chain, error: "DivergedError", report: Report) -> None:
        """A sweep goes on with other rates; a study whose rate is chosen cannot."""
        if chain.part == "test":
            what = f"{chain.stage}.learning_rates: at {chain.rate:g} training has diverged with seed {chain.seed}"
            raise GenRecError(f"{what}; give lower ones") from error
        self._put(chain, chain.size, Result([], 0, 0.0, 0.0), report)

    def _train(self, chain: Chain, folder: Path, missing: Sequence[int], report: Report) -> None:
        from training.budget.stops import Stops  # deferred: loads torch
        from training.trainers.callbacks import MetricsFile, WeightsMove

        start = time.perf_counter()
        make = self._sft_trainer if chain.stage == "sft" else self._dpo_trainer
        trainer, trainable = make(chain, folder)
        each_seconds = (time.perf_counter() - start) / max(chain.size, 1)  # of preparing, by example
        batch = stage_of(self.study, chain.stage).batch
        checkpoint = _checkpoint_before(folder, missing[0] // batch)
        clock = [checkpoint[0] * batch, time.perf_counter()]

        def visit(step: int, model: "torch.nn.Module") -> None:
            stop = step * batch
            seconds = time.perf_counter() - clock[1] + each_seconds * (stop - clock[0])
            served = _serving(model, trainable)
            if chain.stage == "sft" and stop:
                self._save(chain, stop, model, trainable)
            if self.result(chain, stop) is None:
                self._score(chain, stop, served, report, trained=(int(stop - clock[0]), seconds))
            clock[:] = [stop, time.perf_counter()]

        trainer.add_callback(WeightsMove())
        trainer.add_callback(MetricsFile(folder / record.METRICS))
        trainer.add_callback(Stops({stop // batch for stop in missing}, visit))
        with labelled_loss(), quiet_transformers():
            trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint[1] else None)

    def _score(
        self, chain: Chain, stop: int, model: "LocalModel", report: Report, *, trained: tuple[int, float]
    ) -> None:
        from training.trainers.callbacks import DivergedError  # deferred: loads torch

        questions = getattr(self.material.task.questions, chain.part)
        start = time.perf_counter()
        try:
            scores = self.material.task.scores(model, questions)
        except NotNumbersError as error:  # before a loss shows it
            raise DivergedError(str(error)) from error
        result = Result(scores, trained[0], round(trained[1], 3), round(time.perf_counter() - start, 3))
        self._put(chain, stop, result, report)

    def _put(self, chain: Chain, stop: int, result: Result, report: Report) -> None:
        facts = self._facts(chain, stop)
        self._store.put(key_of(facts), facts, result)
        report(chain, stop, result)

    def _sft_trainer(self, chain: Chain, folder: Path) -> "tuple[Trainer, Trainable]":
        from training.sft import make_trainer, tokenised  # deferred: loads torch

        recipe = SftRecipe(kind="sft", data=_NO_DATA, **self._recipe(chain))
        order = demonstration_order(self.material.task, chain.seed)[: chain.size]
        trainable = load_trainable(recipe)
        examples = [self.material.task.questions.train[i].demonstration() for i in order]
        return make_trainer(recipe, trainable, tokenised(recipe, trainable, examples), folder), trainable

    def _dpo_trainer(self, chain: Chain, folder: Path) -> "tuple[Trainer, Trainable]":
        from training.dpo import make_trainer, pair_dataset, pair_tokens, reference
        from training.merge import merged
        from training.trainers.reference import weights_hash

        settings = self._recipe(chain)
        before = chain.before()
        begun = self._model(before, chain.start) if before else None
        if begun and self.study.method == "full":
            settings["model"] = str(begun)
        recipe = DpoRecipe(kind="dpo", preferences=folder / PAIRS, **settings)
        try:
            policy = load_trainable(recipe)
            if begun and self.study.method == "lora":
                policy = merged(policy, begun)
        except GenRecError as error:
            remedy = f". Delete {begun}: the same command makes it anew" if begun else ""
            raise GenRecError(f"{error}{remedy}") from error
        served = _serving(policy.model, policy)
        pairs = bought_pairs(self.material.task, chain, served, folder / PAIRS)
        tokens = pair_tokens(recipe, policy, cast("Sequence[Preference]", pairs))  # reads what a Pair has
        scores = reference(policy, weights_hash(policy.model), tokens)
        return make_trainer(recipe, policy, pair_dataset(tokens, scores), folder), policy

    def _recipe(self, chain: Chain) -> dict[str, Any]:
        """What the recipes of both stages have in common."""
        study, stage = self.study, stage_of(self.study, chain.stage)
        at_once = stage.at_once or stage.batch
        trainer = stage.trainer | {
            "learning_rate": chain.rate,
            "num_train_epochs": 1,
            "lr_scheduler_type": "constant_with_warmup",
            "warmup_steps": stage.warmup_steps,
            "per_device_train_batch_size": at_once,
            "gradient_accumulation_steps": stage.batch // at_once,
            "train_sampling_strategy": "sequential",
            "save_steps": stage.save_steps,
        }
        return {
            "model": self.material.model,
            "method": study.method,
            "lora": study.lora,
            "seed": chain.seed,
            "max_length": study.max_length,
            "trainer": trainer,
        }

    def _facts(self, chain: Chain, stop: int) -> dict[str, Any]:
        return result_facts(self.study, chain, stop, self.material.key)

    def _folder(self, chain: Chain) -> Path:
        key = key_of(chain_facts(self.study, chain, self.material.key))
        return self.out / "runs" / f"{chain.stage}-{key}"

    def _model(self, chain: Chain, stop: int) -> Path:
        """Where SFT leaves its model after so many demonstrations."""
        return self._folder(chain) / "models" / str(stop)

    def _save(self, chain: Chain, stop: int, model: "torch.nn.Module", trainable: Trainable) -> None:
        path = self._model(chain, stop)
        if path.exists():
            return
        half = path.with_name(f"{path.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        model.save_pretrained(half)  # type: ignore[operator] # a transformers or PEFT model
        if self.study.method == "lora":
            write_declaration(half, Adapter(base=self.material.model, catalogue=ANY, ranking_prompt=ANY))
        else:
            trainable.tokenizer.save_pretrained(half)
        half.rename(path)


PAIRS = "pairs.jsonl"
CACHE_BYTES = 512 << 20  # a study's prompts have little in common, and trainers run side by side
_NO_DATA = Data(checkins=Path("study"))  # a recipe names its data, and these are the study's


def bought_pairs(task: Task, chain: Chain, model: "LocalModel", path: Path) -> list[Pair]:
    """The first pairs of the seed's order, as many as the run is long, kept in `path` batch by batch.

    Raises GenRecError if the pool does not give so many.
    """
    before = jsonl.resume(path, private=True)
    pairs = [Pair(*row) for batch in before for row in batch["pairs"]]
    read = sum(batch["read"] for batch in before)
    order = pair_order(task, chain.seed)
    batches = task.pairs(order[read:], model)
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


def _checkpoint_before(folder: Path, step: int) -> tuple[int, Path | None]:
    """The latest finished checkpoint at or before a step, and its step; later ones go, they would be passed again."""
    best: tuple[int, Path | None] = (0, None)
    for path in (folder / record.CHECKPOINTS).glob("checkpoint-*"):
        at = int(path.name.rpartition("-")[2])
        if at > step or not (path / "trainer_state.json").exists():
            shutil.rmtree(path)
        elif at > best[0]:
            best = (at, path)
    return best


def _serving(model: "torch.nn.Module", trainable: Trainable) -> "LocalModel":
    """The model as serving asks it: what it read before belongs to other weights, so a new one each time."""
    from peft import PeftModel  # deferred: slow to import

    from genrec.llm.local import LocalModel

    plain: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return LocalModel(plain, trainable.tokenizer, trainable.info.name, cache_bytes=CACHE_BYTES)
