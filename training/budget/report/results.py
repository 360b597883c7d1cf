"""All results of a study, gathered from its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.budget.chain import StageName, stage_of
from training.budget.folder import StudyFolder
from training.budget.lattice import Lattice, lattice
from training.budget.plan import Rates, chosen_rate, lattice_chains, sweep_chains
from training.budget.report.answers import Scores
from training.budget.spec import Study


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
    """A study and what is known of it; `pool`: examples that both stages share, None if they have files apart."""

    study: Study
    lattice: Lattice
    scores: Scores
    sweeps: Sequence[Sweep]
    pool: int | None


def gather(folder: StudyFolder) -> Results:
    """What is there now, of the lattice and of all models that DPO starts from; without learning rates, no score."""
    study, task = folder.study, folder.material.task
    found = lattice(study)
    groups = tuple(one.group for one in task.questions.test)
    points = tuple(sorted({*found.points, *((sft, 0) for sft in (0, *found.sft_sizes))}))
    values = np.full((len(points), len(study.seeds), len(groups)), np.nan)
    sft = chosen_rate(folder, "sft", 0.0)
    dpo = None if sft is None else chosen_rate(folder, "dpo", sft)
    sweeps: list[Sweep] = []
    if sft is not None and dpo is not None:
        rows = {point: row for row, point in enumerate(points)}
        columns = {seed: column for column, seed in enumerate(study.seeds)}
        for chain in lattice_chains(found, Rates(sft, dpo)):
            for stop in chain.stops:
                result = folder.result(chain, stop)
                if result:
                    values[rows[chain.point(stop)], columns[chain.seed]] = result.scores
        sweeps = [*_sweep(folder, "sft", sft, sft), *_sweep(folder, "dpo", sft, dpo)]
    scores = Scores(points, study.seeds, groups, values)
    return Results(study, found, scores, sweeps, len(task.questions.train) if task.shared else None)


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
