"""The report's tables, as texts: figures in the digits that they deserve, each with its interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval.measures.metrics import DISTANCE
from eval.report.findings import YARDSTICK, Findings, is_control
from eval.report.verdict import SIGNIFICANCE

NONE = "-"
MINUS = "\N{MINUS SIGN}"
MEANS = ("confidence", "accuracy")  # columns of a reliability curve
FAILURES = 5  # reasons to be told of each method
METRIC_NAMES = {
    "acc@1": "Acc@1",
    "acc@5": "Acc@5",
    "acc@10": "Acc@10",
    "acc@20": "Acc@20",
    "mrr": "MRR@20",
    "ndcg@10": "NDCG@10",
    "category_acc@1": "category Acc@1",
    "within_1km": "within 1 km",
    DISTANCE: "median km",
}

Row = Mapping[str, Any]
Format = Callable[[float], str]


@dataclass(frozen=True)
class Cell:
    """A figure, the interval or count that goes with it, and whether it stands out."""

    text: str
    span: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """`rows`: a heading each, and a cell for each of the `columns`."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    note: str = ""


def overall_table(findings: Findings) -> Table:
    """All methods by all metrics; the best of each column stands out."""
    values = {(row["method"], row["metric"]): row for row in findings.overall.to_dicts()}
    methods = list(dict.fromkeys(method for method, _ in values))
    best = {}
    for metric in METRIC_NAMES:
        figures = [v for m in methods if not is_control(m) and (v := values[m, metric]["value"]) is not None]
        best[metric] = (min if metric == DISTANCE else max)(figures, default=None)
    rows = []
    for method in methods:
        cells = [_estimate(values[method, m], strong=values[method, m]["value"] == best[m]) for m in METRIC_NAMES]
        rows.append((method, cells))
    return Table("All methods, on the same examples", [*METRIC_NAMES.values()], rows)


def failure_table(findings: Findings) -> Table:
    """Why methods gave no ranking, and for how many examples; rare reasons of a method are added up."""
    rows = []
    for (method,), reasons in findings.failures.group_by("method", maintain_order=True):
        common, rare = reasons[:FAILURES], reasons[FAILURES:]
        rows += [(f"{method}: {failure}", [Cell(f"{n:,}")]) for _, failure, n in common.iter_rows()]
        if len(rare):
            rows.append((f"{method}: {len(rare):,} other reasons", [Cell(f"{rare['n'].sum():,}")]))
    return Table("Failures", ["examples"], rows)


def comparison_table(caption: str, compared: pl.DataFrame) -> Table:
    """Paired differences in Acc@1; those that are significant after Holm's correction stand out."""
    rows = []
    for row in compared.to_dicts():
        difference = Cell(signed(row["difference"]), _span(row, signed), strong=row["p_holm"] < SIGNIFICANCE)
        tests = [Cell(p_value(row[test])) for test in ("p_holm", "p_bootstrap", "p_mcnemar")]
        rows.append((f"{row['a']} {MINUS} {row['b']}", [difference, *tests]))
    return Table(caption, ["difference in Acc@1", "p, Holm", "p, bootstrap", "p, McNemar"], rows)


def slice_table(caption: str, slices: pl.DataFrame) -> Table:
    """Acc@1 of each method in each group of one slicing; counts stand in the head where all methods share them."""
    accuracy = slices.filter(metric="acc@1")
    values = {(row["method"], row["group"]): row for row in accuracy.to_dicts()}
    counts = dict(accuracy.group_by("group", maintain_order=True).agg(pl.col("n").unique()).iter_rows())
    shared = all(len(of_group) == 1 for of_group in counts.values())
    columns = [f"{group} (n = {of_group[0]:,})" if shared else group for group, of_group in counts.items()]
    rows = []
    for method in dict.fromkeys(method for method, _ in values):
        cells = [_estimate(values.get((method, group)), counted=not shared) for group in counts]
        rows.append((method, cells))
    return Table(caption, columns, rows)


def slice_comparison_table(caption: str, compared: pl.DataFrame) -> Table:
    """Differences in Acc@1 from the yardstick in each group of one slicing; the significant ones stand out."""
    accuracy = compared.filter(metric="acc@1")
    values = {(row["a"], row["group"]): row for row in accuracy.to_dicts()}
    counts = dict(accuracy.select("group", "n").iter_rows())
    rows = []
    for method in dict.fromkeys(method for method, _ in values):
        own = [values[method, group] for group in counts]
        cells = [Cell(signed(row["difference"]), _span(row, signed), row["p_holm"] < SIGNIFICANCE) for row in own]
        rows.append((f"{method} {MINUS} {YARDSTICK}", cells))
    return Table(f"{caption}: differences", [f"{group} (n = {n:,})" for group, n in counts.items()], rows)


def disagreement_table(findings: Findings) -> Table:
    """Acc@1 of each model and the yardstick, where they put the same place first and where not."""
    values = {(row["model"], row["first_place"], row["method"]): row for row in findings.disagreement.to_dicts()}
    rows = []
    for model in dict.fromkeys(model for model, _, _ in values):
        keys = (("same", model), ("other", model), ("other", YARDSTICK))
        same, own, habits = (values.get((model, *key)) for key in keys)
        counts = [Cell(f"{row['n']:,}" if row else "0") for row in (same, own)]
        rows.append((model, [counts[0], _estimate(same), counts[1], _estimate(own), _estimate(habits)]))
    columns = ["same first place", "Acc@1", "another", "Acc@1 of the model", f"Acc@1 of {YARDSTICK}"]
    return Table(f"First places of the model and of {YARDSTICK}", columns, rows)


def calibration_table(findings: Findings) -> Table:
    """Expected calibration error with its interval, and how sure and how right a method is on average."""
    curve = findings.curve.group_by("method").agg(
        *((pl.col(mean) * pl.col("n")).sum() / pl.col("n").sum() for mean in MEANS)
    )
    rows = [
        (row["method"], [Cell(share(row["ece"]), _span(row, share)), *(Cell(share(row[mean])) for mean in MEANS)])
        for row in findings.ece.join(curve, on="method", maintain_order="left").to_dicts()
    ]
    columns = ["calibration error", "mean probability", "share that was right"]
    return Table("Calibration", columns, rows)


def distance_table(findings: Findings) -> Table:
    """Quantiles of the distance error."""
    shares = (0.25, 0.5, 0.75, 0.9)
    values = {(row["method"], row["share"]): row for row in findings.distances.to_dicts()}
    rows = [
        (method, [Cell(f"{values[method, shares[0]]['n']:,}"), *(Cell(_km(values[method, s]["km"])) for s in shares)])
        for method in dict.fromkeys(method for method, _ in values)
    ]
    columns = ["examples", *(f"{share:.0%} within" for share in shares)]
    return Table("Distance from the first place to the true one, km", columns, rows)


def power_table(findings: Findings) -> Table:
    """Rank correlation of a user's Acc@1 with what users are grouped by."""
    values = {(row["method"], row["stratifier"]): row for row in findings.power.to_dicts()}
    stratifiers = list(dict.fromkeys(stratifier for _, stratifier in values))
    rows = []
    for method in dict.fromkeys(method for method, _ in values):
        cells = []
        for row in (values[method, stratifier] for stratifier in stratifiers):
            undefined = row["spearman"] is None
            cells.append(Cell(NONE) if undefined else Cell(signed(row["spearman"]), _span(row, signed)))
        rows.append((method, cells))
    return Table("Spearman correlation with the user's Acc@1", stratifiers, rows)


def speed_table(times: Mapping[str, Mapping[str, Any]]) -> Table:
    """`times`: of each method, how many `rankings` were made in how many `seconds`."""
    rows = []
    for method, spent in times.items():
        count, seconds = spent["rankings"], spent["seconds"]
        rate = count / seconds if seconds else 0.0
        figures = (f"{count:,}", f"{seconds:,.1f}", f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}")
        rows.append((method, [Cell(figure) for figure in figures]))
    return Table("Speed", ["rankings", "seconds", "rankings/s"], rows)


def signed(value: float) -> str:
    """A difference of shares."""
    return f"{value:+.3f}".replace("-", MINUS)


def share(value: float) -> str:
    """A share or a mean between 0 and 1."""
    return f"{value:.3f}"


def p_value(value: float | None) -> str:
    """To two digits, but nothing below a thousandth."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def _km(value: float | None) -> str:
    return NONE if value is None else f"{value:,.2f}"


def _estimate(row: Row | None, *, strong: bool = False, counted: bool = False) -> Cell:
    """A value with its interval, and if asked with the number of examples."""
    if row is None or row["value"] is None:
        return Cell(NONE)
    form = _km if row["metric"] == DISTANCE else share
    count = f"n = {row['n']:,}" if counted else ""
    span = _span(row, form)
    return Cell(form(row["value"]), "; ".join(filter(None, (span, count))), strong)


def _span(row: Row, form: Format) -> str:
    return "" if row["low"] is None else f"{form(row['low'])} to {form(row['high'])}"
