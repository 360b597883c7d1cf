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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import RootModel

from genrec import __version__
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only, write_text
from genrec.validation import read_json
from training.recipe import Recipe, dump_recipe, load_recipe

RECIPE, RUN, METRICS, LOSS, TIMES = "recipe.yaml", "run.json", "metrics.jsonl", "loss.png", "times.json"
CHECKPOINTS = "checkpoints"
# How a run's examples are spread over devices: it may go on in another layout, with as many examples a step.
LAYOUT = ("per_device_train_batch_size", "gradient_accumulation_steps", "fsdp_config")
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


class _Facts(RootModel[dict[str, Any]]):
    """What run.json says."""


def versions() -> dict[str, str]:
    """What a run's numbers may depend on."""
    return {"genrec": __version__, "python": platform.python_version()} | _of_packages()


@cache
def _of_packages() -> dict[str, str]:
    """Read once: a study asks at every stop of every run."""
    return {name: version(name) for name in PACKAGES}


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


def begin(out: Path, recipe: Recipe, facts: dict[str, Any]) -> None:
    """Write recipe.yaml and run.json, or check that those in `out` are of the same run; else raise GenRecError."""
    run = {"seed": recipe.seed, **facts, "versions": versions()}
    if not (out / RUN).exists():
        write_text(out / RECIPE, dump_recipe(recipe))
        write_text(out / RUN, json.dumps(run, indent=2, ensure_ascii=False) + "\n")
        return
    begun = load_recipe(out / RECIPE)
    if not isinstance(begun, Recipe) or _without_layout(begun) != _without_layout(recipe):
        raise GenRecError(f"{out} holds a run of another recipe, see its {RECIPE}; name another --out")
    old = read_json(out / RUN, _Facts, "an account of a run").root
    before, now = examples_a_step(begun, old.get("processes", 1)), examples_a_step(recipe, run.get("processes", 1))
    if before != now:
        raise GenRecError(
            f"{out} holds a run with {before} examples a step, and these would be {now}: processes x "
            "trainer.per_device_train_batch_size x trainer.gradient_accumulation_steps"
        )
    differing = sorted(key for key in (old.keys() | run.keys()) - {"processes"} if old.get(key) != run.get(key))
    if differing:
        raise GenRecError(f"{out} holds a run with other {', '.join(differing)}, see its {RUN}; name another --out")


def _without_layout(recipe: Recipe) -> dict[str, Any]:
    trainer = {key: value for key, value in recipe.trainer.items() if key not in LAYOUT}
    return recipe.model_copy(update={"trainer": trainer}).model_dump(mode="json")


def examples_a_step(recipe: Recipe, processes: int) -> int:
    """How many examples all processes learn from before the weights move."""
    batch = recipe.trainer.get("per_device_train_batch_size", 8)  # transformers' own defaults
    return int(processes * batch * recipe.trainer.get("gradient_accumulation_steps", 1))


def last_checkpoint(out: Path) -> Path | None:
    """The latest checkpoint that was written to its end; None if there is none."""
    finished = [path.parent for path in (out / CHECKPOINTS).glob("checkpoint-*/trainer_state.json")]
    return max(finished, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
