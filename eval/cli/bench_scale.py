"""`genrec-eval bench scale`: time and memory from a CSV file to rankings, at growing sizes."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from eval.bench.kept import kept
from eval.bench.scale import DAYS, SEED, K, Row, measure, to_json
from genrec.cli.console import err, out
from genrec.files import one_writer

SIZES = (1_000_000, 10_000_000, 100_000_000)
LEAST = 20_000


def scale(
    sizes: Annotated[
        list[int] | None, typer.Option("--size", min=LEAST, metavar="N", help="Check-ins. Else 1, 10 and 100 million.")
    ] = None,
    asked: Annotated[int, typer.Option(min=1, help="People who are ranked for at each size.")] = 512,
    work: Annotated[
        Path, typer.Option(metavar="DIR", help="A new folder for files, up to 250 bytes a check-in.")
    ] = Path("scale"),
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON; sizes that are there stay.")
    ] = None,
) -> None:
    """Measure a synthetic city from CSV to prepared data, everybody counted, and rankings of some people as Parquet.

    Beside it pandas, and the per-row way in which others prepare. A size takes about 10 seconds of CPU a million.
    """
    settings: dict[str, Any] = {"asked": asked, "k": K, "days": DAYS, "seed": SEED}
    settings |= {name: os.environ.get(name) for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS")}
    with one_writer(work, folder=True), kept(output, Row, settings, to_json) as known:
        for size in sizes or SIZES:
            if "rank" in {row.step for row in known.rows if row.check_ins == size}:
                continue
            known.rows = [row for row in known.rows if row.check_ins != size]
            with err.status(f"{size:,} check-ins"):
                for row in measure(size, work / f"{size}", asked):
                    known.add(row)
    rows = [row for row in known.rows if row.step]
    table = Table("check-ins", "step", "n", "wall s", "CPU s", "CPU s a million", "peak GB")
    for row in rows:
        figures = (
            f"{row.n:,}",
            f"{row.wall_s:,.1f}",
            f"{row.cpu_s:,.1f}",
            f"{row.per_million:,.2f}",
            f"{row.peak_gb:.2f}",
        )
        table.add_row(f"{row.check_ins:,}", row.step, *figures)
    out.print(table)
