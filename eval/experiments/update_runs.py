"""The trainings of the experiment on updates: each is a `genrec-train` command, whose seconds of computing are kept."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
ADAPTER = "adapter"
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


@dataclass(frozen=True)
class Learners:
    """What learns what came, and in which ways.

    Attributes:
        models: what is scored.
        arms: the ways.
        anew: the stages at whose end all is learned from scratch, too.
        recipe: of an adapter for `genrec-train sft`; None: rankers are trained.

    """

    models: tuple[str, ...] = MODELS
    arms: tuple[Arm, ...] = ARMS
    anew: tuple[int, ...] = tuple(range(1, STAGES + 1))
    recipe: Path | None = None

    @property
    def commands(self) -> int:
        """How many trainings a seed takes."""
        return 1 + len(self.anew) + sum(arm.stages for arm in self.arms)

    @property
    def modules(self) -> tuple[str, ...]:
        """What the commands load."""
        first = "training.cli.tuning" if self.recipe else "training.rankers.stages"
        return first, "training.updates.adapter" if self.recipe else "training.updates.update"

    def first(self, part: Path, out: Path, seed: int) -> list[str]:
        """The command of a training from nothing."""
        if self.recipe:
            settings = _set(f"data.checkins={part}", "data.train=all", f"seed={seed}")
            return ["sft", str(self.recipe), "--out", str(out), "--resume", *settings]
        settings = _set("train=all", f"networks=[{NETWORK}]", f"seed={seed}")
        return ["rankers", str(part), "--out", str(out), *settings]


RANKERS = Learners()


def adapter_of(recipe: Path) -> Learners:
    """An adapter of a language model, which takes a hundred times as long to train: in the ways that matter most."""
    arms = tuple(arm for arm in ARMS if arm.name in (REWARMED, CONSTANT, NO_REPLAY))
    return Learners((ADAPTER,), arms, (STAGES,), recipe)


# Runs the commands that it reads, a line each, in one process: loading torch takes longer than some of them.
WORKER = """
import contextlib, importlib, io, json, os, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever libraries print is no answer
from training.cli import main
for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    sys.argv = ["genrec-train", *json.loads(line)]
    said, start, code = io.StringIO(), time.process_time(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    answer = {"code": code, "seconds": time.process_time() - start, "said": said.getvalue()}
    print(json.dumps(answer), file=answers, flush=True)
"""


class Trainings:
    """The trainings of a seed in its folder; what was finished before is not trained again."""

    def __init__(self, learners: Learners, folder: Path, seed: int, done: Callable[[str], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._learners, self._folder, self._seed, self._done = learners, folder, seed, done
        self._worker: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker:
            self._worker.kill()
            self._worker.wait()

    def models(self, parts: Sequence[Path]) -> dict[tuple[str, int], Path]:
        """All models by arm and stage, 0 being the first training."""
        base = self._first(parts[0], "base")
        found = {(BEFORE, 0): base}
        for arm in self._learners.arms:
            run = self._copy_of(base, arm, parts[0])
            for stage in range(1, arm.stages + 1):
                update = ["update", str(run), "--checkins", str(parts[0 if arm.again else stage])]
                self._command(f"{arm.name} {stage}", [*update, *_set(*arm.settings, f"seed={self._seed}")])
                found[arm.name, stage] = version_folder(run, stage + 1)
        for stage in self._learners.anew:
            found[SCRATCH, stage] = self._first(parts[stage], f"scratch-{stage}")
        return found

    def _first(self, part: Path, name: str) -> Path:
        """A training from nothing."""
        self._command(name, self._learners.first(part, self._folder / name, self._seed))
        return self._folder / name

    def _copy_of(self, base: Path, arm: Arm, part: Path) -> Path:
        """What an arm starts from."""
        run = self._folder / re.sub(r"\W+", "-", arm.name)
        if not run.exists():
            half = self._folder / "half"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(base, half)
            if arm.again:
                _forget(half, part)
            half.rename(run)
        return run

    def _command(self, name: str, words: Sequence[str]) -> None:
        """Run a command of genrec-train; raises GenRecError if it fails."""
        if name not in costs(self._folder):
            answer = self._ask(words)
            if answer["code"]:
                raise GenRecError(f"genrec-train {words[0]} failed: {str(answer['said']).strip()[-300:]}")
            line = {"name": name, "seconds": round(answer["seconds"], 2)}
            jsonl.append(self._folder / COSTS, [json.dumps(line)])
        self._done(name)

    def _ask(self, words: Sequence[str]) -> dict[str, Any]:
        if self._worker is None:
            command = [sys.executable, "-c", WORKER, *self._learners.modules]
            pipe = subprocess.PIPE
            self._worker = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)  # noqa: S603 - our own program
        asked, heard = self._worker.stdin, self._worker.stdout
        if asked is None or heard is None:
            raise GenRecError("the worker of genrec-train has no pipes")
        asked.write(json.dumps(list(words)) + "\n")
        asked.flush()
        answer: dict[str, Any] = json.loads(heard.readline() or '{"code": 1, "said": "it was ended"}')
        return answer


def _set(*settings: str) -> list[str]:
    return [word for value in settings for word in ("--set", value)]


def costs(folder: Path) -> dict[str, float]:
    """Seconds of computing of each training of a seed."""
    return {str(line["name"]): float(line["seconds"]) for line in jsonl.read(folder / COSTS)}


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
