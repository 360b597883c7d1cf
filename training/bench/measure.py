"""Times GenRec's training against TRL's stock trainer: the same steps on the same examples, in one run.

The two differ in what they compute, not in what comes out: GenRec's scores labelled positions only
(training/trainers/labelled_loss.py), and of a pair it reads the prompt once (training/trainers/shared_prompts.py) and
the reference before training, which counts as its time. Model, number format, optimiser, batches and checkpointing are
the same, and so must the losses be.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from transformers import PrinterCallback, Trainer
from trl import DPOTrainer

from genrec.llm.local import LocalModel
from genrec.llm.quiet import quiet_transformers
from training import dpo, sft
from training.bench.alone import alone
from training.data import examples as data
from training.data.conversation import TrainingExample
from training.data.preferences import Preference
from training.progress import Progress
from training.recipe import Cities, Data, DpoRecipe, Kind, SftRecipe
from training.settings import Trainable, load_trainable, lora_config, trainer_config
from training.stage import peak_memory_mb
from training.trainers.callbacks import Bar
from training.trainers.labelled_loss import labelled_loss
from training.trainers.reference import reference_log_probabilities, weights_hash

Method = Literal["lora", "full"]
TrainerName = Literal["genrec", "stock"]

KINDS: tuple[Kind, ...] = ("sft", "dpo")
METHODS: tuple[Method, ...] = ("lora", "full")
TRAINERS: tuple[TrainerName, ...] = ("genrec", "stock")
RATES: dict[Method, float] = {"lora": 5e-4, "full": 1e-5}
BETA = 0.1  # of DPO
BATCH = 2
STEPS, QUICK_STEPS = 4, 2  # the first is a warm-up, on the longest examples; it counts for memory and loss
LEAST_SPEEDUP, MOST_MEMORY, MOST_LOSS_DIFFERENCE = 8.0, 1.0, 1e-4  # aims; the first one on a CPU


@dataclass(frozen=True)
class Run:
    """What one trainer took for the steps.

    Attributes:
        kind: the stage.
        tokens: of all examples, of a pair those of its longer sequence.
        answers: that carry loss, in all.
        losses: of each step.
        step_seconds: of each step after the first.
        reference_seconds: before the first step, for the reference log-probabilities of all pairs.
        peak_mb: the most memory of the process, by place (cpu, gpu).
        load: how many processes of the whole machine wanted to run in the minute before. On a CPU that others use,
            too, several threads wait for one another: then compare with OMP_NUM_THREADS=1.

    """

    kind: Kind
    method: Method
    trainer: TrainerName
    device: str
    dtype: str
    tokens: int
    answers: int
    losses: list[float]
    step_seconds: list[float]
    reference_seconds: float
    peak_mb: dict[str, int]
    threads: int
    load: float

    @property
    def samples_per_second(self) -> float:
        """Examples or pairs a second, after the warm-up, with their share of the time for the reference."""
        steps = len(self.step_seconds)
        return BATCH * steps / (sum(self.step_seconds) + self.reference_seconds * steps / len(self.losses))

    @property
    def peak(self) -> int:
        """The most memory where the model is, in MB."""
        return self.peak_mb.get("gpu", self.peak_mb["cpu"])


@dataclass(frozen=True)
class Comparison:
    """GenRec's trainer against the stock one."""

    kind: Kind
    method: Method
    speedup: float  # samples a second, as a multiple of the stock trainer's
    memory: float  # peak memory, as a share of the stock trainer's
    loss_difference: float  # the largest of all steps


def measure_all(model: str, steps: int, progress: Progress) -> list[Run]:
    """Each trainer in each stage with each method, in a process of its own.

    Raises GenRecError if the model cannot be had, or if a process was killed.
    """
    variants = list(product(KINDS, METHODS, TRAINERS))
    runs = []
    for number, variant in enumerate(variants):
        progress(number, len(variants))
        runs.append(alone(" ".join(variant), measure, model, *variant, steps))
    progress(len(variants), len(variants))
    return runs


def measure(model: str, kind: Kind, method: Method, trainer: TrainerName, steps: int) -> Run:
    """Train for some steps, here and now."""
    load, _, _ = os.getloadavg()
    recipe = recipe_of(model, kind, method, steps)
    trainable = load_trainable(recipe)
    examples = data.training_examples(data_of(steps), recipe.seed, trainable.count_tokens)
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(recipe, SftRecipe):  # which trainer it is, is said while it trains
            made = _sft(recipe, trainable, examples, Path(folder))
        else:
            made = _dpo(recipe, trainable, examples, trainer, Path(folder))
        trl, tokens, answers, reference_seconds = made
        trl.add_callback(Bar(lambda done, total: ends.append(time.perf_counter())))
        with labelled_loss() if trainer == "genrec" else nullcontext(), quiet_transformers():
            trl.train()
    return Run(
        kind=kind,
        method=method,
        trainer=trainer,
        device=trainable.info.device,
        dtype=trainable.info.dtype,
        tokens=tokens,
        answers=answers,
        losses=[line["loss"] for line in trl.state.log_history if "loss" in line],
        step_seconds=[end - start for start, end in pairwise(ends)],
        reference_seconds=reference_seconds,
        peak_mb=peak_memory_mb(),
        threads=torch.get_num_threads(),
        load=load,
    )


def recipe_of(model: str, kind: Kind, method: Method, steps: int) -> SftRecipe | DpoRecipe:
    """What is trained: as many examples as the steps need, once."""
    trainer = {
        "learning_rate": RATES[method],
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 1,
        "max_steps": steps,
        "save_strategy": "no",
        "report_to": "none",
    }
    common: dict[str, Any] = {"model": model, "method": method, "max_length": 4096}
    if kind == "sft":
        return SftRecipe(kind="sft", data=data_of(steps), trainer=trainer, **common)
    trainer |= {"beta": BETA, "train_sampling_strategy": "sequential"}
    return DpoRecipe(kind="dpo", preferences=Path("made-here"), trainer=trainer, **common)


def data_of(steps: int) -> Data:
    """What is learned: every visit of a trajectory, for the more labels there are, the less there is to spare."""
    return Data(cities=Cities(count=1), relabel=True, moments=2, level="full", targets="every", limit=BATCH * steps)


Made = tuple[Trainer, int, int, float]  # with tokens, answers and seconds for the reference


def _sft(recipe: SftRecipe, trainable: Trainable, examples: Sequence[TrainingExample], out: Path) -> Made:
    dataset = sft.tokenised(recipe, trainable, examples)
    answers = sum(len(example.supervised) for example in examples)
    return sft.make_trainer(recipe, trainable, dataset, out), sum(dataset["length"]), answers, 0.0


def _dpo(
    recipe: DpoRecipe, policy: Trainable, examples: Sequence[TrainingExample], trainer: TrainerName, out: Path
) -> Made:
    """Pairs are the visited place and another one, the longest first."""
    pairs = sorted(map(_pair, examples), key=lambda pair: -sum(len(message["content"]) for message in pair.prompt))
    tokens = dpo.pair_tokens(recipe, policy, pairs)
    size = sum(map(len, tokens)), 2 * len(tokens)
    if trainer == "genrec":
        start = time.perf_counter()
        ranker = LocalModel(policy.model, policy.tokenizer, policy.info.name)
        scores = reference_log_probabilities(ranker, weights_hash(policy.model), tokens, out)
        seconds = time.perf_counter() - start
        return dpo.make_trainer(recipe, policy, dpo.pair_dataset(tokens, scores), out), *size, seconds
    rows = [
        {
            "prompt": list(pair.prompt),
            "chosen": [{"role": "assistant", "content": pair.chosen}],
            "rejected": [{"role": "assistant", "content": pair.rejected}],
        }
        for pair in pairs
    ]
    stock = DPOTrainer(
        model=policy.model,
        args=trainer_config("dpo", recipe, out),
        train_dataset=Dataset.from_list(rows),
        processing_class=policy.tokenizer,
        peft_config=lora_config(recipe),
    )
    stock.remove_callback(PrinterCallback)
    return stock, *size, 0.0


def _pair(example: TrainingExample) -> Preference:
    *prompt, answer = example.messages
    place = answer["content"]
    return Preference(prompt=tuple(prompt), chosen=place, rejected=str(int(place) + 1), source="random", rule="truth")


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """GenRec against the stock trainer, for each stage and method."""
    by_name = {(run.kind, run.method, run.trainer): run for run in runs}
    found = []
    for kind, method in product(KINDS, METHODS):
        ours, stock = by_name[kind, method, "genrec"], by_name[kind, method, "stock"]
        found.append(
            Comparison(
                kind=kind,
                method=method,
                speedup=ours.samples_per_second / stock.samples_per_second,
                memory=ours.peak / stock.peak,
                loss_difference=max(abs(a - b) for a, b in zip(ours.losses, stock.losses, strict=True)),
            )
        )
    return found
