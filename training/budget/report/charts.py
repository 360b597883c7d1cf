"""The charts of a study, in the style of the evaluation's."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from eval.report.charts import INK, MARKERS, MUTED, SERIES, Estimate, add_legend, new_axes, styled, to_svg

DASHES = ("-", (0, (4, 2)))  # a second round of the colours
LEVELS = ((0, (1, 2)), (0, (6, 3)))  # how level lines are drawn


@styled
def curves(
    name: str,
    budgets: Sequence[float],
    lines: Mapping[str, Sequence[Estimate | None]],
    labels: tuple[str, str],
    *,
    levels: Mapping[str, float] | None = None,
) -> str:
    """Score over budget (logarithmic axis), a line with intervals a share; None leaves a gap.

    `labels`: of the axes; `levels`: scores that stand for all budgets, a level line each.
    """
    axes = new_axes(3.2)
    x = np.array(budgets, dtype=np.float64)
    for i, (line, estimates) in enumerate(lines.items()):
        colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
        shift = 1 + 0.02 * (i - (len(lines) - 1) / 2)
        known = [(at * shift, one) for at, one in zip(x, estimates, strict=True) if one]
        axes.plot(
            [at for at, _ in known],
            [one.value for _, one in known],
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1.3,
            linestyle=DASHES[i // len(SERIES) % len(DASHES)],
            label=line,
        )
        for at, one in known:
            axes.vlines(at, one.low, one.high, color=colour, linewidth=0.9, alpha=0.6)
    for (level, at), dashes in zip((levels or {}).items(), LEVELS, strict=False):
        axes.axhline(at, color=MUTED, linewidth=1.1, linestyle=dashes, label=level, zorder=1)
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{budget:,g}" for budget in budgets])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    add_legend(axes)
    return to_svg(axes, name, f"Curves with 95% intervals: {labels[1]} over {labels[0]}, of {', '.join(lines)}")


@styled
def heat_map(
    name: str, budgets: Sequence[float], shares: Sequence[float], values: Sequence[Sequence[float | None]], label: str
) -> str:
    """Scores by share (a row each) and budget (a column each), the darker the better; a frame marks each best."""
    axes = new_axes(0.7 + 0.3 * len(shares))
    table = np.array(values, dtype=np.float64)  # None becomes NaN
    low, high = np.nanmin(table), np.nanmax(table)
    for (row, column), value in np.ndenumerate(table):
        if np.isnan(value):
            continue
        best = value == np.nanmax(table[:, column])
        strength = 0.05 + 0.6 * (value - low) / ((high - low) or 1)
        corner = (column - 0.47, row - 0.45)
        axes.add_patch(Rectangle(corner, 0.94, 0.9, facecolor=SERIES[0], alpha=strength, linewidth=0))
        if best:
            axes.add_patch(Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=INK, linewidth=1.2))
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=8)
    axes.set_xlim(-0.5, len(budgets) - 0.5)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xticks(range(len(budgets)), [f"{budget:,g}" for budget in budgets])
    axes.set_yticks(range(len(shares)), [f"{share:g}" for share in shares])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel(label)
    axes.set_ylabel("share for SFT")
    return to_svg(axes, name, f"Heat map: scores by share for SFT and {label}; the best of each budget is framed")
