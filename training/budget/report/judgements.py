"""KTO beside DPO: what judgements of one answer are worth where they cost what a pair does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.measures.intervals import TAILS
from eval.report.charts import Estimate, differences
from eval.report.sections import Figure, Section
from eval.report.tables import Cell, Table, share, signed
from training.budget.report.answers import Bootstrap, Point, Scores


@dataclass(frozen=True)
class Judged:
    """Scores after so many demonstrations and so many pairs, or judgements; and the difference, KTO less DPO."""

    sft: int
    judged: int
    dpo: float
    kto: float
    difference: Estimate


@dataclass(frozen=True)
class Judgements:
    """All points that both are known at, and the mean of their differences."""

    points: tuple[Judged, ...]
    mean: Estimate


def compare(dpo: Scores, kto: Scores) -> Judgements | None:
    """On the same draws of test examples and seeds; None as long as nothing is known of KTO."""
    known = np.isfinite(dpo.values[:, :, 0]) & np.isfinite(kto.values[:, :, 0])  # (points, seeds)
    judged = np.array([count > 0 for _, count in dpo.points])
    whole = [seed for seed, there in zip(dpo.seeds, known.T, strict=True) if there[judged].all()]
    seeds = whole or [dpo.seeds[0]]
    columns = [dpo.seeds.index(seed) for seed in seeds]
    rows = np.flatnonzero(judged & known[:, columns].all(axis=1))
    points = [dpo.points[row] for row in rows]
    if not points:
        return None
    paired, single = (Bootstrap(one.only(points, seeds)) for one in (dpo, kto))
    draws = single.draws - paired.draws
    values = single.values - paired.values
    found = tuple(
        Judged(sft, pairs, float(a), float(b), _estimate(value, draws[:, row]))
        for row, ((sft, pairs), a, b, value) in enumerate(
            zip(points, paired.values, single.values, values, strict=True)
        )
    )
    return Judgements(found, _estimate(values.mean(), draws.mean(axis=1)))


def _estimate(value: float, draws: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Estimate:
    low, high = np.quantile(draws, TAILS)
    return Estimate(float(value), float(low), float(high))


def verdict_of(found: Judgements) -> str:
    """In a sentence."""
    mean = found.mean
    word = "more" if mean.low > 0 else "less" if mean.high < 0 else "neither more nor less, as far as can be told,"
    return (
        f"A judgement of one answer (KTO) is worth {word} than one of a pair (DPO): {signed(mean.value)} "
        f"({signed(mean.low)} to {signed(mean.high)}) on average over {len(found.points)} points."
    )


def judgements_section(found: Judgements) -> Section:
    """Both at each point."""
    rows = [(_name((one.sft, one.judged)), _cells(one)) for one in found.points]
    estimates: Sequence[tuple[str, Estimate]] = [
        ("all points", found.mean),
        *((_name((one.sft, one.judged)), one.difference) for one in found.points),
    ]
    chart = differences("judgements", estimates, "KTO less DPO")
    return Section(
        "judgements",
        "One answer or two",
        "KTO learns from answers that are judged one at a time, good or bad in turns, at the price of a pair; DPO from "
        "two answers of which one is better. Both go on from the same models. Intervals are paired.",
        [Table("Scores with as many judgements", ["DPO", "KTO", "difference"], rows)],
        [Figure("KTO less DPO", chart, "charts/judgements.svg")],
    )


def _name(point: Point) -> str:
    return f"{point[0]:,} demonstrations, {point[1]:,} judgements"


def _cells(one: Judged) -> list[Cell]:
    span = f"{signed(one.difference.low)} to {signed(one.difference.high)}"
    return [Cell(share(one.dpo)), Cell(share(one.kto)), Cell(signed(one.difference.value), span)]
