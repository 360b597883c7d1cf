"""Executes a study: the sweep of learning rates, then the lattice's runs, side by side if asked."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import torch

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


def run_study(folder: StudyFolder, *, jobs: int, say: Say) -> Rates:
    """Run what is not done yet, and return the learning rates that the sweeps chose.

    Raises GenRecError if the data do not suffice, or this machine cannot do it.
    """
    require_feasible(folder)
    runner = _Runner(folder, jobs, say)
    sft = runner.sweep("sft", 0.0)
    judged = {stage: runner.sweep(stage, sft) for stage in folder.study.by_preference}
    rates = Rates(sft, judged["dpo"], judged.get("kto"))
    runner.run(lattice_chains(lattice(folder.study), rates))
    return rates


class _Runner:
    """Runs chains, `jobs` at a time."""

    def __init__(self, folder: StudyFolder, jobs: int, say: Say) -> None:
        self._folder, self._jobs, self._say = folder, jobs, say

    def sweep(self, stage: StageName, sft_rate: float) -> float:
        """The learning rate of a stage."""
        self.run(sweep_runs(self._folder.study, stage, sft_rate))
        rate = chosen_rate(self._folder, stage, sft_rate)
        assert rate is not None  # noqa: S101 - all of the sweep's runs are done
        return rate

    def run(self, chains: Sequence[Chain]) -> None:
        """Run what is missing; a run of another stage starts when the SFT run that it goes on from is done."""
        pending = [chain for chain in chains if self._folder.missing(chain)]
        if self._jobs == 1:
            for chain in pending:
                execute(self._folder, chain, lambda chain, stop, result: self._tell(chains, chain, stop, result))
            return
        threads = max(1, (os.cpu_count() or 1) // self._jobs)
        # Larger blocks go back to the system when freed; glibc else keeps many: 2.5 GB of a small model's run, not 1.7.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(4 << 20))
        running: dict[Future[list[tuple[int, Result]]], Chain] = {}
        with ProcessPoolExecutor(self._jobs, get_context("spawn"), _begin_process, (threads,)) as pool:
            while pending or running:
                for chain in list(_ready(pending, [*pending, *running.values()]))[: self._jobs - len(running)]:
                    pending.remove(chain)
                    running[pool.submit(_run_one, self._folder.study, self._folder.out, chain)] = chain
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    chain = running.pop(future)
                    for stop, result in future.result():
                        self._tell(chains, chain, stop, result)

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
        time = "" if left is None else f"; about {duration(left / self._jobs)} left"
        bought = "judgements" if chain.stage == "kto" else "pairs"
        self._say(f"{what}: {sft:,} demonstrations, {pairs:,} {bought}: {score}{time}")


def _ready(pending: Sequence[Chain], unfinished: Sequence[Chain]) -> Iterator[Chain]:
    """Chains whose SFT is not among those to be finished first."""
    training = {(chain.seed, chain.rate) for chain in unfinished if chain.stage == "sft"}
    return (
        chain for chain in pending if chain.stage == "sft" or not chain.start
        or (chain.seed, chain.start_rate) not in training
    )  # fmt: skip


def _begin_process(threads: int) -> None:
    torch.set_num_threads(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's processes would wait for work for ever, and keep their memory, if the command was killed."""
    parent = parent_process()
    assert parent  # noqa: S101 - narrows the type
    parent.join()
    os._exit(1)


@cache
def _opened(study_json: str, out: Path) -> StudyFolder:
    study = Study.model_validate_json(study_json)
    return StudyFolder(study, out, prepare(study, out))


def _run_one(study: Study, out: Path, chain: Chain) -> list[tuple[int, Result]]:
    """In a process of its own."""
    news: list[tuple[int, Result]] = []
    execute(_opened(study.model_dump_json(), out), chain, lambda _, stop, result: news.append((stop, result)))
    return news
