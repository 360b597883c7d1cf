"""Executes a study: the sweep of learning rates, then the lattice's runs, here or shared among workers.

A run is a chunk of the one map of `genrec.jobs`. What it comes to lies in the study's folder, so its lines only tell.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from genrec.jobs.job import HERE, Placing, home_of, results
from genrec.jobs.parts import Item
from genrec.jobs.worker import Work
from training.budget.chain import Chain, Result
from training.budget.execution import execute
from training.budget.folder import StudyFolder
from training.budget.lattice import lattice
from training.budget.plan import (
    Rates,
    all_chains,
    chosen_rate,
    duration,
    lattice_chains,
    require_feasible,
    seconds_left,
    sweep_runs,
)
from training.budget.spec import StageName, Study
from training.budget.tasks.material import prepare

Say = Callable[[str], None]
Tell = Callable[[Chain, int, Result], None]

_CHAIN, _RESULT = TypeAdapter(Chain), TypeAdapter(tuple[int, Result])


def run_study(folder: StudyFolder, *, say: Say, placing: Placing = HERE) -> Rates:
    """Run what is not done yet, and return the learning rates that the sweeps chose.

    Raises GenRecError if the data do not suffice, or this machine cannot do it.
    """
    require_feasible(folder)
    runner = _Runner(folder, placing, say)
    sft = runner.sweep("sft", 0.0)
    judged = {stage: runner.sweep(stage, sft) for stage in folder.study.by_preference}
    rates = Rates(sft, judged["dpo"], judged.get("kto"))
    runner.run(lattice_chains(lattice(folder.study), rates))
    return rates


class _Runner:
    """Runs chains where it is told to."""

    def __init__(self, folder: StudyFolder, placing: Placing, say: Say) -> None:
        self._folder, self._placing, self._say = folder, placing, say

    def sweep(self, stage: StageName, sft_rate: float) -> float:
        """The learning rate of a stage."""
        self.run(sweep_runs(self._folder.study, stage, sft_rate))
        rate = chosen_rate(self._folder, stage, sft_rate)
        assert rate is not None  # noqa: S101 - all of the sweep's runs are done
        return rate

    def run(self, chains: Sequence[Chain]) -> None:
        """Run what is missing: SFT first, since runs of another stage wait for the SFT run that they go on from."""
        pending = sorted((chain for chain in chains if self._folder.missing(chain)), key=lambda one: one.stage != "sft")
        tell = partial(self._tell, chains)
        # Larger blocks go back to the system when freed; glibc else keeps many: 2.5 GB of a small model's run, not 1.7.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 << 20))
        study, out = self._folder.study, self._folder.out
        opened = partial(_opened, study.model_dump_json(), out.absolute())
        elsewhere = self._placing.elsewhere(opened, None, {"study": study.model_dump(mode="json")})
        chunks = [[json.dumps(asdict(chain))] for chain in pending]
        for number, done in results(chunks, lambda: partial(_run, self._folder, tell), home_of(out), elsewhere):
            for line in done.lines if elsewhere else ():
                tell(pending[number], *_RESULT.validate_json(line))

    def _tell(self, chains: Sequence[Chain], chain: Chain, stop: int, result: Result) -> None:
        """Say what a result is, and how long the rest may take."""
        sft, pairs = chain.point(stop)
        score = "diverged" if result.mean is None else f"{result.mean:.3f}"
        sweeping = chains[-1].part == "validation"
        if chain.part == "validation":
            what = f"sweep, rate {chain.rate:g}, on validation"
        else:
            what = f"seed {chain.seed}{', for a sweep to start from' if sweeping else ''}"
        left = seconds_left(self._folder, [*chains, *all_chains(self._folder)] if sweeping else chains)
        time = "" if left is None else f"; about {duration(left / (self._placing.workers or 1))} left"
        bought = "judgements" if chain.stage == "kto" else "pairs"
        self._say(f"{what}: {sft:,} demonstrations, {pairs:,} {bought}: {score}{time}")


def _opened(study_json: str, out: Path, _: None) -> Work:
    """The runs of a study, opened in a worker."""
    study = Study.model_validate_json(study_json)
    return partial(_run, StudyFolder(study, out, prepare(study, out)), None)


def _run(folder: StudyFolder, tell: Tell | None, chunk: Sequence[Item]) -> list[str]:
    """Do runs, and first what they go on from; `tell` hears of each result, the lines say it afterwards."""
    lines: list[str] = []

    def report(chain: Chain, stop: int, result: Result) -> None:
        lines.append(json.dumps([stop, asdict(result)]))
        if tell:
            tell(chain, stop, result)

    for item in chunk:
        chain = _CHAIN.validate_json(str(item))
        before = chain.before()
        if before and folder.missing(before):  # another worker is at it, or has been killed
            execute(folder, before, lambda *_: None)
        execute(folder, chain, report)
    return lines
