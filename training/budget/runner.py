"""Executes a study: the sweep of learning rates, then the lattice's runs, side by side if asked."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from genrec.errors import GenRecError
from training.budget.chain import Chain, StageName, stage_of
from training.budget.lattice import Lattice, lattice
from training.budget.material import prepare
from training.budget.spec import Study
from training.budget.store import Result
from training.budget.time_left import duration, seconds_left
from training.budget.workshop import Workshop

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rates:
    """The learning rate of each stage."""

    sft: float
    dpo: float


def sweep_chains(study: Study, stage: StageName, sft_rate: float) -> list[Chain]:
    """One short run for each learning rate of a stage, scored on the validation questions."""
    recipe = stage_of(study, stage)
    seed, size = study.seeds[0], _in_batches(study.sweep_examples, recipe.batch)
    start = _in_batches(study.sweep_examples, study.sft.batch) if stage == "dpo" else 0
    start_rate = sft_rate if stage == "dpo" else 0.0
    return [Chain(stage, seed, rate, (size,), "validation", start, start_rate) for rate in recipe.learning_rates]


def lattice_chains(found: Lattice, rates: Rates) -> list[Chain]:
    """All runs of the lattice: seed by seed, so that the first gives a coarse answer; within it, coarse to fine."""
    chains = []
    for seed in found.seeds:
        sft = (0, *found.sft_sizes)
        chains.append(Chain("sft", seed, rates.sft, sft))
        for start, sizes in found.pair_sizes.items():
            chains.append(Chain("dpo", seed, rates.dpo, sizes, "test", start, rates.sft if start else 0.0))
    return chains


def _in_batches(count: int, batch: int) -> int:
    return batch * max(1, count // batch)


def run_study(study: Study, out: Path, *, jobs: int, say: Say) -> Rates:
    """Run what is not done yet, and return the learning rates that the sweeps chose.

    Raises GenRecError if the data do not suffice, or this machine cannot do it.
    """
    material = prepare(study, out)
    workshop = Workshop(study, out, material)
    found = lattice(study)
    require_enough(found, len(material.task.questions.train), material.task.pair_pool)
    runner = _Runner(workshop, jobs, say)
    sft = runner.sweep("sft", 0.0)
    rates = Rates(sft, runner.sweep("dpo", sft))
    chains = lattice_chains(found, rates)
    say(f"{sum(len(workshop.missing(chain)) for chain in chains):,} results to go")
    runner.run(chains)
    return rates


def require_enough(found: Lattice, demonstrations: int, pairs: int) -> None:
    """Raise GenRecError if the largest run needs more examples than there are."""
    for what, needed, there in (
        ("demonstrations", found.most_sft, demonstrations),
        ("pairs", found.most_pairs, pairs),
    ):
        if needed > there:
            raise GenRecError(
                f"the study needs {needed:,} {what}, but the data have {there:,} examples for them: lower budgets"
                + (", or raise the smallest of price_ratios" if what == "pairs" else "")
            )


def chosen_rate(workshop: Workshop, stage: StageName, sft_rate: float) -> float | None:
    """The best learning rate of a stage on the validation questions; None if the sweep is not finished.

    Of equally good ones, the lowest.
    """
    recipe = stage_of(workshop.study, stage)
    if len(recipe.learning_rates) == 1:
        return recipe.learning_rates[0]
    means = {}
    for chain in sweep_chains(workshop.study, stage, sft_rate):
        result = workshop.result(chain, chain.size)
        if result is None:
            return None
        means[chain.rate] = sum(result.scores) / len(result.scores)
    return max(sorted(means), key=lambda rate: means[rate])


class _Runner:
    """Runs chains, `jobs` at a time."""

    def __init__(self, workshop: Workshop, jobs: int, say: Say) -> None:
        self._workshop, self._jobs, self._say = workshop, jobs, say

    def sweep(self, stage: StageName, sft_rate: float) -> float:
        """The learning rate of a stage."""
        study = self._workshop.study
        if len(stage_of(study, stage).learning_rates) > 1:
            chains = sweep_chains(study, stage, sft_rate)
            before = chains[0].before()
            self.run([*([before] if before else []), *chains])
        rate = chosen_rate(self._workshop, stage, sft_rate)
        assert rate is not None  # noqa: S101 - all of the sweep's runs are done
        return rate

    def run(self, chains: Sequence[Chain]) -> None:
        """Run what is missing; a DPO run starts when the SFT run that it goes on from is done."""
        pending = [chain for chain in chains if self._workshop.missing(chain)]
        if self._jobs == 1:
            for chain in pending:
                self._workshop.run(chain, lambda chain, stop, result: self._tell(chains, chain, stop, result))
            return
        threads = max(1, (os.cpu_count() or 1) // self._jobs)
        running: dict[Future[list[tuple[int, Result]]], Chain] = {}
        with ProcessPoolExecutor(self._jobs, get_context("spawn"), _use_threads, (threads,)) as pool:
            while pending or running:
                for chain in list(_ready(pending, [*pending, *running.values()]))[: self._jobs - len(running)]:
                    pending.remove(chain)
                    running[pool.submit(_run_one, self._workshop.study, self._workshop.out, chain)] = chain
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    chain = running.pop(future)
                    for stop, result in future.result():
                        self._tell(chains, chain, stop, result)

    def _tell(self, chains: Sequence[Chain], chain: Chain, stop: int, result: Result) -> None:
        """Say what a result is, and how long the rest may take."""
        sft, pairs = chain.point(stop)
        mean = sum(result.scores) / len(result.scores)
        what = f"sweep, rate {chain.rate:g}" if chain.part == "validation" else f"seed {chain.seed}"
        left = seconds_left(self._workshop, chains)
        time = "" if left is None else f"; about {duration(left / self._jobs)} left"
        self._say(f"{what}: {sft:,} demonstrations, {pairs:,} pairs: {mean:.3f}{time}")


def _ready(pending: Sequence[Chain], unfinished: Sequence[Chain]) -> Iterator[Chain]:
    """Chains whose SFT is not among those to be finished first."""
    training = {(chain.seed, chain.rate) for chain in unfinished if chain.stage == "sft"}
    return (
        chain for chain in pending if chain.stage == "sft" or not chain.start
        or (chain.seed, chain.start_rate) not in training
    )  # fmt: skip


def _use_threads(count: int) -> None:
    import torch  # deferred: slow to import

    torch.set_num_threads(count)


@cache
def _opened(study_json: str, out: Path) -> Workshop:
    study = Study.model_validate_json(study_json)
    return Workshop(study, out, prepare(study, out))


def _run_one(study: Study, out: Path, chain: Chain) -> list[tuple[int, Result]]:
    """In a process of its own."""
    news: list[tuple[int, Result]] = []
    _opened(study.model_dump_json(), out).run(chain, lambda _, stop, result: news.append((stop, result)))
    return news
