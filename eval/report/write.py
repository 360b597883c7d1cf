"""The report of a run: metrics.json for programs, report.md and report.html for people, the same figures in each."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from eval.report.findings import COMPARISON_DRAWS, DRAWS, Findings, Run, find, read_run
from eval.report.sections import sections
from eval.report.verdict import Verdict, verdicts
from genrec.columns import USER
from genrec.files import write_text

TITLE = "Evaluation of next-place rankings"
SEVERAL = 4  # methods that are equally good and not named
DIGITS = 4  # significant ones, of the figures in metrics.json


def write_report(folder: Path) -> list[Verdict]:
    """Write metrics.json, report.md and report.html into the folder of a finished run.

    The same run gives the same bytes, but for the speeds (times.json), which metrics.json leaves out.
    Raises InputError if the folder is none of a finished run.
    """
    run = read_run(folder)
    findings = find(run)
    verdict = verdicts(findings.controls, list(run.config["methods"]))
    metrics = {field.name: getattr(findings, field.name).to_dicts() for field in fields(findings)}
    metrics["verdicts"] = [asdict(one) for one in verdict]
    write_text(
        folder / "metrics.json", json.dumps(rounded(metrics), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    )
    page = {
        "verdicts": verdict,
        "summary": _summary(run, findings),
        "warnings": run.config["warnings"],
        "settings": _settings(run),
        "sections": list(sections(run, findings)),
    }
    write_text(folder / "report.md", render("report.md.jinja", page))
    write_text(folder / "report.html", render("report.html.jinja", page))
    return verdict


def _summary(run: Run, findings: Findings) -> str:
    """The run in one line: how much, and which method is right most often."""
    accuracy = findings.overall.filter(metric="acc@1").sort("value", descending=True, maintain_order=True)
    best = accuracy.row(0, named=True)
    tied = accuracy.filter(value=best["value"])["method"].to_list()
    span = "" if best["low"] is None or len(tied) > 1 else f" (95% interval {best['low']:.3f} to {best['high']:.3f})"
    methods = f"{len(accuracy)} methods" if len(accuracy) > 1 else "one method"
    names = " and ".join(tied) if len(tied) < SEVERAL else f"{len(tied)} methods alike"
    said = f"Highest Acc@1: {names}, {best['value']:.3f}{span}." if best["value"] else "No first place was right."
    return f"{run.config['name']}, {run.config['split']}: {methods} on {len(run.examples):,} examples. {said}"


def rounded(value: Any) -> Any:
    """Plain data with floats cut to the digits that mean something, so that the last bits of a sum do not show."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def render(template: str, page: dict[str, Any], title: str = TITLE) -> str:
    """Sandboxed; what is not ours (names, reasons, warnings) is escaped for HTML or for Markdown."""
    html = template.endswith(".html.jinja")
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("eval.report.write"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=html,
        finalize=None if html else _markdown,
    )
    return environment.get_template(template).render(page, title=title)


def _markdown(value: object) -> object:
    """Text that is text in Markdown, too, also in a cell of a table."""
    return " ".join(re.sub(r"([\\`*_\[\]<>|&$])", r"\\\1", value).splitlines()) if isinstance(value, str) else value


def _settings(run: Run) -> list[tuple[str, str]]:
    """What was run, in words."""
    config = run.config
    draws = f"{DRAWS:,} draws of users ({COMPARISON_DRAWS:,} in comparisons), seed 0"
    return [
        ("Data", f"{config['name']}: {_size(config['data'])}"),
        *([("After the filters", _size(config["kept"]))] if config["kept"] != config["data"] else []),
        ("Fingerprint of the data", config["kept"]["sha256"][:16]),
        ("Split", _split(config)),
        ("Examples", _examples(run)),
        ("Left out", _listed(config["excluded"], ": ") or "nothing"),
        ("Time of the visit", config["time"]),
        *_model_settings(config["methods"].values()),
        ("Rankings", f"the {config['k']} most probable places, exact; no sampling"),
        ("Intervals", f"95% percentile bootstrap, {draws}"),
        ("Versions", _listed(config["versions"], " ")),
    ]


def _size(data: Mapping[str, Any]) -> str:
    return f"{data['check_ins']:,} check-ins of {data['users']:,} users at {data['pois']:,} places"


def _split(config: Mapping[str, Any]) -> str:
    words = [config["split"]]
    words += [f"preset {config['preset']}"] if config["preset"] else []
    days = config["refresh_days"]
    words += [f"evidence refreshed every {days} days"] if days else [f"{config['part']} part"]
    return ", ".join([*words, f"from {config['start'].replace('T', ' ')} on"])


def _examples(run: Run) -> str:
    drawn, seed = run.config["sampled_from"], run.config["sample_seed"]
    sample = f", drawn from {drawn:,} with seed {seed}" if drawn else ""
    return f"{len(run.examples):,} of {run.examples[USER].n_unique():,} users{sample}"


def _model_settings(methods: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What the methods with a language model have in common, or the different values."""
    models = [method for method in methods if "ranking_prompt" in method]
    for key, label in (("model", "Model"), ("server", "Server"), ("adapter", "Adapter"), ("ranking_prompt", "Prompt")):
        values = dict.fromkeys(str(method[key]) for method in models if method[key] is not None)
        if values:
            yield label, ", ".join(values)
    shown = dict.fromkeys(_listed(method["profiles"], ": ") for method in models)
    if shown:
        yield "Profiles by example", "; ".join(shown)


def _listed(counts: Mapping[str, Any], between: str) -> str:
    """Names with their numbers (or versions), in one line."""
    return ", ".join(
        f"{name}{between}{f'{value:,}' if isinstance(value, int) else value}" for name, value in counts.items()
    )
