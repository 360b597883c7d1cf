"""`genrec-eval update`: how what came since is best learned."""

from pathlib import Path
from typing import Annotated

import typer

from eval.cli.command_line import command_line
from eval.cli.experiments import rich_table
from eval.cli.options import Aggregates, Output
from eval.experiments import update as study
from eval.experiments.experiment import to_json
from eval.experiments.update_findings import told
from eval.experiments.update_runs import RANKERS, adapter_of
from eval.experiments.update_stages import shifting_city, some_people, stages_of
from genrec.cli.bundle import bundled
from genrec.cli.console import out, progress_bar
from genrec.cli.options import Reading
from genrec.files import one_writer, require_only, write_text


@bundled
def update(
    context: typer.Context,
    output: Output,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[IN]", help="Check-ins; without, a synthetic city whose taste shifts half-way."),
    ] = None,
    *,
    people: Annotated[int | None, typer.Option(min=20, metavar="N", help="A sample of N people only.")] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="How often all is done, with other people asked.")] = 3,
    visits: Annotated[int, typer.Option(min=1, metavar="N", help="That are asked about, a period at most.")] = 300,
    adapter: Annotated[
        Path | None,
        typer.Option(metavar="RECIPE", help="Instead of rankers an adapter, by this recipe of `genrec-train sft`."),
    ] = None,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Learn the months after the first half of the check-ins one by one, in several ways, with `genrec-train update`.

    Re-warmed rates, a constant low one, training from scratch, no update: what each does for the new month, the next
    and the earlier ones, for the fusion and for M2TRec, or for an adapter of a language model; which findings of arXiv
    2308.04014 hold. Minutes to hours; a killed run goes on when it is run again.
    """
    context.with_resource(one_writer(output, folder=True))
    require_only(output, study.contents(seeds))
    checkins = reading.checkins(path) if path else shifting_city(output / study.CITY)
    stages = stages_of(some_people(checkins, people))
    learners = adapter_of(adapter) if adapter else RANKERS
    settings = study.Settings(path.name if path else "synthetic, taste shifts half-way", seeds, visits, learners)
    with progress_bar() as bar:
        task = bar.add_task("trainings", total=seeds * learners.commands)
        finished: set[tuple[int, str]] = set()

        def done(seed: int, name: str) -> None:
            finished.add((seed, name))
            bar.update(task, completed=len(finished))

        outcome = study.experiment(stages, settings, output, done)
    for table in outcome.tables:
        out.print(rich_table(table))
    for line in told(outcome.figures["findings"]):
        out.print(line, markup=False)
    if aggregates:
        write_text(aggregates, to_json(outcome.figures | {"command": command_line(context)}))
    out.print(f"{output / study.METRICS}", markup=False)
