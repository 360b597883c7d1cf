"""One training run, from its first step or last checkpoint to the drawn loss: what SFT and DPO have in common."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrec import jsonl
from genrec.llm.quiet import quiet_transformers
from training import record
from training.recipe import DpoRecipe, SftRecipe
from training.trainers.labelled_loss import labelled_loss

if TYPE_CHECKING:
    from transformers import Trainer

Progress = Callable[[int, int], None]  # (done, in all)


def nothing(done: int, total: int) -> None:
    """Show no progress."""


def run_stage(
    trainer: "Trainer",
    recipe: SftRecipe | DpoRecipe,
    facts: dict[str, Any],
    out: Path,
    *,
    resume: bool,
    progress: Progress,
) -> bool:
    """Train, and keep recipe, facts, metrics, times and loss in `out`; returns whether this process saves the result.

    Raises GenRecError if `out` holds another run, or the run would train nothing or diverges.
    """
    from training.trainers.callbacks import Bar, MetricsFile, WeightsMove, trainable_parameters

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
    first_step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    start = time.perf_counter()
    with labelled_loss(), quiet_transformers():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.perf_counter() - start
    if main:
        record.add_time(out, first_step=first_step, last_step=trainer.state.global_step, seconds=seconds)
        record.draw_loss(jsonl.read(out / record.METRICS), out / record.LOSS)
    return main
