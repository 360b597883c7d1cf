"""`genrec-eval bench jobs`: profiles of many people by one process, by several, and on Ray."""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from eval.bench import jobs as bench
from genrec.cli.console import err, out
from genrec.files import write_text

WAYS = ("one process", "ray", "processes")


def jobs(
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 10_000,
    days: Annotated[int, typer.Option(min=2, help="Days of their check-ins, about one a day.")] = 60,
    workers: Annotated[int, typer.Option(min=2, help="Of processes, and on Ray.")] = 2,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time `genrec profile --writer habits` in one process, in several, and on Ray; all must write the same bytes."""
    with TemporaryDirectory() as folder:
        with err.status("making a city"):
            data = bench.city(people, days, Path(folder))
        rows = []
        for row in bench.measure(data, Path(folder), people, workers, WAYS):
            rows.append(row)
            err.print(f"{row.way}: {row.clock:,.1f} s, {row.cpu:,.1f} s of processors")
    table = Table(title=f"Profiles of {people:,} people", title_justify="left")
    for heading in ("way", "workers", "s", "processor s", "of it serial", "people/s", "same bytes"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in rows:
        times = (f"{seconds:,.1f}" for seconds in (row.clock, row.cpu, row.cpu_serial, row.per_second))
        table.add_row(row.way, str(row.workers), *times, "yes" if row.same else "no")
    out.print(table)
    if output:
        settings = {"people": people, "days": days, "workers": workers, "seed": bench.SEED}
        write_text(output, json.dumps({"settings": settings, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
