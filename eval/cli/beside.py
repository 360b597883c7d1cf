"""`genrec-eval beside`: where asking the language model pays."""

import shlex
from typing import Annotated

import typer

from eval.cli.experiments import conclude, reporting
from eval.cli.options import Aggregates, ModelNames, Output, Rankers
from eval.experiments import beside as experiment
from eval.experiments.experiment import compact_table, difference_table
from eval.methods.llm import LlmSpec, Models
from eval.methods.names import make_methods
from eval.protocol import FrozenSplit, cases
from eval.run import K
from genrec import __version__
from genrec.beside import LearnedGate, asked_by_diaries
from genrec.cli.bundle import bundled
from genrec.cli.console import out
from genrec.cli.options import CheckinsPath, Reading
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only
from genrec.prepared import catalogue_hash
from genrec.profiles.shelf import ProfileShelf

USABLE = ("llm:diary", "llm:diary-adapted")  # ways of `genrec recommend` to ask a model beside the fusion


@bundled
def beside(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    *,
    method: Annotated[str, typer.Option(metavar="M", help="How the model is asked.")] = "llm:diary-adapted",
    split: Annotated[FrozenSplit, typer.Option(help="Which visits are to be predicted.")] = "all-visits",
    limit: Annotated[int, typer.Option(min=20, metavar="N", help="Visits of each part at most.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample.")] = 0,
    rankers: Rankers = None,
    model: ModelNames,
    adapter: Annotated[str | None, typer.Option(metavar="DIR", help="LoRA adapter to put on the model.")] = None,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Say where asking the language model pays: a gate learned on validation visits, accuracy by share of asks."""
    from eval.methods.trained import TrainedMethod  # deferred: loads torch
    from genrec.rankers.fusion import Fusion  # deferred: loads torch

    context.with_resource(one_writer(output, folder=True))
    spec = LlmSpec.parse(method)
    if spec is None:
        raise GenRecError(f"--method {method} is not a way to ask the model, such as llm:diary-adapted")
    checkins = reading.checkins(path)
    require_only(output, experiment.contents())
    learned = cases(checkins, split, part="validation", limit=limit, seed=seed)
    asked = cases(checkins, split, part="test", limit=limit, seed=seed)
    fusion = TrainedMethod("fusion", rankers)
    fusion.settings(learned)  # refuses one that was trained on the visits
    models = Models(checkins, model.model, model.server, adapter)
    [reader] = make_methods([method], models, ProfileShelf([], checkins, seed=seed))
    parts = experiment.Asked(learned, reader), experiment.Asked(asked, reader)
    with reporting() as progress:
        outcome, gate = experiment.beside(parts, fusion.ranker, output, name=path.name, progress=progress)
    tables = (
        compact_table("By share of visits asked", outcome.overall),
        difference_table("Against the fusion alone", outcome.differences),
    )
    conclude(context, outcome, output, aggregates, *tables)
    if method not in USABLE:
        return
    chosen = outcome.settings["chosen on validation visits"]
    LearnedGate(
        gate=gate,
        k=K,
        model=asked_by_diaries(models.settings(spec.adapted, "diary")),
        fusion=Fusion(rankers).identity(),
        catalogue=catalogue_hash(checkins.pois),
        made_from=learned.settings | {"method": method, "asked": chosen, "genrec": __version__},
    ).write(output)
    named = {"--rankers": rankers, "--model": model.model, "--server": model.server}
    named["--adapter"] = models.adapter("diary") if spec.adapted else None
    given = [str(word) for option, value in named.items() if value is not None for word in (option, value)]
    command = ["genrec", "recommend", str(path), "--user", "U", "--beside", str(output), *given]
    out.print(f"To rank by this gate: {shlex.join(command)}", markup=False)
