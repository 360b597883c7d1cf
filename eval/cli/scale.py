"""`genrec-eval scale-sim`: what serving many people takes, and costs."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from eval.serving.scale import Demand, Figure, compared, defaults
from genrec.cli.console import out
from genrec.errors import GenRecError
from genrec.files import write_text

UNITS = {
    "rankings": "rankings a day",
    "asked": "of them with the model",
    "tokens": "tokens a day, profiles too",
    "gpu_hours": "GPU-hours a day",
    "gpus_at_peak": "GPUs for rankings in the busiest hour",
    "cache_bytes": "keys and values kept then, GB",
    "adapter_bytes": "adapters, GB",
    "storage_bytes": "check-ins and profiles, GB",
    "cost": "cost a day",
    "cost_per_1000": "cost of 1,000 rankings",
}


def scale_sim(
    people: Annotated[int, typer.Option(min=1, metavar="N", help="People who are served.")] = 10_000_000,
    cities: Annotated[int, typer.Option(min=1, metavar="N")] = 100,
    adapters: Annotated[int, typer.Option(min=0, metavar="N", help="Adapters of each city.")] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=NUMBER", help="Your own figure: price=2.1, share=0.15, ... See the table."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All of it as JSON.")] = None,
) -> None:
    """Say what it takes to serve many people: tokens, GPU-hours, caches, storage and money.

    Compares asking the language model only where it matters (`genrec-eval beside`) with asking it always.
    """
    figures = changed(defaults(), settings or [])
    demand = Demand(people, cities, adapters)
    found = compared(demand, {name: figure.value for name, figure in figures.items()})
    out.print(_sources(figures))
    out.print(_results(found))
    if output:
        told = {"demand": asdict(demand), "figures": {k: asdict(v) | {"value": v.value} for k, v in figures.items()}}
        write_text(output, json.dumps(told | {"needs": found}, indent=1) + "\n")


def changed(figures: dict[str, Figure], settings: list[str]) -> dict[str, Figure]:
    """The figures with those of the user; raises GenRecError for one that is none."""
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in figures:
            raise GenRecError(f"--set {setting}: there is no figure {name!r}; there are {', '.join(figures)}")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        most = 1.0 if name in ("share", "sessions") else float("inf")
        least = 0 if name in ("share", "price", "cache_minutes") else 1e-12
        if not least <= value <= most or value == float("inf"):
            raise GenRecError(f"--set {setting}: write a number above 0" + (", at most 1" if most == 1 else ""))
        figures = figures | {name: replace(figures[name], measured=value, source="given", factor=1.0, why="")}
    return figures


def _sources(figures: dict[str, Figure]) -> Table:
    table = Table(title="What is reckoned with", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("key", no_wrap=True)  # as it is written with --set
    table.add_column("figure")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_column("times")
    for name, figure in figures.items():
        times = f"{figure.factor:g} ({figure.why})" if figure.factor != 1 else ""
        table.add_row(name, figure.about, f"{figure.value:,.4g}", figure.source, times)
    return table


def _results(found: dict[str, dict[str, float]]) -> Table:
    table = Table(title="What it takes", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    for key, words in UNITS.items():
        scale = 1e9 if key.endswith("bytes") else 1
        table.add_row(words, *(f"{needs[key] / scale:,.4g}" for needs in found.values()))
    return table
