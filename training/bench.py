"""Times GenRec's training against TRL's stock trainer: the same steps on the same examples, in one run.

The two differ in nothing but the positions that the output layer scores (training/labelled_loss.py): model, number
format, optimiser, batches and checkpointing are the same, and so must the losses be.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table

from genrec.errors import GenRecError
from training.recipe import Cities, Data, SftRecipe
from training.record import peak_memory_mb, versions

Method = Literal["lora", "full"]
TrainerName = Literal["genrec", "stock"]
Progress = Callable[[int, int], None]  # (runs done, runs in all)

METHODS: tuple[Method, ...] = ("lora", "full")
TRAINERS: tuple[TrainerName, ...] = ("genrec", "stock")
RATES: dict[Method, float] = {"lora": 5e-4, "full": 1e-5}
BATCH = 2
STEPS, QUICK_STEPS = 4, 2  # the first is a warm-up, on the longest examples; it counts for memory and loss
LEAST_SPEEDUP, MOST_MEMORY, MOST_LOSS_DIFFERENCE = 8.0, 1.0, 1e-4  # aims; the first one on a CPU


@dataclass(frozen=True)
class Run:
    """What one trainer took for the steps.

    Attributes:
        losses: of each step.
        step_seconds: of each step after the first.
        peak_mb: the most memory of the process, by place (cpu, gpu).
        load: how many processes of the whole machine wanted to run in the minute before. On a CPU that others use,
            too, several threads wait for one another: then compare with OMP_NUM_THREADS=1.

    """

    method: Method
    trainer: TrainerName
    device: str
    dtype: str
    tokens: int
    answers: int
    losses: list[float]
    step_seconds: list[float]
    peak_mb: dict[str, int]
    threads: int
    load: float

    @property
    def samples_per_second(self) -> float:
        """Examples a second, after the warm-up."""
        return BATCH * len(self.step_seconds) / sum(self.step_seconds)

    @property
    def peak(self) -> int:
        """The most memory where the model is, in MB."""
        return self.peak_mb.get("gpu", self.peak_mb["cpu"])


@dataclass(frozen=True)
class Comparison:
    """GenRec's trainer against the stock one."""

    method: Method
    speedup: float  # samples a second, as a multiple of the stock trainer's
    memory: float  # peak memory, as a share of the stock trainer's
    loss_difference: float  # the largest of all steps


def measure_all(model: str, steps: int, progress: Progress) -> list[Run]:
    """Each trainer with each method, in a process of its own.

    Raises GenRecError if the model cannot be had, or if a process was killed.
    """
    # Linux counts the memory of the process that starts another one into the other's peak. The fork server is small.
    context = multiprocessing.get_context("forkserver")
    variants = list(product(METHODS, TRAINERS))
    runs = []
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for number, (method, trainer) in enumerate(variants):
            progress(number, len(variants))
            try:
                runs.append(pool.submit(measure, model, method, trainer, steps).result())
            except BrokenProcessPool:
                raise GenRecError(f"the {trainer} trainer with method {method} was killed: out of memory?") from None
    progress(len(variants), len(variants))
    return runs


def measure(model: str, method: Method, trainer: TrainerName, steps: int) -> Run:
    """Train for some steps, here and now."""
    import torch  # deferred, as the others: slow to import

    from genrec.llm.quiet import quiet_transformers
    from training.callbacks import Bar
    from training.examples import training_examples
    from training.labelled_loss import labelled_loss
    from training.settings import load_trainable
    from training.sft import make_trainer, tokenised

    load, _, _ = os.getloadavg()
    recipe = recipe_of(model, method, steps)
    trainable = load_trainable(recipe)
    examples = training_examples(recipe.data, recipe.seed, trainable.count_tokens)
    dataset = tokenised(recipe, trainable, examples)
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        trl = make_trainer(recipe, trainable, dataset, Path(folder))
        trl.add_callback(Bar(lambda done, total: ends.append(time.perf_counter())))
        with labelled_loss() if trainer == "genrec" else nullcontext(), quiet_transformers():
            trl.train()
    return Run(
        method=method,
        trainer=trainer,
        device=trainable.info.device,
        dtype=trainable.info.dtype,
        tokens=sum(dataset["length"]),
        answers=sum(len(example.supervised) for example in examples),
        losses=[line["loss"] for line in trl.state.log_history if "loss" in line],
        step_seconds=[end - start for start, end in pairwise(ends)],
        peak_mb=peak_memory_mb(),
        threads=torch.get_num_threads(),
        load=load,
    )


def recipe_of(model: str, method: Method, steps: int) -> SftRecipe:
    """What is trained: as many examples as the steps need, once."""
    trainer = {
        "learning_rate": RATES[method],
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 1,
        "max_steps": steps,
        "save_strategy": "no",
        "report_to": "none",
    }
    # Every visit of a trajectory is learned: the more labels, the less there is to spare.
    data = Data(cities=Cities(count=1), relabel=True, moments=2, level="full", targets="every", limit=BATCH * steps)
    return SftRecipe(kind="sft", model=model, method=method, max_length=4096, data=data, trainer=trainer)


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """GenRec against the stock trainer, for each method."""
    by_name = {(run.method, run.trainer): run for run in runs}
    found = []
    for method in METHODS:
        ours, stock = by_name[method, "genrec"], by_name[method, "stock"]
        found.append(
            Comparison(
                method=method,
                speedup=ours.samples_per_second / stock.samples_per_second,
                memory=ours.peak / stock.peak,
                loss_difference=max(abs(a - b) for a, b in zip(ours.losses, stock.losses, strict=True)),
            )
        )
    return found


def to_json(model: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    from eval.bench_report import machine  # deferred: loads torch

    return {
        "settings": {"model": model, "batch": BATCH, "learning_rate": RATES, "seed": 0},
        "machine": machine() | {"versions": versions()},
        "runs": [asdict(run) | {"samples_per_second": run.samples_per_second} for run in runs],
        "comparisons": [asdict(comparison) for comparison in comparisons(runs)],
    }


def runs_table(runs: Sequence[Run]) -> Table:
    """Each trainer with each method."""
    table = _table(
        f"Training steps of {BATCH} examples, {runs[0].dtype} on {runs[0].device}, {runs[0].threads} threads"
    )
    for heading in ("method", "trainer", "samples a s", "s a step", "load", "peak MB", "first loss", "last loss"):
        table.add_column(heading, justify="left" if heading in ("method", "trainer") else "right")
    for run in runs:
        a_step = sum(run.step_seconds) / len(run.step_seconds)
        figures = (f"{run.samples_per_second:.3f}", f"{a_step:.2f}", f"{run.load:.1f}", f"{run.peak:,}")
        table.add_row(run.method, run.trainer, *figures, f"{run.losses[0]:.5f}", f"{run.losses[-1]:.5f}")
    return table


def ratios_table(runs: Sequence[Run]) -> Table:
    """The ratios beside what is aimed at."""
    table = _table("GenRec's trainer against the stock one, and the aims on a CPU")
    table.add_column("method")
    for heading, aim in (
        ("samples a s", f">= {LEAST_SPEEDUP:g}"),
        ("peak memory", f"<= {MOST_MEMORY:g}"),
        ("loss differs by", f"<= {MOST_LOSS_DIFFERENCE:g}"),
    ):
        table.add_column(f"{heading} ({aim})", justify="right")
    for found in comparisons(runs):
        table.add_row(found.method, f"{found.speedup:.1f}", f"{found.memory:.2f}", f"{found.loss_difference:.1e}")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
