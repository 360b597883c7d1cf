"""`genrec-eval run`: several methods on the very same examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.table import Table

from eval.cli.asked import prepared, print_examples
from eval.cli.command_line import command_line
from eval.cli.options import METHOD, AdaptedNames, Aggregates, Choice, Draw, Output, Profiles, Rankers
from eval.cli.report import report
from eval.experiments.experiment import run_figures, to_json
from eval.measures.metrics import score
from eval.methods.llm import Models
from eval.methods.method import Method
from eval.methods.names import make_methods
from eval.protocol import REFRESH_DAYS, Cases, TimeKnown
from eval.run import CONFIG, RANKINGS, TIMES, read_config, read_times
from eval.run import run as run_all
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, Reading
from genrec.cli.placing import Placing
from genrec.cli.server_loads import ServerLoads
from genrec.files import write_text


@bundled
def run(
    context: typer.Context,
    path: CheckinsPath,
    names: Annotated[list[str], METHOD],
    output: Output,
    *,
    profiles: Profiles = None,
    choice: Choice,
    refresh: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="How often rolling refreshes the evidence.")
    ] = REFRESH_DAYS,
    time: Annotated[TimeKnown, typer.Option(help="Whether methods are told the time of the visit.")] = "given",
    draw: Draw,
    model: AdaptedNames,
    rankers: Rankers = None,
    aggregates: Aggregates = None,
    placing: Placing,
    reading: Reading,
) -> None:
    """Rank the same examples with several methods; run again after a kill, it goes on where it stopped."""
    asked, shelf = prepared(
        context, path, output, profiles, choice, draw, reading, refresh_days=refresh, timed=time == "given"
    )
    models = Models(asked.checkins, model.model, model.server, model.adapter)
    methods = make_methods(names, models, shelf, seed=draw.seed, rankers=rankers)
    print_examples(asked)
    left_out = _ranked_before(output) - set(names)
    loads = ServerLoads(model.server)
    with progress_bar() as bar:
        tasks = {name: bar.add_task(name, total=len(asked.examples)) for name in names}
        run_all(
            asked,
            methods,
            output,
            name=path.name,
            profiles=shelf.given,
            progress=lambda method, done, total: bar.update(
                tasks[method], completed=done, total=total, description=loads.line(method)
            ),
            placing=placing,
        )
    loads.print()
    _print_results(asked, methods, output)
    if left_out:
        err.print(
            f"note: {', '.join(sorted(left_out))}: in this folder, not in its report now; name them again", markup=False
        )
    if aggregates:
        write_text(aggregates, to_json(run_figures(output, command_line(context))))


def _ranked_before(output: Path) -> set[str]:
    """The methods of the run that the folder holds; none if it holds none."""
    return set(read_config(output)["methods"]) if (output / CONFIG).exists() else set()


def _print_results(asked: Cases, methods: Sequence[Method], output: Path) -> None:
    """Hits and speed of each method."""
    scores = score(asked.frame, pl.read_parquet(output / RANKINGS, glob=False), asked.checkins.pois)
    times = read_times(output / TIMES)
    table = Table(title=f"{output}", title_justify="left")
    for heading in ("method", "Acc@1", "Acc@10", "MRR@20", "failures", "rankings/s"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for method in methods:
        own = scores.filter(pl.col("method") == method.name)
        [means] = own.select(pl.col("acc@1", "acc@10", "mrr").mean()).rows()
        failures = own["failure"].count()
        spent = times.get(method.name, {"rankings": 0, "seconds": 0.0})
        table.add_row(
            method.name,
            *(f"{mean:.3f}" for mean in means),
            str(failures),
            f"{spent['rankings'] / spent['seconds']:,.1f}" if spent["seconds"] else "-",
        )
    out.print(table)
    report(output)
