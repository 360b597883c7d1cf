"""`genrec-eval ablation`, `cold-start` and `cross-city`: runs that each answer one question, with their report."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE
from rich.progress import TaskID
from rich.table import Table as RichTable

from eval.cli.asked import prepared, print_examples
from eval.cli.command_line import command_line
from eval.cli.options import (
    METHOD,
    AdaptedNames,
    Aggregates,
    Choice,
    Draw,
    Home,
    ModelNames,
    Output,
    Profiles,
    Rankers,
    Split,
)
from eval.experiments import cold_more, cold_report, experiment, parts
from eval.experiments import cold_start as newcomers
from eval.experiments import cross_city as cities
from eval.methods.llm import Models
from eval.methods.method import Method
from eval.methods.names import NETWORKS, carried_methods, make_methods
from eval.protocol import Cases, FrozenSplit, cases
from eval.report.tables import Table
from eval.run import Progress
from genrec.checkins import Checkins
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, NoAdapter, Reading
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only, write_text
from genrec.fingerprint import fingerprint
from genrec.llm.connect import default_adapter
from genrec.profiles.shelf import ProfileShelf, read_given
from genrec.rankers.habit_weights import FittedWeights


@bundled
def ablation(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    *,
    of: Annotated[Literal["profile", "fusion"], typer.Option("--of", help="What is taken apart.")] = "profile",
    profiles: Profiles = None,
    choice: Choice,
    draw: Draw,
    model: ModelNames,
    adapter: Annotated[str | None, typer.Option(metavar="DIR", help="LoRA adapter to put on the model.")] = None,
    plain: NoAdapter = False,
    rankers: Rankers = None,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Say which parts of the profile matter: GenUP's table, without the habit table, controls, and yardsticks.

    With --of fusion: which parts of the fusion matter; each field left out, no residual network, a fixed gate.
    """
    if of == "fusion" and (profiles or model.model or model.server or adapter or plain):
        raise GenRecError("--of fusion asks no model: leave out --profiles, --model, --server, --adapter, --no-adapter")
    asked, shelf = prepared(context, path, output, profiles, choice, draw, reading)
    models = Models(asked.checkins, model.model, model.server, adapter)
    if of == "fusion":
        names = parts.part_methods(asked, rankers)
    else:
        names = experiment.ablation_methods(adapted=not plain and models.adapter("genrec") is not None)
    methods = make_methods(names, models, shelf, seed=draw.seed, rankers=rankers)
    print_examples(asked)
    tables = []
    with reporting() as progress:
        if of == "fusion":
            outcome = parts.ablation_of_fusion(asked, methods, output, name=path.name, progress=progress)
            tables = [parts.part_table(outcome)]
        else:
            given = shelf.given
            outcome = experiment.ablation(asked, methods, output, name=path.name, profiles=given, progress=progress)
    tables.insert(0, experiment.compact_table(f"{path.name}, {choice.split}", outcome.overall))
    conclude(context, outcome, output, aggregates, *tables)


@bundled
def cold_start(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    *,
    names: Annotated[list[str] | None, METHOD] = None,
    split: Annotated[FrozenSplit, typer.Option(help="Which visits are to be predicted.")] = "all-visits",
    users: Annotated[int, typer.Option(min=1, metavar="N", help="Cut the history of N users, drawn at random.")] = 20,
    rankers: Rankers = None,
    home: Home,
    draw: Draw,
    model: AdaptedNames,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Say how accuracy grows with the user's history, and how it is at new places and in a new city.

    Without --method: popularity, most-frequent, habits, fusion and the model as it ranks by default. Profiles are those
    by templates of what is left of a history, as one written from all of it would know too much.
    """
    context.with_resource(one_writer(output, folder=True))
    checkins = reading.checkins(path)
    city = None if home.train is None else Reading().checkins(home.train)
    if home.train_rankers and home.train is None:
        raise GenRecError("--train-rankers goes with --train, the city in which they were trained")
    require_only(output, newcomers.contents())
    sample = newcomers.newcomers(cases(checkins, split), users=users, limit=draw.limit, seed=draw.seed)

    def methods_for(asked: Cases, *, elsewhere: bool = False) -> list[Method]:
        models = Models(asked.checkins, model.model, model.server, model.adapter)
        chosen = names or newcomers.default_methods(adapted=models.adapter("genrec") is not None)
        here = [name for name in chosen if not (elsewhere and name in NETWORKS)]
        shelf = ProfileShelf([], asked.checkins, seed=draw.seed)
        made = make_methods(here, models, shelf, seed=draw.seed, rankers=None if elsewhere else rankers)
        return made + (carried_methods(chosen, home.train_rankers) if elsewhere and home.train_rankers else [])

    print_examples(sample.asked)
    with reporting() as progress:
        outcome = newcomers.cold_start(
            sample,
            methods_for,
            output,
            name=path.name,
            progress=progress,
            whole=checkins,
            home=city,
            city_methods_for=partial(methods_for, elsewhere=True),
        )
    tables = cold_report.tables(outcome, ("acc@1", "acc@10"))
    if outcome.groups:
        tables.append(cold_report.newcomer_table(outcome.groups))
    elif sample.real:
        count = len(sample.real.examples)
        out.print(f"real newcomers: {count:,} visits, of which each group has a single user, so none is shown")
    tables += [table for section in cold_more.sections(outcome.more) for table in section.tables]
    conclude(context, outcome, output, aggregates, *tables)


@bundled
def cross_city(
    context: typer.Context,
    train: Annotated[
        Path, typer.Option("--train", metavar="IN", help="The city to carry from: a file, or a prepared folder.")
    ],
    test: Annotated[Path, typer.Option("--test", metavar="IN", help="The city to carry to.")],
    output: Output,
    *,
    profiles: Profiles = None,
    split: Split = "llm4poi",
    draw: Draw,
    model: ModelNames,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="LoRA adapter for a catalogue of any city."),
    ] = None,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Say what helps in another city: habit weights against its own, and with --adapter an adapter against none.

    Options for reading apply to both cities; where their files differ, prepare them (genrec data prepare).
    """
    if adapter is None and (model.model or model.server or profiles):
        adapter = _own_adapter(model)
    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    home, away = reading.checkins(train), reading.checkins(test)
    if fingerprint(home) == fingerprint(away):
        raise GenRecError("--train and --test are the same check-ins: nothing would be carried")
    require_only(output, cities.CONTENTS)
    asked = cases(away, split, limit=draw.limit, seed=draw.seed)
    names = _names(train, test)
    methods = cities.model_methods(asked, given, model.model, model.server, adapter, seed=draw.seed) if adapter else []
    print_examples(asked)
    weights = (
        _fitted(home, names[0], output / cities.WEIGHTS[cities.CARRIED], draw.seed),
        _fitted(away, names[1], output / cities.WEIGHTS[cities.OWN], draw.seed),
    )
    with reporting() as progress:
        outcome = cities.cross_city(asked, weights, methods, output, names=names, profiles=given, progress=progress)
    overall = experiment.compact_table(f"{' to '.join(names)}, {split}", outcome.overall)
    conclude(context, outcome, output, aggregates, overall, cities.difference_table(outcome.differences))


def _fitted(checkins: Checkins, name: str, path: Path, seed: int) -> FittedWeights:
    """A city's own weights of the habits, kept in `path`."""
    with err.status("fitting") as status:
        return cities.weights_of(
            checkins,
            name,
            path,
            seed=seed,
            progress=lambda score: status.update(f"fitting in {name}: {score:.4f}"),
        )


def _own_adapter(model: ModelNames) -> str:
    """The adapter that comes with the model; raises GenRecError if there is none."""
    adapter = default_adapter(model.model, model.server)
    if adapter is None:
        raise GenRecError("--model, --server and --profiles go with --adapter; without one, no model ranks here")
    return adapter


def _names(train: Path, test: Path) -> tuple[str, str]:
    """What the cities are called: their files' names, with the folders' if these are the same."""
    if train.name == test.name:
        train, test = (Path(f"{path.resolve().parent.name} {path.name}") for path in (train, test))
    return train.name, test.name


@contextmanager
def reporting() -> Iterator[Progress]:
    """A bar for each method, or part of the work, that is heard of."""
    tasks: dict[str, TaskID] = {}
    with progress_bar() as bar:

        def report(method: str, done: int, total: int) -> None:
            if method not in tasks:
                tasks[method] = bar.add_task(method, total=total)
            bar.update(tasks[method], completed=done)

        yield report


def conclude(
    context: typer.Context, outcome: experiment.Outcome, output: Path, aggregates: Path | None, *tables: Table
) -> None:
    """Print tables and verdicts, and write the aggregates if asked."""
    for table in tables:
        out.print(rich_table(table))
    for verdict in outcome.verdicts:
        out.print(" ".join([verdict.headline, *verdict.reasons]), markup=False)
    out.print(f"{output / 'report.html'}, report.md and metrics.json beside it", markup=False)
    if aggregates:
        write_text(aggregates, experiment.to_json(asdict(outcome) | {"command": command_line(context)}))


def rich_table(table: Table) -> RichTable:
    """For the terminal: each figure above its interval."""
    shown = RichTable(title=table.caption, title_justify="left", box=SIMPLE, pad_edge=False)
    shown.add_column(no_wrap=True)
    for column in table.columns:
        shown.add_column(column, justify="right")
    for heading, cells in table.rows:
        shown.add_row(heading, *(cell.text for cell in cells))
        shown.add_row("", *(cell.span for cell in cells), style="dim")
    return shown
