"""`genrec-eval run`: several methods on the very same examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.table import Table

from eval.cli.command_line import command_line
from eval.cli.options import METHOD, AdaptedNames, Aggregates, Choice, Draw, Output, Profiles, Rankers
from eval.cli.report import report
from eval.experiments.experiment import run_figures, to_json
from eval.measures.metrics import score
from eval.methods.llm import Models
from eval.methods.method import Method
from eval.methods.names import make_methods
from eval.protocol import REFRESH_DAYS, Cases, TimeKnown, cases
from eval.run import CONFIG, RANKINGS, TIMES, read_config, read_times
from eval.run import run as run_all
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, Reading
from genrec.files import one_writer, write_text
from genrec.profiles.shelf import ProfileShelf, read_given

COUNTS = {"check_ins": "check-ins", "users": "users", "pois": "POIs"}


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
    reading: Reading,
) -> None:
    """Rank the same examples with several methods; run again after a kill, it goes on where it stopped."""
    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    checkins = reading.checkins(path)
    asked = cases(
        checkins,
        choice.split,
        part=choice.part,
        preset=choice.preset,
        refresh_days=refresh,
        timed=time == "given",
        limit=draw.limit,
        seed=draw.seed,
    )
    shelf = ProfileShelf(given, asked.checkins, seed=draw.seed)
    models = Models(asked.checkins, model.model, model.server, model.adapter)
    methods = make_methods(names, models, shelf, seed=draw.seed, rankers=rankers)
    print_examples(asked)
    left_out = _ranked_before(output) - set(names)
    with progress_bar() as bar:
        tasks = {name: bar.add_task(name, total=len(asked.examples)) for name in names}
        run_all(
            asked,
            methods,
            output,
            name=path.name,
            profiles=shelf.given,
            progress=lambda method, done, total: bar.update(tasks[method], completed=done, total=total),
        )
    _print_results(asked, methods, output)
    if left_out:
        err.print(
            f"note: {', '.join(sorted(left_out))}: in this folder, not in its report now; name them again", markup=False
        )
    if aggregates:
        write_text(aggregates, to_json(run_figures(output, command_line(context))))


def print_examples(asked: Cases) -> None:
    """How many examples there are, what was left out and why, and what a reader must know."""
    seed, data, kept = (asked.settings[name] for name in ("sample_seed", "data", "kept"))
    if kept != data:
        sizes = (f"{kept[name]:,} of {data[name]:,} {word}" for name, word in COUNTS.items())
        out.print(f"the preset keeps {', '.join(sizes)}", markup=False)
    sample = f", drawn from {asked.sampled_from:,} with seed {seed}" if asked.sampled_from else ""
    out.print(f"{len(asked.examples):,} examples{sample}", markup=False)
    if not asked.excluded:
        out.print("  nothing was left out")
    for reason, count in sorted(asked.excluded.items()):
        out.print(f"  left out: {count:,}, {reason}", markup=False)
    for warning in asked.warnings:
        err.print(f"warning: {warning}", markup=False)


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
