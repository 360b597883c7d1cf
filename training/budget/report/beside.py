"""What stands beside the metric: the figure that a task has besides, as the share of supported sentences."""

from collections.abc import Sequence

from eval.report.sections import Section
from eval.report.tables import Cell, Table, share
from training.budget.report.answers import Bootstrap, Point, Scores
from training.budget.tasks.task import Scored


def beside_section(scores: Scores, template: Scored | None) -> Section:
    """The figure of each split and of what there is before any pair, and the template's."""
    boot = Bootstrap(scores.usable())
    rows = [(_name(point), [_cell(boot, point)]) for point in boot.scores.points]
    if template:
        rows.append(("a template", [Cell(share(_mean(template.beside)))]))
    return Section(
        "beside",
        "Supported sentences",
        "Of the sentences of a paragraph, the share that the person's visits support, as a mean over paragraphs.",
        [Table("Supported sentences", ["share"], rows)],
    )


def _name(point: Point) -> str:
    return "nothing (the untrained model)" if not any(point) else f"{point[0]:,} demonstrations, {point[1]:,} pairs"


def _cell(boot: Bootstrap, point: Point) -> Cell:
    value, low, high = boot.interval(point)
    return Cell(share(value), f"{share(low)} to {share(high)}")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
