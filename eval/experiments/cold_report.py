"""The overview of runs after ever more history: who is best with how much, in tables, charts and a sentence."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.experiments import cold_more
from eval.experiments.experiment import COMPARED, Outcome, Row, cell, difference_cell, write_overview
from eval.report import charts
from eval.report.charts import Estimate
from eval.report.sections import Figure, Section
from eval.report.tables import METRIC_NAMES, MINUS, Table, share, slice_table
from eval.report.verdict import Verdict

METRICS: Final = ("acc@1", "acc@5", "acc@10", "mrr")
HISTORY: Final = "history"


def tables(outcome: Outcome, metrics: Sequence[str]) -> list[Table]:
    """Accuracy and paired differences after each length of history."""
    found = [_history_table(outcome.overall, metric) for metric in metrics]
    compared = [metric for metric in metrics if metric in COMPARED and outcome.differences]
    return found + [_compared_table(outcome.differences, metric) for metric in compared]


def _history_table(overall: Sequence[Row], metric: str) -> Table:
    """A metric of each method after each length of history."""
    values = {(row["method"], row[HISTORY]): row for row in overall if row["metric"] == metric}
    lengths = _lengths(overall)
    methods = dict.fromkeys(method for method, _ in values)
    rows = [(method, [cell(values[method, length]) for length in lengths]) for method in methods]
    return Table(f"{METRIC_NAMES[metric]} by earlier check-ins of the user", list(map(str, lengths)), rows)


def _compared_table(differences: Sequence[Row], metric: str) -> Table:
    """Differences in a metric after each length of history; the significant ones stand out."""
    values = {(row["a"], row["b"], row[HISTORY]): row for row in differences if row["metric"] == metric}
    lengths = _lengths(differences)
    rows = [
        (f"{a} {MINUS} {b}", [difference_cell(values[a, b, length]) for length in lengths])
        for a, b in dict.fromkeys((a, b) for a, b, _ in values)
    ]
    return Table(
        f"Differences in {METRIC_NAMES[metric]} by earlier check-ins of the user", list(map(str, lengths)), rows
    )


def newcomer_table(groups: Sequence[Row]) -> Table:
    """Acc@1 of each method for the real newcomers, by their earlier check-ins."""
    return slice_table("Acc@1 for real newcomers, by earlier check-ins of the user", pl.DataFrame(groups))


def verdict(overall: Sequence[Row]) -> Verdict:
    """Who is best without a history and with the longest, and how each method grows."""
    first, *_, last = _lengths(overall)
    values = {(row["method"], row[HISTORY]): row["value"] for row in overall if row["metric"] == "acc@1"}
    methods = list(dict.fromkeys(method for method, _ in values))

    def best(length: int) -> str:
        highest = max(values[method, length] for method in methods)
        tied = [method for method in methods if values[method, length] == highest]
        return f"{' and '.join(tied)}, {share(highest)}"

    headline = f"Highest Acc@1 without earlier check-ins: {best(first)}; with {last}: {best(last)}."
    growth = "; ".join(
        f"{method} {share(values[method, first])} to {share(values[method, last])}" for method in methods
    )
    return Verdict(None, headline, (f"Acc@1 from none to {last}: {growth}.",))


def write(out: Path, outcome: Outcome) -> None:
    """Write the overview beside the runs."""
    settings = outcome.settings
    most = max(settings["histories"])
    sampled = f"{settings['sampled_users']:,} with at least {most} earlier check-ins"
    drawn = settings["sampled_from"]
    facts = [
        ("Data", f"{settings['name']}: {settings['data']['check_ins']:,} check-ins"),
        ("Split", settings["split"]),
        ("Users", f"{sampled}, drawn with seed {settings['sample_seed']}"),
        ("Their share of the check-ins so far", f"{settings['share_of_past_check_ins']:.0%}, before the cut"),
        ("Examples", f"{settings['examples']:,}" + (f", drawn from {drawn:,}" if drawn else "")),
        *((f"Left out: {reason}", f"{count:,}") for reason, count in settings["excluded"].items()),
        ("Failures", ", ".join(_failures(outcome.failures)) or "none"),
        ("Runs", "one a length of history, in the folders beside, each with its own report"),
    ]
    sections = [
        Section(
            "history",
            "Accuracy by history",
            "The same visits, ranked after the user's last so many check-ins before the test part and the current "
            "trajectory. All sampled users are cut at once, so what is known of everybody lacks their check-ins, too; "
            "only what a ranker of --rankers was trained on was not cut. 95% intervals, bootstrapped over users. "
            "Differences are paired, those in bold significant after Holm's correction for one length.",
            tables(outcome, METRICS),
            list(_figures(outcome.overall)),
        )
    ]
    if outcome.groups:
        text = (
            f"Visits of users who have fewer than {most} check-ins before the test part. Other people, other "
            "visits than above. Groups of a single user are left out."
        )
        sections.append(Section("newcomers", "Real newcomers", text, [newcomer_table(outcome.groups)]))
    sections += cold_more.sections(outcome.more)
    write_overview(
        out,
        outcome,
        summary=f"{settings['name']}: {settings['examples']:,} visits after each of "
        f"{len(settings['histories'])} lengths of history.",
        settings=facts,
        sections=sections,
    )


def _failures(rows: Collection[Row]) -> Iterator[str]:
    for row in rows:
        yield f"{row['method']}, {row[HISTORY]} earlier: {row['n']:,}"


def _figures(overall: Sequence[Row]) -> Iterator[Figure]:
    """Curves of the first methods, as many as a chart can tell apart."""
    methods = list(dict.fromkeys(row["method"] for row in overall))[: len(charts.SERIES)]
    lengths = _lengths(overall)
    for metric in ("acc@1", "acc@10"):
        values = {(row["method"], row[HISTORY]): row for row in overall if row["metric"] == metric}
        series = {method: [_estimate(values[method, length]) for length in lengths] for method in methods}
        name = METRIC_NAMES[metric]
        svg = charts.groups(metric.replace("@", ""), [str(length) for length in lengths], series, name)
        yield Figure(f"{name} by earlier check-ins", svg)


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["value"], *(row["value"] if row[end] is None else row[end] for end in ("low", "high")))


def _lengths(rows: Sequence[Row]) -> list[int]:
    return list(dict.fromkeys(row[HISTORY] for row in rows))
