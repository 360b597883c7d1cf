"""The parts of a report: what each says, its tables and its charts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval.report import charts
from eval.report.charts import Estimate
from eval.report.findings import YARDSTICK, Findings, Run, is_control, is_model
from eval.report.tables import (
    METRIC_NAMES,
    MINUS,
    Table,
    calibration_table,
    comparison_table,
    disagreement_table,
    distance_table,
    failure_table,
    overall_table,
    power_table,
    slice_comparison_table,
    slice_table,
    speed_table,
)

SHOWN = len(charts.SERIES)  # methods in a chart that tells them apart by their marks
VISITS = {"visit": "Repeat and novel visits", "prompt": "Places that the prompt names, and others"}
STRATA = {
    "activity": "Activity of the user",
    "trajectory": "Length of the trajectory",
    "cold": "Earlier check-ins of the user",
    "poi": "New and known places",
    "age": "Age of the evidence, in days from its end to the visit",
    "concentration": "Topological concentration of the user",
}


@dataclass(frozen=True)
class Figure:
    """A chart with its title; the SVG comes from `eval.report.charts`, where texts are escaped.

    A chart with a `file` is shown in Markdown, too: it is written there, beside the report.
    """

    title: str
    svg: str
    file: str | None = None


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    id: str
    title: str
    text: str
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()


def sections(run: Run, findings: Findings) -> Iterator[Section]:
    """All parts that have something to say, in the report's order."""
    yield _accuracy(findings)
    if len(findings.controls):
        yield _profile(findings)
    if len(findings.comparisons):
        yield _comparisons(findings)
    yield _visits(findings)
    if len(findings.disagreement):
        yield _disagreement(findings)
    yield _calibration(findings)
    yield _strata(findings)
    yield _distances(findings)
    yield _speed(run)


def _accuracy(findings: Findings) -> Section:
    bars = []
    for metric in ("acc@1", "acc@10"):
        rows = {row["method"]: _estimate(row) for row in findings.overall.filter(metric=metric).to_dicts()}
        name = METRIC_NAMES[metric]
        bars.append(Figure(name, charts.bars(metric.replace("@", ""), rows, _colours(rows), name)))
    return Section(
        "accuracy",
        "Accuracy",
        "Acc@k is the share of the examples whose place is among the first k; MRR@20 the mean of 1/rank (0 beyond rank "
        "20); NDCG@10 the mean of 1/log2(1 + rank) (0 beyond rank 10). Distances go from the first place to the true "
        "one. A failure counts as a miss. The best of each column is bold; below the figures stand 95% intervals, "
        "bootstrapped over users; one of no width means that all examples had the same result.",
        [overall_table(findings), *([failure_table(findings)] if len(findings.failures) else [])],
        bars,
    )


def _profile(findings: Findings) -> Section:
    return Section(
        "profile",
        "Does the profile matter?",
        "The same prompts with the words of another user's profile, and without any. Habits stay the user's own, in "
        "their table if the method shows it, so the controls test what the profile adds to them.",
        [comparison_table("The profile against its controls", findings.controls)],
        [Figure("The profile against its controls", _differences("controls", findings.controls))],
    )


def _comparisons(findings: Findings) -> Section:
    return Section(
        "comparisons",
        "Paired comparisons",
        "Differences on the same examples. p-values are of a bootstrap over users, and Holm's correction makes up for "
        "the number of rows; bold ones are below 0.05 after it. McNemar's test stands beside them as in other papers: "
        "it takes a user's examples for independent, which they are not.",
        [comparison_table("Paired comparisons", findings.comparisons)],
        [Figure("Differences with 95% intervals", _differences("pairs", findings.comparisons))],
    )


def _visits(findings: Findings) -> Section:
    return Section(
        "visits",
        "Repeat and novel visits",
        "A visit is a repeat if the user had been at the place before. A model that only copies from its prompt is "
        "right at named places alone.",
        list(_slice_tables(findings, VISITS)),
        list(_slice_figures(findings, VISITS)),
    )


def _disagreement(findings: Findings) -> Section:
    return Section(
        "disagreement",
        "Where model and habits disagree",
        "The habits' ranking goes by how often, when and how lately the user was at a place. A model adds to it only "
        "where it puts another place first and is right more often.",
        [disagreement_table(findings)],
    )


def _calibration(findings: Findings) -> Section:
    curves = []
    for i, method in enumerate(_shown(findings)):
        curve = findings.curve.filter(method=method)
        svg = charts.reliability(f"curve{i}", *(curve[column].to_numpy() for column in ("confidence", "accuracy", "n")))
        curves.append(Figure(method, svg))
    return Section(
        "calibration",
        "Calibration",
        "Is a first place with probability 0.3 right in 30% of the cases? The calibration error is the mean distance "
        "from the dashed line, over ten bins weighted by their examples; larger dots stand for more of them. Failures "
        "have no probability. Chance alone makes the error larger than it is, and its interval leans upwards.",
        [calibration_table(findings)],
        curves,
    )


def _strata(findings: Findings) -> Section:
    return Section(
        "strata",
        "Strata",
        "For whom, and where, methods are right. Activity (trajectories before the evidence was frozen), length and "
        "concentration are cut into terciles. A place is new if nobody had been there before. What "
        "is known ages: where evidence is frozen, later visits are ranked by older habits. Topological "
        "concentration asks whether people who share a user's other places share this one, too (Wang et al., arXiv "
        "2310.04612). Differences are paired; bold ones are significant after Holm's correction for the groups of all "
        "these tables. The last table says how well activity and concentration predict who is served well.",
        [*_slice_tables(findings, STRATA), power_table(findings)],
        list(_slice_figures(findings, STRATA)),
    )


def _distances(findings: Findings) -> Section:
    series = {}
    for method in _shown(findings):
        rows = findings.distances.filter(method=method)
        series[method] = (rows["km"].to_numpy(), rows["share"].to_numpy())
    return Section(
        "distance",
        "Distance errors",
        "How far the first place is from the true one. A right answer is at 0 km; failures have no distance.",
        [distance_table(findings)],
        [Figure("Share of the examples within a distance", charts.cumulative("km", series, "distance error, km"))],
    )


def _speed(run: Run) -> Section:
    times = {method: run.times[method] for method in run.config["methods"] if method in run.times}
    return Section("speed", "Speed", "On the machine of this run; no part of metrics.json.", [speed_table(times)])


def _slice_tables(findings: Findings, titles: dict[str, str]) -> Iterator[Table]:
    for slicing, title in titles.items():
        rows = findings.slices.filter(slicing=slicing)
        if len(rows):
            yield slice_table(title, rows)
        if len(findings.slice_comparisons) and len(compared := findings.slice_comparisons.filter(slicing=slicing)):
            yield slice_comparison_table(title, compared)


def _slice_figures(findings: Findings, titles: dict[str, str]) -> Iterator[Figure]:
    shown = _shown(findings)
    for slicing, title in titles.items():
        rows = findings.slices.filter(pl.col("method").is_in(shown), slicing=slicing, metric="acc@1")
        groups = rows["group"].unique(maintain_order=True).to_list()
        values = {(row["method"], row["group"]): _estimate(row) for row in rows.to_dicts()}
        if len(groups) > 1:
            series = {method: [values.get((method, group)) for group in groups] for method in shown}
            yield Figure(title, charts.groups(slicing, groups, series, "Acc@1"))


def _differences(name: str, compared: pl.DataFrame) -> str:
    rows = [
        (f"{row['a']} {MINUS} {row['b']}", _estimate(row | {"value": row["difference"]})) for row in compared.to_dicts()
    ]
    return charts.differences(name, rows, "difference in Acc@1")


def _shown(findings: Findings) -> list[str]:
    """The methods for charts with few series: a model, the yardstick, the other models, the best of the rest."""
    accuracy = findings.overall.filter(metric="acc@1")
    best = accuracy.sort("value", descending=True, maintain_order=True)["method"].to_list()
    models = [method for method in findings.overall["method"].unique(maintain_order=True) if is_model(method)]
    models = [method for method in models if not is_control(method)]
    yardstick = [method for method in best if method == YARDSTICK]
    others = [method for method in best if not is_model(method) and method != YARDSTICK]
    return [*models[:1], *yardstick, *models[1:], *others][:SHOWN]


def _colours(methods: Iterable[str]) -> dict[str, int]:
    """The series of each method's bar: models, the yardstick, the rest."""
    return {method: 0 if is_model(method) else 1 if method == YARDSTICK else 4 for method in methods}


def _estimate(row: dict[str, Any]) -> Estimate:
    """A value with its interval, which has no width if there is none."""
    return Estimate(row["value"], *(row["value"] if row[end] is None else row[end] for end in ("low", "high")))
