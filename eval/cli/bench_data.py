"""`genrec-eval bench data`: how fast check-ins are read and counted and rankings scored, against other libraries."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from eval.bench.data import measured, rows_table, to_json
from genrec.cli.console import err, out
from genrec.files import write_text


def data(
    checkins: Annotated[int, typer.Option("--checkins", min=1000, metavar="N", help="Made check-ins.")] = 1_000_000,
    rankings: Annotated[int, typer.Option("--rankings", min=100, metavar="N", help="Made rankings.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="Of what is made.")] = 0,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time reading check-ins, counting everybody's habits, and scoring rankings.

    Beside them stand pandas, ranx and RecTools, as far as they are installed. Figures are of one machine; ratios
    travel.
    """
    rows = []
    with err.status("check-ins") as status, TemporaryDirectory() as folder:
        for row in measured(checkins, rankings, Path(folder), seed):
            rows.append(row)
            status.update(f"{row.task}: {row.way} done")
    out.print(rows_table(rows))
    if output:
        settings = {"checkins": checkins, "rankings": rankings, "seed": seed}
        write_text(output, json.dumps(to_json(rows, settings), indent=1) + "\n")
