"""What keeping adapters costs: policies on loads, what eviction costs where room is short, and a report of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np

from eval.experiments.experiment import OVERVIEW, to_json
from eval.report import charts
from eval.report.charts import MARKERS, SERIES, add_legend, new_axes, styled, to_svg
from eval.report.sections import Figure, Section
from eval.report.tables import Cell, Table
from eval.report.write import render
from eval.serving.loads import GENERATED
from eval.serving.replay import EVICTIONS, Auto, Evict, Fixed, Floats, Load, Policy, Replay, Replayed
from genrec.files import write_text
from genrec.llm.vllm.keep_alive import Costs

GRID: Final = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 1200.0, 2400.0)
PAPER: Final = "60 s"  # the keep-alive that it found in use
BEST: Final = "best fixed time, in hindsight"
PICTURE: Final = "keep-alive.svg"
COLUMNS: Final = ["cost", "ratio", "cold", "wait, s", "idle, h", "use/start"]
EXPLAINED: Final = (
    "Columns: what it costs; that over the better of never and always; share of requests that needed a start; seconds "
    "that one waited; hours of idle adapters; seconds of use over seconds of start, the median of all starts."
)


@dataclass(frozen=True)
class Setting:
    """What is replayed: so many adapters and seconds, what they cost, and room for so many."""

    adapters: int
    seconds: float
    seeds: int
    costs: Costs
    room: int | None


def rows_of(load: Load, seed: int, setting: Setting, progress: Callable[[], None]) -> list[dict[str, Any]]:
    """One row a policy, and where room is short one a way of evicting."""
    rows: list[dict[str, Any]] = []

    def replay(policy: Policy, room: int | None = None, evict: Evict = "lru", name: str | None = None) -> None:
        result = Replay(load, policy, room, evict).run()
        rows.append({"load": load.name, "seed": seed, "policy": name or policy.name, **_figures(result, setting.costs)})
        progress()

    for seconds in (0.0, inf, *GRID):
        replay(Fixed(seconds))
    replay(Auto(setting.costs))
    replay(Auto(setting.costs, prewarm=False))
    if setting.room:
        for evict in EVICTIONS:
            replay(Auto(setting.costs), setting.room, evict, f"auto, room for {setting.room}, {evict} goes")
    fixed = [row for row in rows if row["policy"].endswith(" s") or row["policy"] in ("never", "always")]
    return [*rows, min(fixed, key=lambda row: row["cost"]) | {"policy": BEST}]


def generated(setting: Setting, starts: Floats | None) -> list[tuple[int, Load]]:
    """The three loads, each for every seed; `starts`: seconds that starts were measured to take."""
    return [
        (seed, make(setting.adapters, setting.seconds, seed, starts))
        for make in GENERATED
        for seed in range(setting.seeds)
    ]


def contents() -> set[str]:
    """What the folder of a study holds."""
    return {*OVERVIEW, PICTURE}


def replays(setting: Setting) -> int:
    """How many replays a load takes."""
    return 2 + len(GRID) + 2 + (len(EVICTIONS) if setting.room else 0)


def _figures(result: Replayed, costs: Costs) -> dict[str, float]:
    return {
        "cost": result.cost(costs),
        "cold": result.cold / result.requests,
        "wait": result.waited / result.requests,
        "idle": result.idle,
        "requests": result.requests,
        "ahead": result.ahead,
        "evicted": result.evicted,
        "ratio": float(np.median(result.ratios)) if result.ratios else 0.0,
    }


def tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """One a load: each policy's cost against the better of "never" and "always", and what it consists of."""
    made = []
    for load in dict.fromkeys(row["load"] for row in rows):
        own = [row for row in rows if row["load"] == load]
        shown = [
            name for name in dict.fromkeys(row["policy"] for row in own) if name == PAPER or not name.endswith(" s")
        ]
        lines = [(name, _cells([row for row in own if row["policy"] == name], own)) for name in shown]
        requests = np.mean([row["requests"] for row in own])
        seeds = len({row["seed"] for row in own})
        made.append(Table(load, COLUMNS, lines, f"{requests:,.0f} requests; seeds: {seeds}, means and range."))
    return made


def _cells(rows: Sequence[dict[str, Any]], all_rows: Sequence[dict[str, Any]]) -> list[Cell]:
    shares = [row["cost"] / yardstick(all_rows, row["seed"]) for row in rows]
    means = {name: float(np.mean([row[name] for row in rows])) for name in ("cost", "cold", "wait", "idle", "ratio")}
    return [
        Cell(f"{means['cost']:,.0f}"),
        Cell(f"{np.mean(shares):.2f}", f"{min(shares):.2f} to {max(shares):.2f}" if len(shares) > 1 else ""),
        Cell(f"{means['cold']:.3f}"),
        Cell(f"{means['wait']:.2f}"),
        Cell(f"{means['idle'] / 3600:,.1f}"),
        Cell(f"{means['ratio']:.1f}"),
    ]


def yardstick(rows: Sequence[dict[str, Any]], seed: int) -> float:
    """The cost of the better of "never" and "always"; 1 where that is nothing."""
    costs = [float(row["cost"]) for row in rows if row["seed"] == seed and row["policy"] in ("never", "always")]
    return min(costs) or 1.0


@styled
def curve(rows: Sequence[dict[str, Any]]) -> str:
    """Cost by keep-alive, a line a load, with what the learned one costs as a dashed line."""
    axes = new_axes(3.0)
    for number, load in enumerate(dict.fromkeys(row["load"] for row in rows)):
        own = [row for row in rows if row["load"] == load and row["seed"] == 0]
        least = yardstick(own, 0)
        costs = [next(row["cost"] for row in own if row["policy"] == Fixed(seconds).name) / least for seconds in GRID]
        learned = next(row["cost"] for row in own if row["policy"] == "auto") / least
        axes.plot(GRID, costs, color=SERIES[number], marker=MARKERS[number], markersize=3, label=load)
        axes.axhline(learned, color=SERIES[number], linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("keep-alive, s; dashed: learned")
    axes.set_ylabel("cost of the better of never and always")
    add_legend(axes)
    return to_svg(axes, "keep-alive", "Curves: cost by keep-alive, a line a load")


def write(out: Path, setting: Setting, rows: Sequence[dict[str, Any]]) -> list[Table]:
    """metrics.json, report.md and report.html."""
    made = tables(rows)
    text = (
        f"A second of waiting costs {setting.costs.wait:g}, a second of an idle adapter {setting.costs.room:g}. Each "
        "start takes what its request drew, so that policies are compared on the same starts. Never: dropped at once; "
        "always: never dropped; auto: each adapter's own gaps and hours decide, as they come. {EXPLAINED}"
    )
    page = {
        "verdicts": [],
        "summary": "What keeping adapters loaded costs.",
        "warnings": [],
        "settings": [(key, str(value)) for key, value in asdict(setting).items()],
        "sections": [Section("policies", "Policies", text, made, [Figure("Keep-alive", curve(rows), PICTURE)])],
    }
    figures = {"command": "serving-sim", "settings": asdict(setting), "rows": rows}
    texts = to_json(figures), render("report.md.jinja", page), render("report.html.jinja", page)
    write_text(out / PICTURE, charts.standalone(curve(rows)))
    for name, content in zip(OVERVIEW, texts, strict=True):
        write_text(out / name, content)
    return made
