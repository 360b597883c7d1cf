"""`genrec-eval steer`: what a person's words do to a ranking."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from eval.cli.experiments import conclude, reporting
from eval.cli.options import Aggregates, ModelNames, Output
from eval.protocol import cases
from eval.steer import study as studies
from eval.steer.scenarios import Topics, bases, scenarios, unedited
from genrec.cli.bundle import bundled
from genrec.cli.console import err
from genrec.cli.options import CheckinsPath, Reading
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only
from genrec.llm.connect import connect_scorer
from genrec.llm.identity import model_settings
from genrec.profiles.words_worth import words_worth
from genrec.steering import STRONGEST, Steering
from genrec.trajectories import Part


@bundled
def steer(
    context: typer.Context,
    path: CheckinsPath,
    output: Output,
    *,
    persons: Annotated[int, typer.Option(min=2, metavar="N", help="People who say something.")] = 40,
    kinds: Annotated[int, typer.Option(min=1, metavar="N", help="Kinds of places that each talks about.")] = 24,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Visits of newcomers.")] = 400,
    strength: Annotated[float, typer.Option(min=0, max=STRONGEST, help="How much words count.")] = 1.0,
    part: Annotated[Part, typer.Option(help="For choices use the validation part.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    rankers: Annotated[Path | None, typer.Option(metavar="DIR", help="Trained rankers, whose fusion ranks.")] = None,
    model: ModelNames,
    aggregates: Aggregates = None,
    reading: Reading,
) -> None:
    """Say what words do: scripted edits with placebos, free text, and words in place of a history."""
    from eval.methods.trained import TrainedMethod  # deferred: both load torch
    from genrec.rankers.fusion import Fusion

    context.with_resource(one_writer(output, folder=True))
    checkins = reading.checkins(path)
    require_only(output, studies.contents())
    asked = cases(checkins, "all-visits", part=part, seed=seed)
    topics = Topics(checkins.pois)
    if not topics.places:
        raise GenRecError(f"{path}: neither categories nor names say the kinds of places: nothing to talk about")
    with err.status("loading the model"):
        scorer = connect_scorer(model.model, model.server)
        known = replace(checkins, frame=checkins.frame.head(asked.train_rows))
        settings = model_settings(model.model, model.server, None)
        steering = Steering(scorer, checkins.pois, settings, worth=words_worth(known))
    method = TrainedMethod("fusion", rankers)
    study = studies.Study(asked, topics, Fusion(rankers), method, steering, strength, seed)
    made = scenarios(asked, topics, persons=persons, kinds=kinds, seed=seed)
    with reporting() as progress:
        base = bases(asked, made, study.ranker)
        more = studies.scripted(study, made, base, progress)
        more |= studies.written(study, progress)
        more |= studies.words_for_history(
            study, output, users=persons * 5, limit=limit, name=path.name, progress=progress
        )
    outcome = studies.conclude(output, more, made, study, acc=unedited(asked, base), name=path.name)
    tables = [*studies.tables(more), *studies.history_tables(more[studies.HISTORY])]
    conclude(context, outcome, output, aggregates, *tables)
