"""The folder of a training run, and what it says of the run.

OUT/recipe.yaml     the recipe, with all defaults and overrides
OUT/run.json        model, data (hash and counts), seed, processes, versions
OUT/metrics.jsonl   a line a step
OUT/loss.png        the loss, drawn at the end
OUT/times.json      of each stretch between start or resume and end: steps, seconds, peak memory
OUT/checkpoints/    to resume from; may be deleted once the run is finished
OUT/                the result: an adapter's files with genrec.json, or a model folder
"""

import json
import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genrec import __version__
from genrec.errors import GenRecError
from genrec.files import atomic_path, one_writer, require_only, write_text
from training.recipe import DpoRecipe, SftRecipe, dump_recipe

RECIPE, RUN, METRICS, LOSS, TIMES = "recipe.yaml", "run.json", "metrics.jsonl", "loss.png", "times.json"
CHECKPOINTS = "checkpoints"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
SMOOTHED = 20  # steps of the plot's running mean


def versions() -> dict[str, str]:
    """What a run's numbers may depend on."""
    return {"genrec": __version__, "python": platform.python_version()} | {name: version(name) for name in PACKAGES}


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Keep the run's folder to this run; of its processes, the first one holds it."""
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    with one_writer(out, folder=True):
        yield


def require_startable(out: Path, *, resume: bool) -> None:
    """Raise GenRecError if `out` holds a run and `resume` was not asked for, or anything else."""
    if (out / RUN).exists():
        if not resume:
            raise GenRecError(f"{out} holds a training run already: go on with --resume, or name another --out")
    else:
        require_only(out, {CHECKPOINTS})


def begin(out: Path, recipe: SftRecipe | DpoRecipe, facts: dict[str, Any]) -> None:
    """Write recipe.yaml and run.json, or check that those in `out` are of the same run; else raise GenRecError."""
    recipe_text = dump_recipe(recipe)
    run = {"seed": recipe.seed, **facts, "versions": versions()}
    if not (out / RUN).exists():
        write_text(out / RECIPE, recipe_text)
        write_text(out / RUN, json.dumps(run, indent=2, ensure_ascii=False) + "\n")
        return
    if (out / RECIPE).read_text(encoding="utf-8") != recipe_text:
        raise GenRecError(f"{out} holds a run of another recipe, see its {RECIPE}; name another --out")
    old = json.loads((out / RUN).read_text(encoding="utf-8"))
    differing = sorted(key for key in old.keys() | run.keys() if old.get(key) != run.get(key))
    if differing:
        raise GenRecError(f"{out} holds a run with other {', '.join(differing)}, see its {RUN}; name another --out")


def last_checkpoint(out: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None if there is none."""
    finished = [path.parent for path in (out / CHECKPOINTS).glob("checkpoint-*/trainer_state.json")]
    return max(finished, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def add_time(out: Path, *, first_step: int, last_step: int, seconds: float) -> None:
    """Add a stretch of training to times.json."""
    path = out / TIMES
    stretches = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    stretches.append(
        {"first_step": first_step, "last_step": last_step, "seconds": round(seconds, 2), "peak_mb": peak_memory_mb()}
    )
    write_text(path, json.dumps(stretches, indent=2) + "\n")


def peak_memory_mb() -> dict[str, int]:
    """The most memory that this process has used so far, in MB, and on the GPU if there is one."""
    import torch  # deferred: slow to import

    peak = {"cpu": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    return peak | ({"gpu": torch.cuda.max_memory_allocated() >> 20} if torch.cuda.is_available() else {})


def draw_loss(metrics: list[dict[str, Any]], path: Path) -> None:
    """Draw the loss of each step, and its mean over the last steps."""
    import numpy as np  # deferred: slow to import
    from matplotlib.figure import Figure

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
