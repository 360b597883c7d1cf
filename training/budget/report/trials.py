"""What a study tried before and beside its answers: learning rates, and whether a pilot would have done."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.report.charts import Estimate
from eval.report.sections import Figure, Section
from eval.report.tables import Cell, Table, share
from training.budget.report import charts
from training.budget.report.results import Sweep
from training.budget.spec import Study

METRICS = {"acc@1": "Acc@1", "mrr": "MRR@20", "exact": "exact match", "portrait": "portrait score"}


@dataclass(frozen=True)
class PilotTest:
    """How often a pilot's advice fell among the splits that nothing tells apart from the best; `budgets` it was for.

    `lost`: how far the advised splits' scores are below the best ones', on average.
    """

    ratio: float
    budgets: tuple[float, ...]
    hits: int
    trials: int
    lost: float


def metric_name(study: Study) -> str:
    """What is scored, in the report's words."""
    return METRICS.get(study.task.metric, study.task.metric)


def sweeps_section(study: Study, sweeps: Sequence[Sweep]) -> Section:
    """Each stage's scores by learning rate."""
    rows = [
        (
            f"{sweep.stage.upper()}, {rate:g}",
            [Cell(share(mean) if mean is not None else "diverged", strong=rate == sweep.chosen)],
        )
        for sweep in sweeps
        for rate, mean in sweep.means.items()
    ]
    figures = []
    for sweep in sweeps:
        points = [Estimate(mean, mean, mean) if mean is not None else None for mean in sweep.means.values()]
        names = ("learning rate", f"{metric_name(study)}, validation")
        stage = sweep.stage.upper()
        chart = charts.curves(f"rates-{sweep.stage}", list(sweep.means), {stage: points}, names)
        figures.append(Figure(f"Sweep of {stage}", chart, f"charts/rates-{sweep.stage}.svg"))
    return Section(
        "rates",
        "Learning rates",
        f"Each stage's rate was chosen on the validation examples, with {study.sweep_examples:,} examples and "
        "the first seed; DPO (and KTO) go on from the model of SFT's rate, so what pairs add to it is seen here, too.",
        [Table("Scores on the validation examples", ["score"], rows)],
        figures,
    )


def pilots_section(pilots: Sequence[PilotTest]) -> Section:
    """How often their advice hit, and what following it would have lost."""
    rows = []
    for pilot in pilots:
        if pilot.trials:
            budgets = ", ".join(f"{budget:,g}" for budget in pilot.budgets)
            rows.append(
                (
                    f"ratio {pilot.ratio:g}",
                    [Cell(budgets), Cell(f"{pilot.hits} of {pilot.trials}"), Cell(share(pilot.lost))],
                )
            )
    return Section(
        "pilots",
        "Would a pilot have done?",
        "Advice from those results alone whose annotations cost at most a tenth of the budget, one trial a budget and "
        "seed. It hits if the measured split nearest to it is the best one or not told apart from that. Lost is how "
        "far that split's score is below the best one's, on average.",
        [Table("Hits of a pilot's advice", ["budgets", "hits", "lost"], rows)],
    )
