"""All results of a study, gathered from its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.budget.chain import Chain, stage_of
from training.budget.folder import StudyFolder
from training.budget.lattice import Lattice, lattice
from training.budget.plan import Rates, chosen_rate, lattice_chains, sweep_chains
from training.budget.report.answers import Scores
from training.budget.spec import StageName, Study
from training.budget.tasks.task import Scored


@dataclass(frozen=True)
class Sweep:
    """Mean scores on the validation questions by learning rate (None: diverged), and which was chosen."""

    stage: str
    means: dict[float, float | None]
    chosen: float

    @property
    def edge(self) -> Literal["lowest", "highest"] | None:
        """Where the chosen one stands if it is the last on one side, so that a better one may lie beyond it."""
        if self.chosen == min(self.means):
            return "lowest"
        return "highest" if self.chosen == max(self.means) else None


@dataclass(frozen=True, eq=False)
class Results:
    """A study and what is known of it.

    Attributes:
        scores: of SFT and DPO.
        pool: examples that all stages share, None if they have files apart.
        kto: scores with KTO instead of DPO, at the same points, if the study has that.
        beside: as `scores`, of the figure that the task has beside its metric.
        template: what the test's examples score without any language model, if something answers them.

    """

    study: Study
    lattice: Lattice
    scores: Scores
    sweeps: Sequence[Sweep]
    pool: int | None
    kto: Scores | None = None
    beside: Scores | None = None
    template: Scored | None = None


def gather(folder: StudyFolder) -> Results:
    """What is there now, of the lattice and of all models that pairs start from; without learning rates, no score."""
    study, task = folder.study, folder.material.task
    found = lattice(study)
    sft = chosen_rate(folder, "sft", 0.0)
    judged = {stage: None if sft is None else chosen_rate(folder, stage, sft) for stage in study.by_preference}
    chains: list[Chain] = []
    sweeps: list[Sweep] = []
    if sft is not None and judged["dpo"] is not None:
        chains = lattice_chains(found, Rates(sft, judged["dpo"], judged.get("kto")))
        chosen: dict[StageName, float | None] = {"sft": sft, **judged}
        sweeps = [sweep for stage, rate in chosen.items() if rate for sweep in _sweep(folder, stage, sft, rate)]
    by_dpo = [chain for chain in chains if chain.stage != "kto"]
    by_kto = [chain for chain in chains if chain.stage != "dpo"]
    scores, beside = _scores(folder, found, by_dpo), _scores(folder, found, by_dpo, beside=True)
    return Results(
        study,
        found,
        scores,
        sweeps,
        len(task.questions.train) if task.shared else None,
        kto=_scores(folder, found, by_kto) if study.kto else None,
        beside=beside if np.isfinite(beside.values).any() else None,
        template=task.template(),
    )


def _scores(folder: StudyFolder, found: Lattice, chains: Sequence[Chain], *, beside: bool = False) -> Scores:
    """What some runs have scored, or the figures beside that, in a table with all points."""
    seeds = folder.study.seeds
    groups = tuple(one.group for one in folder.material.task.questions.test)
    points = tuple(sorted({*found.points, *((sft, 0) for sft in (0, *found.sft_sizes))}))
    values = np.full((len(points), len(seeds), len(groups)), np.nan)
    for chain in chains:
        for stop in chain.stops:
            result = folder.result(chain, stop)
            if result and (told := result.beside if beside else result.scores):
                values[points.index(chain.point(stop)), seeds.index(chain.seed)] = told
    return Scores(points, seeds, groups, values)


def _sweep(folder: StudyFolder, stage: StageName, sft: float, chosen: float) -> list[Sweep]:
    """What the sweep of a stage found; nothing if there was no choice."""
    if len(stage_of(folder.study, stage).learning_rates) == 1:
        return []
    means = {}
    for chain in sweep_chains(folder.study, stage, sft):
        result = folder.result(chain, chain.size)
        if result:
            means[chain.rate] = result.mean
    return [Sweep(stage, means, chosen)]
