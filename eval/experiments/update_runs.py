"""The trainings of the experiment on updates: each is a `genrec-train` command, whose seconds of computing are kept."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from eval.experiments.update_stages import STAGES
from genrec import jsonl
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.prepared import load
from genrec.rankers.fusion_file import NAME
from genrec.versions import version_folder

NETWORK = "m2trec"
MODELS = (NETWORK, NAME)
COSTS = "costs.jsonl"
BEFORE, SCRATCH = "no update", "from scratch"
REWARMED, CONSTANT = "re-warmed", "constant"
NO_REPLAY = "re-warmed, no replay"
AGAIN = ("re-warmed on the same", "constant on the same")
WARM_UPS = {0.0: "warm-up 0", 0.005: "warm-up .5%", 0.02: "warm-up 2%"}  # beside the usual 1%


@dataclass(frozen=True)
class Arm:
    """A way to learn what came.

    Attributes:
        name: of it.
        settings: of `genrec-train update`.
        stages: how many updates are made.
        again: whether what is learned is the second half of what was learned first, once more.

    """

    name: str
    settings: tuple[str, ...]
    stages: int = STAGES
    again: bool = False


ARMS = (
    Arm(REWARMED, ()),
    Arm(CONSTANT, ("schedule=constant",)),
    Arm(NO_REPLAY, ("replay=0",)),
    *(Arm(name, (f"warm_up={share}",), stages=1) for share, name in WARM_UPS.items()),
    Arm(AGAIN[0], ("replay=0",), stages=1, again=True),
    Arm(AGAIN[1], ("replay=0", "schedule=constant"), stages=1, again=True),
)
COMMANDS = 1 + STAGES + sum(arm.stages for arm in ARMS)


def trained(parts: Sequence[Path], folder: Path, seed: int, done: Callable[[str], None]) -> dict[tuple[str, int], Path]:
    """All models of a seed by arm and stage, 0 being the first training; what is there already is not trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    base = _first(parts[0], folder / "base", seed, done)
    models = {(BEFORE, 0): base}
    for arm in ARMS:
        run = folder / arm.name.replace(" ", "-").replace(",", "").replace("%", "")
        if not run.exists():
            half = folder / "half"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(base, half, symlinks=True)
            if arm.again:
                _forget(half, parts[0])
            half.rename(run)
        for stage in range(1, arm.stages + 1):
            update = ["update", str(run), "--checkins", str(parts[0 if arm.again else stage])]
            settings = [word for value in (*arm.settings, f"seed={seed}") for word in ("--set", value)]
            _command(folder, f"{arm.name} {stage}", [*update, *settings], done)
            models[arm.name, stage] = version_folder(run, stage + 1)
    for stage in range(1, STAGES + 1):
        models[SCRATCH, stage] = _first(parts[stage], folder / f"scratch-{stage}", seed, done)
    return models


def costs(folder: Path) -> dict[str, float]:
    """Seconds of computing of each training of a seed."""
    return {str(line["name"]): float(line["seconds"]) for line in jsonl.read(folder / COSTS)}


def _first(part: Path, run: Path, seed: int, done: Callable[[str], None]) -> Path:
    """A training from nothing."""
    settings = ["train=all", f"networks=[{NETWORK}]", f"seed={seed}"]
    words = [word for value in settings for word in ("--set", value)]
    _command(run.parent, run.name, ["rankers", str(part), "--out", str(run), *words], done)
    return run


def _command(folder: Path, name: str, words: Sequence[str], done: Callable[[str], None]) -> None:
    """Run a command of genrec-train, unless it was run before; raises GenRecError if it fails."""
    if name in costs(folder):
        done(name)
        return
    command = [sys.executable, "-c", "from training.cli import main; main()", *words]
    before = os.times()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    after = os.times()
    if ended.returncode:
        raise GenRecError(f"genrec-train {words[0]} failed: {ended.stderr.strip().splitlines()[-1:]}")
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    jsonl.append(folder / COSTS, [json.dumps({"name": name, "seconds": round(seconds, 2)})])
    done(name)


def _forget(run: Path, part: Path) -> None:
    """Let rankers say that they have seen only the first half of what they have learned, so that it comes once more."""
    frame, pois, source, notes, dates_only = load(part)
    rows = len(frame) // 2
    half = Checkins(frame[:rows], pois, source, notes, dates_only)
    last: Any = half.frame.select(pl.col("time").max()).item()
    for name in MODELS:
        path = run / f"{name}.json"
        said = json.loads(path.read_text())
        said["trained_on"] |= {"fingerprint": fingerprint(half), "rows": rows, "last": last.isoformat()}
        path.write_text(json.dumps(said))
