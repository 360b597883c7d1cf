"""The report's charts: inline SVG that takes colours and fonts from the page, the same bytes for the same data.

Matplotlib draws with stand-in colours, which then become CSS variables (`--ink`, `--muted`, `--line`, `--series-1` to
`--series-5`, `--sans`): one chart serves light, dark and print. Texts stay texts.
"""

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

INK, MUTED, LINE = "#010101", "#020202", "#030303"
SERIES = ("#040404", "#050505", "#060606", "#070707", "#080808")
MARKERS = ("o", "s", "^", "D", "v")  # so that series differ without colours, too

WIDTH = 4.6  # inches: texts are then readable on a phone...
SCALE = 1.4  # ... and on a wide screen, where an inch has 96 pixels
SHARE_TICKS = (0, 0.25, 0.5, 0.75, 1)
KM_TICKS = (0.1, 1, 10, 100, 1000)

_CSS = {INK: "ink", MUTED: "muted", LINE: "line"} | {colour: f"series-{i}" for i, colour in enumerate(SERIES, start=1)}
_FONT = "DejaVu Sans"  # comes with Matplotlib: the same measures on every machine
_STYLE: dict[Any, Any] = {  # Matplotlib's own type lists all of its keys
    "font.family": _FONT,
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "genrec",
}
styled = mpl.rc_context(_STYLE)


class Estimate(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


@styled
def bars(name: str, rows: Mapping[str, Estimate], colours: Mapping[str, int], label: str) -> str:
    """Horizontal bars with intervals, the first row on top; `colours` numbers each row's series."""
    axes = new_axes(0.6 + 0.26 * len(rows))
    for y, (row, estimate) in enumerate(rows.items()):
        axes.barh(y, estimate.value, height=0.62, color=SERIES[colours[row]], alpha=0.75)
        axes.hlines(y, estimate.low, estimate.high, color=INK, linewidth=1.3)
    _name_rows(axes, list(rows))
    axes.set_xlim(left=0)
    axes.set_xlabel(label)
    return to_svg(axes, name, f"Bars: {label}, with 95% intervals")


@styled
def differences(name: str, rows: Sequence[tuple[str, Estimate]], label: str) -> str:
    """Points with intervals around a line at zero, the first row on top."""
    axes = new_axes(0.6 + 0.26 * len(rows))
    axes.axvline(0, color=INK, linewidth=0.9)
    for y, (_, estimate) in enumerate(rows):
        apart = estimate.low > 0 or estimate.high < 0
        colour = SERIES[0] if apart else MUTED
        axes.hlines(y, estimate.low, estimate.high, color=colour, linewidth=1.6)
        axes.plot(estimate.value, y, "o", color=colour, markersize=5)
    _name_rows(axes, [row for row, _ in rows])
    axes.set_xlabel(label)
    return to_svg(axes, name, f"Points with 95% intervals: {label}")


@styled
def reliability(name: str, confidence: ArrayLike, accuracy: ArrayLike, counts: ArrayLike) -> str:
    """Accuracy of each bin of confidence, against the diagonal of a calibrated method; dots grow with their counts."""
    axes = new_axes(2.8, width=3.0)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    share = np.asarray(counts) / np.asarray(counts).sum()
    axes.plot(confidence, accuracy, color=SERIES[0], linewidth=1, alpha=0.6)
    axes.scatter(confidence, accuracy, s=14 + 160 * share, color=SERIES[0], linewidths=0, clip_on=False, zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=SHARE_TICKS, yticks=SHARE_TICKS, aspect="equal")
    axes.set_xlabel("probability of the first place")
    axes.set_ylabel("share that was right")
    return to_svg(axes, name, "Curve: share of first places that were right, by their probability")


@styled
def groups(name: str, labels: Sequence[str], series: Mapping[str, Sequence[Estimate | None]], label: str) -> str:
    """Points with intervals, a column a group and a mark a series (at most five); None leaves a gap.

    A series of gaps alone is not shown, but keeps its mark, so that a method looks the same in all charts.
    """
    axes = new_axes(2.7)
    width = 0.62 / max(len(series), 1)
    for i, (row, estimates) in enumerate(series.items()):
        if not any(estimates):
            continue
        colour, shift = SERIES[i], (i - (len(series) - 1) / 2) * width
        axes.plot([], [], MARKERS[i], color=colour, label=row)
        for x, estimate in enumerate(estimates):
            if estimate is not None:
                axes.vlines(x + shift, estimate.low, estimate.high, color=colour, linewidth=1.5)
                axes.plot(x + shift, estimate.value, MARKERS[i], color=colour, markersize=4.5, clip_on=False)
    axes.set_xticks(range(len(labels)), labels, color=INK)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(label)
    add_legend(axes)
    return to_svg(axes, name, f"Points with 95% intervals: {label} of {', '.join(series)} in {', '.join(labels)}")


@styled
def cumulative(name: str, series: Mapping[str, tuple[ArrayLike, ArrayLike]], label: str) -> str:
    """Distances in km (logarithmic axis from 100 m on) by the share of the examples below them, a line a series."""
    axes = new_axes(3.0)
    for i, (row, (kilometres, shares)) in enumerate(series.items()):
        axes.plot(kilometres, shares, color=SERIES[i], linewidth=1.4, marker=MARKERS[i], markersize=3, label=row)
    axes.set_xscale("symlog", linthresh=KM_TICKS[0], linscale=0.4)
    axes.set_xlim(left=0)
    axes.set_xticks([0, *KM_TICKS], ["0", *(f"{km:,g}" for km in KM_TICKS)])
    axes.minorticks_off()
    axes.set(ylim=(0, 1), yticks=SHARE_TICKS, ylabel="share of the examples", xlabel=label)
    add_legend(axes)
    return to_svg(axes, name, f"Curves: share of the examples by {label}, of {', '.join(series)}")


def new_axes(height: float, width: float = WIDTH) -> Axes:
    """A figure of its own, in inches."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def _name_rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def add_legend(axes: Axes) -> None:
    """The names of what is drawn, above it."""
    handles, labels = axes.get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside upper left", ncols=2, handlelength=1.4, columnspacing=1.4)


def to_svg(axes: Axes, name: str, description: str) -> str:
    """The figure as an element of an HTML page; `name` keeps its ids apart from those of the other charts."""
    figure, buffer = axes.figure, io.StringIO()
    assert isinstance(figure, Figure)  # noqa: S101 - narrows the type
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = re.sub(r" <defs>\s*<style.*?</style>\s*</defs>\n", "", buffer.getvalue(), count=1, flags=re.DOTALL)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub("|".join(_CSS), lambda match: f"var(--{_CSS[match[0]]})", svg)
    svg = svg.replace(f"'{_FONT}'", "var(--sans)")
    _, _, rest = svg.partition("<svg ")
    attributes, _, drawing = rest.partition(">")
    [box] = re.findall(r'viewBox="[^"]*"', attributes)
    width = round(72 * figure.get_figwidth() * SCALE)
    return f'<svg {box} width="{width}" role="img" aria-label="{escape(description)}">{drawing.rstrip()}'


def standalone(svg: str) -> str:
    """A chart of `to_svg` as a file of its own, on white and in the colours of a light page."""
    for colour, variable in _CSS.items():
        svg = svg.replace(f"var(--{variable})", colour)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" style="background: white"'
    return svg.replace("var(--sans)", "sans-serif").replace("<svg ", f"<svg {spaces} ", 1) + "\n"
