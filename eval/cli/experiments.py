"""`genrec-eval ablation`, `cold-start` and `cross-city`: runs that each answer one question, with their report."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE
from rich.table import Table as RichTable

from eval.cli.command_line import command_line
from eval.cli.options import METHOD, Adapter, Aggregates, Limit, Output, Part, Preset, Profiles, Seed, Split
from eval.cli.run import print_examples
from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, Columns, DayFirst, OnBadRows, Pois, Timezone, load_checkins
from genrec.cli.profile import Model, NoAdapter, Server
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only, write_text

if TYPE_CHECKING:
    from eval.experiments.experiment import Outcome
    from eval.methods.method import Method
    from eval.protocol import Cases
    from eval.report.tables import Table
    from eval.run import Progress
    from genrec.checkins import Checkins
    from genrec.rankers.habit_weights import FittedWeights


def ablation(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    profiles: Profiles = None,
    split: Split = "llm4poi",
    part: Part = "test",
    preset: Preset = None,
    limit: Limit = None,
    seed: Seed = 0,
    model: Model = None,
    server: Server = None,
    adapter: Annotated[str | None, typer.Option(metavar="DIR", help="LoRA adapter to put on the model.")] = None,
    plain: NoAdapter = False,
    aggregates: Aggregates = None,
    columns: Columns = None,
    on_bad_rows: OnBadRows = "fail",
    day_first: DayFirst = None,
    timezone: Timezone = None,
    pois: Pois = None,
) -> None:
    """Say which parts of the profile matter: GenUP's table, without the habit table, controls, and yardsticks."""
    from eval.experiments import experiment  # deferred: --help needs no Polars
    from eval.methods.llm import Models
    from eval.methods.names import make_methods
    from eval.protocol import cases
    from genrec.profiles.shelf import ProfileShelf, read_given

    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    checkins = load_checkins(
        path, columns=columns, on_bad_rows=on_bad_rows, day_first=day_first, timezone=timezone, pois=pois
    )
    asked = cases(checkins, split, part=part, preset=preset, limit=limit, seed=seed)
    shelf = ProfileShelf(given, asked.checkins, seed=seed)
    models = Models(asked.checkins, model, server, adapter)
    names = experiment.ablation_methods(adapted=not plain and models.adapter is not None)
    methods = make_methods(names, models, shelf, seed=seed)
    print_examples(asked)
    with _progress() as progress:
        found = experiment.ablation(asked, methods, output, name=path.name, profiles=shelf.given, progress=progress)
    _conclude(context, found, output, aggregates, experiment.compact_table(f"{path.name}, {split}", found.overall))


def cold_start(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    names: Annotated[list[str] | None, METHOD] = None,
    split: Annotated[
        Literal["llm4poi", "all-visits"], typer.Option(help="Which visits are to be predicted.")
    ] = "all-visits",
    users: Annotated[int, typer.Option(min=1, metavar="N", help="Cut the history of N users, drawn at random.")] = 20,
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
    """Say how accuracy grows with the user's history, from none to 20 check-ins, on the same visits.

    Without --method: popularity, most-frequent, habits and the model as it ranks by default. Profiles are those by
    templates of what is left of a history, as one written from all of it would know too much.
    """
    from eval.experiments import cold_start as preset  # deferred: --help needs no Polars
    from eval.methods.llm import Models
    from eval.methods.names import make_methods
    from eval.protocol import cases
    from genrec.profiles.shelf import ProfileShelf

    context.with_resource(one_writer(output, folder=True))
    checkins = load_checkins(
        path, columns=columns, on_bad_rows=on_bad_rows, day_first=day_first, timezone=timezone, pois=pois
    )
    require_only(output, preset.contents())
    sample = preset.newcomers(cases(checkins, split), users=users, limit=limit, seed=seed)

    def methods_for(asked: "Cases") -> "list[Method]":
        models = Models(asked.checkins, model, server, adapter)
        chosen = names or preset.default_methods(adapted=models.adapter is not None)
        return make_methods(chosen, models, ProfileShelf([], asked.checkins, seed=seed), seed=seed)

    print_examples(sample.asked)
    with _progress() as progress:
        found = preset.cold_start(sample, methods_for, output, name=path.name, progress=progress)
    tables = [preset.history_table(found.overall, metric) for metric in ("acc@1", "acc@10")]
    if found.groups:
        tables.append(preset.newcomer_table(found.groups))
    elif sample.real:
        count = len(sample.real.examples)
        out.print(f"real newcomers: {count:,} visits, of which each group has a single user, so none is shown")
    _conclude(context, found, output, aggregates, *tables)


def cross_city(
    context: typer.Context,
    train: Annotated[
        Path, typer.Option("--train", metavar="IN", help="The city to carry from: a file, or a prepared folder.")
    ],
    test: Annotated[Path, typer.Option("--test", metavar="IN", help="The city to carry to.")],
    output: Output,
    profiles: Profiles = None,
    split: Split = "llm4poi",
    limit: Limit = None,
    seed: Seed = 0,
    model: Model = None,
    server: Server = None,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="LoRA adapter for a catalogue of any city."),
    ] = None,
    aggregates: Aggregates = None,
    columns: Columns = None,
    on_bad_rows: OnBadRows = "fail",
    day_first: DayFirst = None,
    timezone: Timezone = None,
    pois: Pois = None,
) -> None:
    """Say what serves in another city: habit weights against its own, and with --adapter an adapter against none.

    Options for reading apply to both cities; where their files differ, prepare them (genrec data prepare).
    """
    from eval.experiments import cross_city as preset  # deferred: --help needs no Polars
    from eval.experiments.experiment import compact_table
    from eval.protocol import cases
    from genrec.fingerprint import fingerprint
    from genrec.profiles.shelf import read_given

    if adapter is None and (model or server or profiles):
        adapter = _own_adapter(model, server)
    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    home, away = (
        load_checkins(path, columns=columns, on_bad_rows=on_bad_rows, day_first=day_first, timezone=timezone, pois=pois)
        for path in (train, test)
    )
    if fingerprint(home) == fingerprint(away):
        raise GenRecError("--train and --test are the same check-ins: nothing would be carried")
    require_only(output, preset.CONTENTS)
    asked = cases(away, split, limit=limit, seed=seed)
    names = _names(train, test)
    models = preset.model_methods(asked, given, model, server, adapter, seed=seed) if adapter else []
    print_examples(asked)
    weights = (
        _fitted(home, names[0], output / preset.WEIGHTS[preset.CARRIED], seed),
        _fitted(away, names[1], output / preset.WEIGHTS[preset.OWN], seed),
    )
    with _progress() as progress:
        found = preset.cross_city(asked, weights, models, output, names=names, profiles=given, progress=progress)
    overall = compact_table(f"{' to '.join(names)}, {split}", found.overall)
    _conclude(context, found, output, aggregates, overall, preset.difference_table(found.differences))


def _fitted(checkins: "Checkins", name: str, path: Path, seed: int) -> "FittedWeights":
    """A city's own weights of the habits, kept in `path`."""
    from eval.experiments.cross_city import weights_of  # deferred: --help needs no Polars

    with err.status("fitting") as status:
        return weights_of(
            checkins,
            name,
            path,
            seed=seed,
            progress=lambda score: status.update(f"fitting in {name}: {score:.4f}"),
        )


def _own_adapter(model: str | None, server: str | None) -> str:
    """The adapter that comes with the model; raises GenRecError if there is none."""
    from genrec.llm.connect import default_adapter  # deferred: --help needs no model

    adapter = default_adapter(model, server)
    if adapter is None:
        raise GenRecError("--model, --server and --profiles go with --adapter; without one, no model ranks here")
    return adapter


def _names(train: Path, test: Path) -> tuple[str, str]:
    """What the cities are called: their files' names, with the folders' if these are the same."""
    if train.name == test.name:
        train, test = (Path(f"{path.resolve().parent.name} {path.name}") for path in (train, test))
    return train.name, test.name


@contextmanager
def _progress() -> "Iterator[Progress]":
    """A bar for each method that is heard of."""
    with progress_bar() as bar:
        tasks = {}

        def report(method: str, done: int, total: int) -> None:
            if method not in tasks:
                tasks[method] = bar.add_task(method, total=total)
            bar.update(tasks[method], completed=done)

        yield report


def _conclude(
    context: typer.Context, found: "Outcome", output: Path, aggregates: Path | None, *tables: "Table"
) -> None:
    """Print tables and verdicts, and write the aggregates if asked."""
    from eval.experiments.experiment import to_json

    for table in tables:
        out.print(_rich(table))
    for verdict in found.verdicts:
        out.print(" ".join([verdict.headline, *verdict.reasons]), markup=False)
    out.print(f"{output / 'report.html'}, report.md and metrics.json beside it", markup=False)
    if aggregates:
        write_text(aggregates, to_json(asdict(found) | {"command": command_line(context)}))


def _rich(table: "Table") -> RichTable:
    """For the terminal: each figure above its interval."""
    shown = RichTable(title=table.caption, title_justify="left", box=SIMPLE, pad_edge=False)
    shown.add_column(no_wrap=True)
    for column in table.columns:
        shown.add_column(column, justify="right")
    for heading, cells in table.rows:
        shown.add_row(heading, *(cell.text for cell in cells))
        shown.add_row("", *(cell.span for cell in cells), style="dim")
    return shown
