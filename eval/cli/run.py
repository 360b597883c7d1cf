"""`genrec-eval run`: several methods on the very same examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from eval.cli.command_line import command_line
from eval.cli.options import METHOD, Adapter, Aggregates, Limit, Output, Part, Preset, Profiles, Seed, Split
from eval.cli.report import report
from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, Columns, DayFirst, OnBadRows, Pois, Timezone, load_checkins
from genrec.cli.profile import Model, Server
from genrec.files import one_writer, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.methods.method import Method
    from eval.protocol import Cases

COUNTS = {"check_ins": "check-ins", "users": "users", "pois": "POIs"}


def run(
    context: typer.Context,
    path: CheckinsPath,
    names: Annotated[list[str], METHOD],
    output: Output,
    profiles: Profiles = None,
    split: Split = "llm4poi",
    part: Part = "test",
    preset: Preset = None,
    refresh: Annotated[int, typer.Option(min=1, metavar="DAYS", help="How often rolling refreshes the evidence.")] = 7,
    time: Annotated[
        Literal["given", "unknown"], typer.Option(help="Whether methods are told the time of the visit.")
    ] = "given",
    limit: Limit = None,
    seed: Seed = 0,
    model: Model = None,
    server: Server = None,
    adapter: Adapter = None,
    aggregates: Aggregates = None,
    columns: Columns = None,
    on_bad_rows: OnBadRows = "fail",
    day_first: DayFirst = None,
    timezone: Timezone = None,
    pois: Pois = None,
) -> None:
    """Rank the same examples with several methods; run again after a kill, it goes on where it stopped."""
    from eval.experiments.experiment import run_figures, to_json
    from eval.methods.llm import Models  # deferred: --help needs no Polars
    from eval.methods.names import make_methods
    from eval.protocol import cases
    from eval.run import run as run_all
    from genrec.profiles.shelf import ProfileShelf, read_given

    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    checkins = load_checkins(
        path, columns=columns, on_bad_rows=on_bad_rows, day_first=day_first, timezone=timezone, pois=pois
    )
    asked = cases(
        checkins, split, part=part, preset=preset, refresh_days=refresh, timed=time == "given", limit=limit, seed=seed
    )
    shelf = ProfileShelf(given, asked.checkins, seed=seed)
    methods = make_methods(names, Models(asked.checkins, model, server, adapter), shelf, seed=seed)
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


def print_examples(asked: "Cases") -> None:
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
    from eval.run import CONFIG, read_config

    return set(read_config(output)["methods"]) if (output / CONFIG).exists() else set()


def _print_results(asked: "Cases", methods: "Sequence[Method]", output: Path) -> None:
    """Hits and speed of each method."""
    import polars as pl

    from eval.measures.metrics import score
    from eval.run import RANKINGS, TIMES, read_times

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
