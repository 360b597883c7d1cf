"""What the presets share: a run with its report, an overview of several runs, and figures to keep beside the code.

A preset answers one question with the methods, examples and comparisons that it takes. The run itself is `eval.run`'s,
the report of a run `eval.report.write`'s.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.measures.intervals import compare, holm
from eval.measures.metrics import score
from eval.methods.llm import LlmSpec
from eval.methods.method import Method
from eval.protocol import Cases
from eval.report.findings import COMPARISON_DRAWS
from eval.report.sections import Section
from eval.report.tables import METRIC_NAMES, MINUS, NONE, Cell, Table, share, signed
from eval.report.verdict import SIGNIFICANCE, Verdict
from eval.report.write import render, rounded, write_report
from eval.run import EXAMPLES, POIS, RANKINGS, Progress, read_config, run
from genrec.files import write_text
from genrec.profiles.profile import Profile

Row = dict[str, Any]

# GenUP's table of profile parts; the full profile without the table of habits; its controls; the yardsticks.
ABLATION = (
    "llm:none",
    "llm:routines",
    "llm:attributes",
    "llm:full",
    "llm:full-notable",
    "llm:full-swapped",
    "llm:full-emptied",
    "habits",
    "most-frequent",
    "popularity",
)
SHOWN = ("acc@1", "acc@5", "acc@10", "mrr")
COMPARED: Final = ("acc@1", "acc@10", "mrr")
TIMES = {"start", "first", "last"}  # settings that are a time of somebody's check-in
FIGURES = ("verdicts", "overall", "controls", "comparisons", "ece", "power")  # of a run, none about one person


@dataclass(frozen=True)
class Outcome:
    """The figures of a preset, none of which is about one person.

    Attributes:
        command: its name.
        settings: what was run, without paths.
        verdicts: what follows.
        overall: method, metric, users, n, value, low, high; of several runs with what tells them apart.
        differences: columns of `eval.measures.intervals.compare`, with the metric and what tells runs apart; Holm's
            correction is for those of one run.
        failures: method and n: how many examples it could not rank.
        groups: the columns of `overall` for groups of examples, each of several users.
        more: the columns of `overall` or `differences` of further runs, by what they are about.

    """

    command: str
    settings: dict[str, Any]
    verdicts: Sequence[Verdict]
    overall: list[Row]
    differences: list[Row]
    failures: list[Row]
    groups: list[Row] = field(default_factory=list)
    more: dict[str, list[Row]] = field(default_factory=dict)


def ablation_methods(*, adapted: bool) -> list[str]:
    """The names of the ablation's methods, those of the model with the adapter if there is one."""
    specs = {name: LlmSpec.parse(name) for name in ABLATION}
    return [replace(spec, adapted=adapted).name if spec is not None else name for name, spec in specs.items()]


def ablation(
    asked: Cases,
    methods: Sequence[Method],
    out: Path,
    *,
    name: str,
    profiles: Sequence[Profile],
    progress: Progress,
) -> Outcome:
    """Run the methods of the ablation, and write the report into the run folder."""
    metrics = examine(asked, methods, out, name=name, profiles=profiles, progress=progress)
    differences = [row | {"metric": "acc@1"} for row in metrics["controls"] + metrics["comparisons"]]
    verdicts = [Verdict(**verdict) for verdict in metrics["verdicts"]]
    return Outcome("ablation", settings_of(out), verdicts, metrics["overall"], differences, failures(metrics))


def examine(
    asked: Cases,
    methods: Sequence[Method],
    out: Path,
    *,
    name: str,
    profiles: Sequence[Profile] = (),
    progress: Progress,
) -> dict[str, Any]:
    """Run the methods, write the report, and return the content of its metrics.json."""
    run(asked, methods, out, name=name, profiles=profiles, progress=progress)
    write_report(out)
    return _metrics(out)


def settings_of(folder: Path) -> dict[str, Any]:
    """The configuration of a run without paths, addresses and times of check-ins."""
    config: dict[str, Any] = _without_times(read_config(folder))
    return config | {"methods": {name: _without_paths(own) for name, own in config["methods"].items()}}


def failures(metrics: Mapping[str, Any]) -> list[Row]:
    """How many examples each method could not rank; the reasons, which may name people, stay in the run."""
    counts: dict[str, int] = {}
    for row in metrics["failures"]:
        counts[row["method"]] = counts.get(row["method"], 0) + row["n"]
    return [{"method": method, "n": n} for method, n in counts.items()]


def run_figures(folder: Path, command: str) -> dict[str, Any]:
    """The figures of a finished run, none of which is about one person, and the command that it was made with."""
    metrics = _metrics(folder)
    return {
        "command": command,
        "settings": settings_of(folder),
        **{name: metrics[name] for name in FIGURES},
        "failures": failures(metrics),
        "slices": [row for row in metrics["slices"] if row["users"] > 1],
        "slice_comparisons": [row for row in metrics["slice_comparisons"] if row["low"] is not None],
    }


def to_json(figures: Mapping[str, Any]) -> str:
    """Figures as a JSON text; the same figures give the same bytes."""
    return json.dumps(rounded(figures), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


OVERVIEW = ("metrics.json", "report.md", "report.html")


def write_overview(
    folder: Path,
    outcome: Outcome,
    *,
    summary: str,
    settings: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> None:
    """Write metrics.json, report.md and report.html of several runs, whose folders lie in this one."""
    page = {
        "verdicts": outcome.verdicts,
        "summary": summary,
        "warnings": outcome.settings["warnings"],
        "settings": settings,
        "sections": sections,
    }
    texts = to_json(asdict(outcome)), render("report.md.jinja", page), render("report.html.jinja", page)
    for name, text in zip(OVERVIEW, texts, strict=True):
        write_text(folder / name, text)


def compact_table(caption: str, overall: Sequence[Mapping[str, Any]]) -> Table:
    """Methods by the metrics of `SHOWN`, with intervals."""
    values = {(row["method"], row["metric"]): row for row in overall}
    methods = dict.fromkeys(row["method"] for row in overall)
    rows = [(method, [cell(values[method, metric]) for metric in SHOWN]) for method in methods]
    return Table(caption, [METRIC_NAMES[metric] for metric in SHOWN], rows)


def cell(row: Mapping[str, Any]) -> Cell:
    """A mean with its interval."""
    if row["value"] is None:
        return Cell(NONE)
    return Cell(share(row["value"]), "" if row["low"] is None else f"{share(row['low'])} to {share(row['high'])}")


def differences(folder: Path, pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """Pairs of methods of a finished run in the metrics of COMPARED, paired, with Holm's correction for all of them."""
    if not pairs:
        return []
    return differences_of(
        score(*(pl.read_parquet(folder / name, glob=False) for name in (EXAMPLES, RANKINGS, POIS))), pairs
    )


def differences_of(scores: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """As `differences`, of scores of examples."""
    table = pl.concat(
        compare(scores, pairs, metric, resamples=COMPARISON_DRAWS).with_columns(metric=pl.lit(metric))
        for metric in COMPARED
    )
    return table.with_columns(p_holm=holm(table["p_bootstrap"])).to_dicts()


def difference_table(caption: str, compared: Sequence[Row]) -> Table:
    """Pairs by the metrics of COMPARED; what is significant after Holm's correction stands out."""
    values = {(row["a"], row["b"], row["metric"]): row for row in compared}
    pairs = dict.fromkeys((a, b) for a, b, _ in values)
    rows = [(f"{a} {MINUS} {b}", [difference_cell(values[a, b, metric]) for metric in COMPARED]) for a, b in pairs]
    return Table(caption, [METRIC_NAMES[metric] for metric in COMPARED], rows)


def difference_cell(row: Mapping[str, Any]) -> Cell:
    """A difference with its interval."""
    span = "" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}"
    return Cell(signed(row["difference"]), span, strong=bool(row["p_holm"] < SIGNIFICANCE))


def _metrics(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def _without_times(value: Any) -> Any:
    """Plain data without the times of check-ins, at any depth."""
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _without_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A method's settings with a model's folder as its last name, and a server as the fact that there was one."""
    named = dict(settings)
    model = settings.get("model")
    if model and Path(model).is_absolute() | Path(model).exists():
        named["model"] = Path(model).name
    if "server" in settings:
        named["server"] = settings["server"] is not None
    return named
