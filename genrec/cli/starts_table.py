"""What starts of vLLM and of adapters took, as a table."""

import polars as pl
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from genrec.llm.vllm.starts import STAGES
from genrec.terminal import one_line

WIDTH = 30  # characters of the bar of the longest start
MARKS = "█▓▒░"  # one a stage


def starts_table(starts: pl.DataFrame) -> Table:
    """Medians of each kind and name: seconds by stage as a bar, and seconds of use over those of the start."""
    table = Table(box=SIMPLE, pad_edge=False, title="Starts, medians in seconds", title_justify="left")
    for column in ("", "starts", "seconds", "use / start"):
        table.add_column(column, justify="left" if not column else "right")
    legend = ", ".join(f"{mark} {stage.replace('_', ' ')}" for mark, stage in zip(MARKS, STAGES, strict=True))
    table.add_column(legend)
    groups = starts.group_by("kind", "name", maintain_order=True).agg(
        pl.len().alias("starts"),
        *(pl.col(stage).median() for stage in (*STAGES, "seconds")),
        (pl.col("lived") / pl.col("seconds")).median().alias("ratio"),
    )
    longest = max(groups["seconds"].to_list(), default=0) or 1
    for row in groups.iter_rows(named=True):
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:,.1f}"
        bar = "".join(mark * round(WIDTH * (row[s] or 0) / longest) for mark, s in zip(MARKS, STAGES, strict=True))
        name = Text(f"{row['kind']} {one_line(row['name'])}")
        table.add_row(name, f"{row['starts']}", f"{row['seconds']:.1f}", ratio, bar)
    return table
