"""All results of a study, gathered from its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from training.budget.chain import StageName, stage_of
from training.budget.lattice import Lattice, lattice
from training.budget.plan import Rates, chosen_rate, lattice_chains, sweep_chains
from training.budget.report.answers import Scores
from training.budget.spec import Study

if TYPE_CHECKING:
    from training.budget.workshop import Workshop


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


def gather(workshop: "Workshop") -> Results:
    """What is there now, of the lattice and of all models that DPO starts from; without learning rates, no score."""
    study, task = workshop.study, workshop.material.task
    found = lattice(study)
    groups = tuple(one.group for one in task.questions.test)
    points = tuple(sorted({*found.points, *((sft, 0) for sft in (0, *found.sft_sizes))}))
    values = np.full((len(points), len(study.seeds), len(groups)), np.nan)
    sft = chosen_rate(workshop, "sft", 0.0)
    dpo = None if sft is None else chosen_rate(workshop, "dpo", sft)
    sweeps: list[Sweep] = []
    if sft is not None and dpo is not None:
        rows = {point: row for row, point in enumerate(points)}
        columns = {seed: column for column, seed in enumerate(study.seeds)}
        for chain in lattice_chains(found, Rates(sft, dpo)):
            for stop in chain.stops:
                result = workshop.result(chain, stop)
                if result:
                    values[rows[chain.point(stop)], columns[chain.seed]] = result.scores
        sweeps = [*_sweep(workshop, "sft", sft, sft), *_sweep(workshop, "dpo", sft, dpo)]
    scores = Scores(points, study.seeds, groups, values)
    return Results(study, found, scores, sweeps, len(task.questions.train) if task.shared else None)


def _sweep(workshop: "Workshop", stage: StageName, sft: float, chosen: float) -> list[Sweep]:
    """What the sweep of a stage found; nothing if there was no choice."""
    if len(stage_of(workshop.study, stage).learning_rates) == 1:
        return []
    means = {}
    for chain in sweep_chains(workshop.study, stage, sft):
        result = workshop.result(chain, chain.size)
        if result:
            means[chain.rate] = result.mean
    return [Sweep(stage, means, chosen)]
