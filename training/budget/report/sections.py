"""The parts of a study's report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eval.report.charts import Estimate, differences
from eval.report.sections import Figure, Section
from eval.report.tables import NONE, Cell, Table, share, signed
from training.budget.report import charts
from training.budget.report.advice import Advice
from training.budget.report.answers import Answer, Split
from training.budget.report.checks import Check
from training.budget.report.judgements import Judgements, judgements_section
from training.budget.report.prices import Stretch, prices_section
from training.budget.report.results import Sweep
from training.budget.report.trials import PilotTest, metric_name, pilots_section, sweeps_section
from training.budget.spec import Study


@dataclass(frozen=True)
class Found:
    """All that a report tells of a study."""

    study: Study
    answers: Sequence[Answer]
    advice: Sequence[Advice]
    checks: Sequence[Check]  # of the paper's findings
    checks_ratio: float
    sweeps: Sequence[Sweep]
    pilots: Sequence[PilotTest]
    alone: Sequence[tuple[int, Estimate]]  # scores after n_s demonstrations, 0 and up, before any pair
    template: float | None = None  # what the test's examples score without any language model
    prices: Sequence[Stretch] = ()
    judgements: Judgements | None = None
    beside: Section | None = None

    @property
    def levels(self) -> dict[str, float]:
        """What splits are to be held against."""
        found = {"untrained model": self.alone[0][1].value} if self.alone and not self.alone[0][0] else {}
        return found if self.template is None else found | {"template": self.template}


def sections(found: Found) -> Iterator[Section]:
    """All parts that have something to say."""
    yield _curves(found)
    yield _winners(found)
    if found.alone:
        yield _alone(found)
    if found.beside:
        yield found.beside
    if found.advice:
        yield _advice(found)
    if found.prices:
        yield prices_section(found.study, found.prices)
    if found.judgements:
        yield judgements_section(found.judgements)
    yield _findings(found)
    if found.sweeps:
        yield sweeps_section(found.study, found.sweeps)
    if any(pilot.trials for pilot in found.pilots):
        yield pilots_section(found.pilots)


def by_ratio(found: Found) -> dict[float, list[Answer]]:
    """The answers of each price ratio."""
    ratios: dict[float, list[Answer]] = {}
    for answer in found.answers:
        ratios.setdefault(answer.ratio, []).append(answer)
    return ratios


def _curves(found: Found) -> Section:
    figures, label = [], f"budget, {found.study.currency}"
    shares = sorted(found.study.shares, reverse=True)
    for number, (ratio, answers) in enumerate(by_ratio(found).items()):
        splits = {(answer.budget, one.share): one for answer in answers for one in answer.splits}
        budgets = [answer.budget for answer in answers]
        lines: dict[str, list[Estimate | None]] = {}
        for value in shares:
            of_share = [splits.get((budget, value)) for budget in budgets]
            if any(of_share):
                lines[f"share {value:g}"] = [
                    Estimate(one.value, one.low, one.high) if one else None for one in of_share
                ]
        table = [[one.value if (one := splits.get((b, s))) else None for b in budgets] for s in shares]
        title = f"Price ratio {ratio:g}"
        names = (label, metric_name(found.study))
        curves = charts.curves(f"curves{number}", budgets, lines, names, levels=found.levels)
        heat_map = charts.heat_map(f"heat{number}", budgets, shares, table, label)
        figures.append(Figure(title, curves, f"charts/curves-{ratio:g}.svg"))
        figures.append(Figure(f"{title}: by share", heat_map, f"charts/heat-map-{ratio:g}.svg"))
    return Section(
        "curves",
        "Scores by budget and share",
        "The share is that of the budget which is spent on demonstrations (SFT); pairs (DPO) get the rest. The price "
        "ratio is what a pair costs, in demonstrations. Share 0 is "
        "DPO from the base model. Both numbers are whole batches, at least one where the share is neither 1 nor 0; "
        "where two shares buy the same, one is left out. Level lines: the model before any training and, where "
        "something answers the test's examples without a language model, what that scores (a template).",
        figures=figures,
    )


def _winners(found: Found) -> Section:
    tables = []
    for ratio, answers in by_ratio(found).items():
        rows = []
        for answer in answers:
            best, rest = answer.best, ", ".join(f"{one.share:g}" for one in answer.tied)
            cells = (
                f"{best.share:g}", f"{best.cell.sft:,}", f"{best.cell.pairs:,}",
            )  # fmt: skip
            rows.append(
                (
                    f"{answer.budget:,g}",
                    [
                        *map(Cell, cells),
                        Cell(share(best.value), _span(best)),
                        Cell(f"{best.p_best:.2f}"),
                        Cell(rest or NONE),
                        _lead(answer),
                    ],
                )
            )
        columns = [
            "share",
            "demonstrations",
            "pairs",
            "score",
            "probability to be best",
            "not told apart from it",
            "lead over the base model",
        ]
        tables.append(Table(f"Best split of each budget, price ratio {ratio:g}", columns, rows))
        tables.append(_all_splits(ratio, answers))
    return Section(
        "winners",
        "The best split of each budget",
        "The probability to be best is the share of the bootstrap's draws in which the split has the highest score. "
        "Splits are not told apart from the best if the 95% interval of its lead over them reaches 0.",
        tables,
    )


def _lead(answer: Answer) -> Cell:
    base = answer.base
    if base is None:
        return Cell(NONE)
    return Cell(signed(answer.best.value - base.value), f"{signed(base.lead_low)} to {signed(base.lead_high)}")


def _all_splits(ratio: float, answers: Sequence[Answer]) -> Table:
    rows = [
        (
            f"{answer.budget:,g}, share {one.share:g}",
            [
                Cell(f"{one.cell.sft:,}"),
                Cell(f"{one.cell.pairs:,}"),
                Cell(share(one.value), _span(one), strong=one is answer.best),
                Cell(f"{one.p_best:.2f}"),
            ],
        )
        for answer in answers
        for one in answer.splits
    ]
    columns = ["demonstrations", "pairs", "score", "probability to be best"]
    return Table(f"All splits, price ratio {ratio:g}", columns, rows)


def _alone(found: Found) -> Section:
    rows = [
        (f"{sft:,}" if sft else "0 (base model)", [Cell(share(one.value), f"{share(one.low)} to {share(one.high)}")])
        for sft, one in found.alone
    ]
    if found.template is not None:
        rows.append(("a template", [Cell(share(found.template))]))
    return Section(
        "alone",
        "Before any pair",
        "What DPO starts from: the base model, and the models after so many demonstrations.",
        [Table("Scores after demonstrations alone", ["score"], rows)],
    )


def _advice(found: Found) -> Section:
    rows = [
        (
            f"{one.budget:,g}, ratio {one.ratio:g}",
            [
                Cell(f"{one.share:.2f}", f"{one.tied_from:.2f} to {one.tied_to:.2f}"),
                Cell(f"{one.sft:,}"),
                Cell(f"{one.pairs:,}"),
                Cell(share(one.value), f"{share(one.low)} to {share(one.high)}"),
            ],
        )
        for one in found.advice
    ]
    return Section(
        "advice",
        "Shares between the measured ones",
        "The best share by a Gaussian process over the logarithms of both numbers, fitted to all results. Beside a "
        "share stand the lowest and the highest of those that it does not tell apart from it.",
        [Table("Best share of each budget", ["share", "demonstrations", "pairs", "expected score"], rows)],
    )


def _findings(found: Found) -> Section:
    tables, figures = [], []
    for number, finding in enumerate(found.checks, start=1):
        rows = [
            (one.what, [Cell(signed(one.value), f"{signed(one.low)} to {signed(one.high)}")])
            for one in finding.differences
        ]
        if rows:
            title = f"{number}. {finding.claim} {finding.verdict.capitalize()}."
            tables.append(Table(title, ["difference"], rows))
            estimates = [(one.what, Estimate(one.value, one.low, one.high)) for one in finding.differences]
            figures.append(Figure(title, differences(f"finding{number}", estimates, "difference in score")))
    compared = " ".join(f"({number}) {one.compared}" for number, one in enumerate(found.checks, start=1))
    return Section(
        "findings",
        "The paper's findings on these data",
        f'"Balancing the Budget" (arXiv 2502.11284), checked at a price ratio of {found.checks_ratio:g}; '
        f"what is compared was laid down beforehand. {compared}",
        tables,
        figures,
    )


def _span(split: Split) -> str:
    return f"{share(split.low)} to {share(split.high)}"
