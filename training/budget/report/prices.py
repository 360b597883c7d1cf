"""Where the best split of a budget would change with the price of a pair, by the surrogate of all results."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from eval.report.sections import Section
from eval.report.tables import Cell, Table
from training.budget.report.advice import Advice, Surrogate, advise
from training.budget.spec import Study

STEPS = 49  # price ratios that are tried
BEYOND = 2.0  # times the dearest ratio of the study, and the cheapest divided by it


@dataclass(frozen=True)
class Stretch:
    """Price ratios for which one of the study's shares is nearest to the best one.

    `tied`: whether nothing tells that share apart from any other. `measured`: whether the results reach so far.
    """

    budget: float
    low: float
    high: float
    share: float
    tied: bool
    measured: bool


def stretches(study: Study, surrogate: Surrogate, shared_noise: float) -> list[Stretch]:
    """Of each budget, from cheap pairs to dear ones."""
    ratios = np.geomspace(min(study.price_ratios) / BEYOND, max(study.price_ratios) * BEYOND, STEPS)
    found: list[Stretch] = []
    for budget in sorted(study.budgets):
        advice = [
            advise(surrogate, budget, float(ratio), price=study.price, shared_noise=shared_noise) for ratio in ratios
        ]
        found += _joined(study, budget, advice)
    return found


def _joined(study: Study, budget: float, advice: Sequence[Advice]) -> list[Stretch]:
    """Neighbouring ratios with the same answer as one; it changes in the middle between two ratios."""
    runs: list[list[Advice]] = []
    for one in advice:
        if runs and _nearest(study, runs[-1][-1]) == _nearest(study, one):
            runs[-1].append(one)
        else:
            runs.append([one])
    changes = [float(np.sqrt(left[-1].ratio * right[0].ratio)) for left, right in pairwise(runs)]
    ends = [advice[0].ratio, *changes, advice[-1].ratio]
    return [
        Stretch(
            budget,
            low,
            high,
            _nearest(study, run[0]),
            tied=all((one.tied_from, one.tied_to) == (0, 1) for one in run),
            measured=all(one.measured for one in run),
        )
        for run, (low, high) in zip(runs, pairwise(ends), strict=True)
    ]


def _nearest(study: Study, advice: Advice) -> float:
    """The study's share that is nearest to the best one."""
    return min(study.shares, key=lambda share: abs(share - advice.share))


def changes_sentence(study: Study, found: Sequence[Stretch]) -> str:
    """Of the largest budget."""
    budget = max(one.budget for one in found)
    *first, last = (one for one in found if one.budget == budget)
    beginning = f"With {budget:,g} {study.currency}, the best share"
    if not first:
        return f"{beginning} is {last.share:g} at all price ratios between {last.low:.2g} and {last.high:.2g}."
    steps = [*(f"{one.share:g} up to {one.high:.2g}" for one in first), f"{last.share:g} beyond"]
    return f"{beginning} changes with the price of a pair, in demonstrations: {', '.join(steps)}."


def prices_section(study: Study, found: Sequence[Stretch]) -> Section:
    """A table of all stretches."""
    rows = [
        (
            f"{one.budget:,g}",
            [
                Cell(f"{one.low:.2g} to {one.high:.2g}"),
                Cell(f"{one.share:g}"),
                Cell("no" if one.tied else "yes"),
                Cell("yes" if one.measured else "in part, or not"),
            ],
        )
        for one in found
    ]
    return Section(
        "prices",
        "Where the price changes the answer",
        "The share of the study that is nearest to the best one, by the same smooth surface as in advice, for price "
        "ratios from half of the study's lowest to twice its highest. A change between shares that nothing tells apart "
        "is a guess.",
        [Table("Best share by price ratio", ["price ratio", "share", "told apart", "within the results"], rows)],
    )
