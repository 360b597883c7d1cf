"""One training run, from its first step or last checkpoint to the drawn loss: what SFT, DPO and GRPO have in common."""

import json
import resource
import time
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from matplotlib.figure import Figure
from pydantic import RootModel
from transformers import PrinterCallback, Trainer

from genrec import jsonl
from genrec.errors import GenRecError
from genrec.files import atomic_path, write_text
from genrec.llm.quiet import quiet_transformers
from genrec.validation import read_json
from training import layouts, record
from training.progress import Progress
from training.recipe import Recipe
from training.trainers.callbacks import Bar, MetricsFile, WeightsMove, trainable_parameters
from training.trainers.labelled_loss import labelled_loss

AnyTrainer = TypeVar("AnyTrainer", bound=Trainer)
SMOOTHED = 20  # steps of the plot's running mean


class _Stretches(RootModel[list[dict[str, Any]]]):
    """What times.json says."""


def built(trainer_class: type[AnyTrainer], **arguments: Any) -> AnyTrainer:
    """A trainer of TRL's that prints nothing itself; raises GenRecError for what it refuses."""
    try:
        with quiet_transformers():
            trainer: AnyTrainer = trainer_class(**arguments)
    except (ValueError, NotImplementedError) as error:
        raise GenRecError(f"trainer: {' '.join(str(error).split())}") from error
    trainer.remove_callback(PrinterCallback)
    return trainer


def run_stage(
    trainer: Trainer,
    recipe: Recipe,
    facts: dict[str, Any],
    out: Path,
    *,
    resume: bool,
    progress: Progress,
) -> bool:
    """Train, and keep recipe, facts, metrics, times and loss in `out`; returns whether this process saves the result.

    Raises GenRecError if `out` holds another run, or the run would train nothing or diverges.
    """
    if recipe.kind != "grpo":  # there a step moves nothing if all answers to each of its questions earn the same
        trainer.add_callback(WeightsMove())
    trainer.add_callback(MetricsFile(out / record.METRICS))
    trainer.add_callback(Bar(progress))
    main: bool = trainer.is_world_process_zero()
    if main:
        counts = {
            "trainable_parameters": trainable_parameters(trainer.model),
            "processes": trainer.args.world_size,
        }
        record.begin(out, recipe, facts | counts)
    checkpoint = record.last_checkpoint(out) if resume else None
    if checkpoint:
        layouts.fit(checkpoint, trainer)
    first_step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    start = time.perf_counter()
    with labelled_loss(), quiet_transformers():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.perf_counter() - start
    if main:
        add_time(out, first_step=first_step, last_step=trainer.state.global_step, seconds=seconds)
        draw_loss(jsonl.read(out / record.METRICS), out / record.LOSS)
    return main


def add_time(out: Path, *, first_step: int, last_step: int, seconds: float) -> None:
    """Add a stretch of training to times.json."""
    path = out / record.TIMES
    stretches = read_json(path, _Stretches, "times of a run").root if path.exists() else []
    stretches.append(
        {"first_step": first_step, "last_step": last_step, "seconds": round(seconds, 2), "peak_mb": peak_memory_mb()}
    )
    write_text(path, json.dumps(stretches, indent=2) + "\n")


def peak_memory_mb() -> dict[str, int]:
    """The most memory that this process has used so far, in MB, and on the GPU if there is one."""
    peak = {"cpu": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    return peak | ({"gpu": torch.cuda.max_memory_allocated() >> 20} if torch.cuda.is_available() else {})


def draw_loss(metrics: list[dict[str, Any]], path: Path) -> None:
    """Draw the loss of each step, and its mean over the last steps."""
    steps = [line["step"] for line in metrics]
    loss = np.array([line["loss"] for line in metrics])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, loss, color="0.75", linewidth=0.8, label="each step")
    sums = np.cumsum(np.concatenate([[0.0], loss]))
    first = np.maximum(np.arange(1, len(loss) + 1) - SMOOTHED, 0)
    means = (sums[1:] - sums[first]) / (np.arange(1, len(loss) + 1) - first)
    axes.plot(steps, means, color="tab:blue", label=f"mean of the last {SMOOTHED}")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
