"""`genrec-eval bench jobs`: profiles of many people by one process, by several, and on Ray."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from eval.bench import jobs as bench
from eval.bench.kept import kept
from genrec.cli.console import err, out


def jobs(
    people: Annotated[int, typer.Option(min=1, help="How many people.")] = 10_000,
    days: Annotated[int, typer.Option(min=2, help="Days of their check-ins, about one a day.")] = 60,
    workers: Annotated[int, typer.Option(min=2, help="Of processes, and on Ray.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="All figures as JSON; a killed command goes on from it."),
    ] = None,
) -> None:
    """Time `genrec profile --writer habits` in one process, in several, and on Ray; all must write the same bytes."""
    settings = {"people": people, "days": days, "workers": workers, "seed": bench.SEED}
    with kept(output, bench.JobRow, settings, bench.to_json) as known:
        missing = [way for way in bench.WAYS if way not in {row.way for row in known.rows}]
        with TemporaryDirectory() as folder, err.status("making a city") as status:
            data = bench.city(people, days, Path(folder)) if missing else Path(folder)
            for way in missing:
                status.update(way)
                known.add(bench.measure(data, Path(folder), people, workers, way))
    rows = known.rows
    table = Table(title=f"Profiles of {people:,} people", title_justify="left")
    for heading in ("way", "workers", "s", "processor s", "of it serial", "people/s", "same bytes"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in rows:
        times = (f"{seconds:,.1f}" for seconds in (row.clock, row.cpu, row.cpu_serial, row.per_second))
        table.add_row(row.way, str(row.workers), *times, "yes" if bench.same(rows)[row.way] else "no")
    out.print(table)
