"""`genrec-eval serving-sim`: how long adapters should be kept loaded."""

from math import isfinite
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from eval.cli.experiments import rich_table
from eval.cli.options import Output
from eval.serving import study
from eval.serving.loads import fitted, read_log
from eval.serving.replay import Floats
from genrec.cli.console import out, progress_bar
from genrec.errors import GenRecError, InputError
from genrec.files import one_writer, require_only
from genrec.llm.vllm.keep_alive import DAY, Costs
from genrec.validation import shortened


def serving_sim(
    context: typer.Context,
    output: Output,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Requests that came: a CSV of time and adapter. Default: made loads."),
    ] = None,
    starts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Starts that were measured (Parquet, column seconds). Default: log-normal."),
    ] = None,
    adapters: Annotated[int, typer.Option(min=1, metavar="N", help="Adapters of the made loads.")] = 40,
    days: Annotated[float, typer.Option(min=0.01, metavar="N", help="Days of the made loads.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Made loads of each kind.")] = 3,
    wait: Annotated[float, typer.Option(min=0, help="What a second costs that a request waits.")] = 1.0,
    idle: Annotated[float, typer.Option(min=0, help="What a second costs that a loaded adapter is idle.")] = 0.02,
    room: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Adapters that can be loaded at once; compares evictions.")
    ] = None,
) -> None:
    """Replay requests for adapters, and say which keep-alive costs least: waiting for starts against idle room."""
    context.with_resource(one_writer(output, folder=True))
    require_only(output, study.contents())
    for name, price in (("--wait", wait), ("--idle", idle)):
        if not isfinite(price):
            raise GenRecError(f"{name}: must be a finite number")
    setting = study.Setting(adapters, days * DAY, seeds, Costs(wait, idle), room)
    measured = None if starts is None else _seconds(starts)
    loads = [(0, fitted(*read_log(log), measured, 0, log.name))] if log else study.generated(setting, measured)
    with progress_bar() as bar:
        task = bar.add_task("replaying", total=len(loads) * study.replays(setting))
        rows = [row for seed, load in loads for row in study.rows_of(load, seed, setting, lambda: bar.advance(task))]
    for table in study.write(output, setting, rows):
        out.print(rich_table(table))
    out.print(study.EXPLAINED)
    out.print(f"{output / 'report.html'}, report.md and metrics.json beside it", markup=False)


def _seconds(path: Path) -> Floats:
    try:
        seconds = pl.read_parquet(path, glob=False)["seconds"].cast(pl.Float64).drop_nulls()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"holds no starts: {shortened(str(error))}.", file=path, fix="`genrec vllm` keeps them."
        ) from None
    if seconds.is_empty() or not seconds.is_finite().all() or (seconds < 0).any():
        raise InputError("holds no seconds from 0 up.", file=path, column="seconds")
    return seconds.to_numpy()
