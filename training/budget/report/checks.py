"""The three findings of "Balancing the Budget" (arXiv 2502.11284) as checks on a study's results.

What is compared was laid down before any study was run, and is the same for all: nothing is chosen by its result. A
check is supported or contradicted only if a 95% interval lies wholly on one side of 0; else it is undecided, or not
tested where a study has no such budgets or shares.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from eval.measures.intervals import TAILS
from training.budget.lattice import Cell, Lattice
from training.budget.report.answers import Bootstrap, cells_of

TURN = 1000  # demonstrations' worth of budget, from where on preferences win
FEW, MANY = 0.25, 0.75  # shares up to, and from, which a split counts as mostly preferences, or mostly SFT
MENDS = 0.1  # share up to which SFT first is "a little"

Verdict = Literal["supported", "contradicted", "undecided", "not tested"]


@dataclass(frozen=True)
class Difference:
    """Of mean scores, with an interval."""

    what: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Check:
    """What the paper says, what was compared here, and what came out."""

    claim: str
    compared: str
    verdict: Verdict
    differences: tuple[Difference, ...]


def checks(lattice: Lattice, boot: Bootstrap, ratio: float, price: float) -> list[Check]:
    """All three, at one price ratio; `price` is that of a demonstration."""
    budgets = sorted({cell.budget for cell in lattice.cells if cell.ratio == ratio})
    grids = {budget: [cell for cell in cells_of(lattice, ratio, budget) if boot.knows(cell)] for budget in budgets}
    small = {budget: cells for budget, cells in grids.items() if budget / price < TURN}
    large = {budget: cells for budget, cells in grids.items() if budget / price >= TURN}
    return [_sft_alone(small, boot), _preferences(large, boot), _cold_start(grids, boot)]


Grids = dict[float, list[Cell]]


def _sft_alone(grids: Grids, boot: Bootstrap) -> Check:
    """Best means better than each other share: all must be so for support (intersection-union, no correction)."""
    pairs = [
        (f"budget {budget:g}: share 1 against {other.share:g}", [alone], [other])
        for budget, cells in grids.items()
        for alone in cells
        for other in cells
        if alone.share == 1 and other.share < 1
    ]
    claim = f"With a budget for fewer than {TURN:,} demonstrations, SFT alone is best."
    compared = (
        "Share 1 against each other share of each such budget. Supported if it is ahead of all; contradicted if one "
        "share is ahead of it, corrected for the number of comparisons (Bonferroni)."
    )
    if not pairs:
        return _not_tested(claim, compared)
    differences = [_difference(*pair, boot) for pair in pairs]
    contradicted = any(_difference(*pair, boot, tail=TAILS[0] / len(pairs)).high < 0 for pair in pairs)
    supported = all(one.low > 0 for one in differences)
    return Check(
        claim,
        compared,
        "contradicted" if contradicted else "supported" if supported else "undecided",
        tuple(differences),
    )


def _preferences(grids: Grids, boot: Bootstrap) -> Check:
    mostly = {
        budget: ([c for c in cells if 0 < c.share <= FEW], [c for c in cells if c.share >= MANY])
        for budget, cells in grids.items()
    }
    return _contrast(
        f"With a budget for {TURN:,} demonstrations or more, larger shares of preferences win.",
        f"Mean of the shares above 0 up to {FEW:g} against the mean of those from {MANY:g} on, over all such budgets.",
        mostly,
        boot,
    )


def _cold_start(grids: Grids, boot: Bootstrap) -> Check:
    mended = {
        budget: ([c for c in cells if 0 < c.share <= MENDS], [c for c in cells if c.share == 0])
        for budget, cells in grids.items()
    }
    check = _contrast(
        "DPO from the base model suffers from a cold start, which a little SFT first mends.",
        f"Mean of the shares above 0 up to {MENDS:g} against share 0, over all budgets. Beside it, share 0 against the "
        "model before any training.",
        mended,
        boot,
    )
    base = Cell(ratio=1, budget=0, share=0, sft=0, pairs=0)
    if not boot.knows(base):
        return check
    cold = [
        _difference(f"budget {budget:g}: share 0 against no training", [cell], [base], boot)
        for budget, cells in grids.items()
        for cell in cells
        if cell.share == 0
    ]
    return replace(check, differences=(*check.differences, *cold))


def _contrast(claim: str, compared: str, sides: dict[float, tuple[list[Cell], list[Cell]]], boot: Bootstrap) -> Check:
    """Decided by the mean over all budgets; the single budgets stand beside it."""
    whole = {budget: pair for budget, pair in sides.items() if all(pair)}
    if not whole:
        return _not_tested(claim, compared)
    above = sum((_draws(*pair, boot) for pair in whole.values()), np.zeros(len(boot.draws))) / len(whole)
    value = sum(boot.value(a) - boot.value(b) for a, b in whole.values()) / len(whole)
    low, high = np.quantile(above, TAILS)
    each = [_difference(f"budget {budget:g}", *pair, boot) for budget, pair in whole.items()]
    verdict: Verdict = "supported" if low > 0 else "contradicted" if high < 0 else "undecided"
    return Check(claim, compared, verdict, (Difference("all budgets", value, float(low), float(high)), *each))


def _not_tested(claim: str, compared: str) -> Check:
    return Check(claim, f"{compared} This study has nothing to compare.", "not tested", ())


def _draws(a: Sequence[Cell], b: Sequence[Cell], boot: Bootstrap) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    drawn: np.ndarray[tuple[int], np.dtype[np.float64]] = boot.drawn(a) - boot.drawn(b)
    return drawn


def _difference(what: str, a: Sequence[Cell], b: Sequence[Cell], boot: Bootstrap, tail: float = TAILS[0]) -> Difference:
    low, high = np.quantile(_draws(a, b, boot), (tail, 1 - tail))
    return Difference(what, boot.value(a) - boot.value(b), float(low), float(high))
