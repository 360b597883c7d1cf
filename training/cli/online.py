"""`genrec-train online`: rankers that go on learning from what people say of the places that they name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from genrec.checkins import Checkins
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import CheckinsPath, Reading
from genrec.cli.store import Address
from genrec.clock import latest_now
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only, write_text
from genrec.fingerprint import fingerprint
from genrec.store.opening import open_store
from genrec.versions import FIRST, current_version, take_back, versions_of
from training.cli.options import Overrides, RecipePath, stages
from training.data.examples import read
from training.online.compare import CHART, RESULT, RUNS, compare
from training.online.estimates import Estimate
from training.online.feedback import Feedback, read_feedback
from training.online.judging import judge
from training.online.material import material, own_offline, sample, synthetic_offline, visits_between
from training.online.playback import play_back
from training.online.rounds import learn, serving
from training.recipe import ONLINE_RECIPE, DpoRecipe, GrpoRecipe, OnlineRecipe, recipe_of

online = typer.Typer(help="Go on learning from what people say of the places named.", no_args_is_help=True)

EARNED = "(a visit to the place in line n of an answer earns 1/n; in brackets: 95 % intervals)"

RecipeOption = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="RECIPE", help="A YAML file; else training/recipes/online-fusion.yaml."),
]

FeedbackPath = Annotated[
    Path,
    typer.Option("--feedback", metavar="FILE", help="A log of feedback (JSON Lines); see training/online/README.md."),
]
Rankers = Annotated[Path, typer.Option("--rankers", metavar="DIR", help="A folder of trained rankers.")]


@online.command("simulate")
@bundled
def simulate(
    path: CheckinsPath,
    rankers: Rankers,
    output: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the log of feedback goes.")],
    feedbacks: Annotated[int, typer.Option(min=1, metavar="N", help="Visits to play back.")] = 1_000,
    recipe_path: RecipeOption = None,
    changes: Overrides = None,
    *,
    reading: Reading,
) -> None:
    """Play visits of the second half of the check-ins back as feedback on the version in use; not the last tenth."""
    recipe = recipe_of(OnlineRecipe, recipe_path or ONLINE_RECIPE, changes or [])
    checkins = reading.checkins(path)
    visits = sample(visits_between(checkins), feedbacks, recipe.seed)
    with stages() as stage:
        log = play_back(visits, checkins, serving(rankers, checkins), recipe, stage("playing, visits"))
    write_text(output, "".join(f"{line.model_dump_json()}\n" for line in log), private=True)
    if len(log) < feedbacks:
        err.print(f"note: there are no more than {len(log):,} visits to play back", highlight=False)
    visited = sum(line.visited is not None for line in log)
    out.print(f"{output}: {len(log):,} feedbacks, {visited:,} visits", markup=False)


@online.command("learn")
@bundled
def learn_command(
    context: typer.Context,
    path: CheckinsPath,
    feedback: FeedbackPath,
    rankers: Rankers,
    recipe_path: RecipeOption = None,
    changes: Overrides = None,
    *,
    reading: Reading,
) -> None:
    """Let the fusion of a folder go on learning from a log of feedback, to which more may be appended later.

    What was learned becomes the version in use if its estimate, on feedback new to it, is not worse; else it waits.
    """
    recipe = recipe_of(OnlineRecipe, recipe_path or ONLINE_RECIPE, changes or [])
    context.with_resource(one_writer(rankers, folder=True))
    checkins = reading.checkins(path)
    serving(rankers, checkins)  # if they do not go together, that is wrong, and not the log
    lines = _log(feedback, checkins)
    with stages() as stage:
        rounds = learn(rankers, lines, checkins, recipe, stage("feedback"))
    for one in rounds:
        told_of = f"{told(one.advantage)} an answer against the version in use" if one.advantage else ""
        verdict = told_of or "learning begins, nothing to judge yet"
        adopted = "" if one.version is None else f": version {one.version} is in use now"
        out.print(f"{one.feedback:,} feedbacks: {verdict}{adopted}", markup=False)
    if any(one.advantage for one in rounds):
        out.print(EARNED)
    if not rounds:
        needed = f"{recipe.adopt_every:,} (the first: {recipe.warm_up:,})"
        err.print(
            f"note: not enough new feedback for a round, which takes {needed}; it waits for more", highlight=False
        )
    out.print(f"in use: version {current_version(rankers)} of {len(versions_of(rankers))}", markup=False)


@online.command("evaluate")
@bundled
def evaluate_command(path: CheckinsPath, feedback: FeedbackPath, rankers: Rankers, *, reading: Reading) -> None:
    """What each version would have earned on a log of feedback: by inverse propensity, and doubly robust."""
    checkins = reading.checkins(path)
    serving(rankers, checkins)  # as above
    lines = _log(feedback, checkins)
    for version, (inverse, robust) in judge(rankers, lines, checkins).items():
        used = "  <- in use" if version == current_version(rankers) else ""
        out.print(
            f"version {version}: an answer earns {told(inverse, '')} by inverse propensity, {told(robust, '')} doubly "
            f"robust{used}",
            markup=False,
            soft_wrap=True,
        )
    out.print(EARNED)


def _log(path: Path, checkins: Checkins) -> list[Feedback]:
    """A log of feedback; a line that is there twice counts once."""
    lines = read_feedback(path, checkins, latest_now())
    once = list(dict.fromkeys(lines))
    if len(once) < len(lines):
        err.print(
            f"note: lines of the log that were there before, left out: {len(lines) - len(once):,}", highlight=False
        )
    return once


@online.command("export")
def export_command(
    store: Address,
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the log and the check-ins.")],
) -> None:
    """Write the feedback in a store of `genrec app` as a log, and its check-ins beside it."""
    from training.online.gathered import CHECKINS, LOG, export  # deferred: belongs to the extra `app`

    feedback, left_out = export(open_store(store, create=False), output)
    out.print(f"{output / LOG}: {feedback:,} feedbacks; check-ins in {output / CHECKINS}", markup=False)
    if left_out:
        err.print(
            f"left out: {left_out:,} answers that were not by the fusion, or do not say when and with which chances"
        )


@dataclass(frozen=True)
class _Round:
    """What a round of an adapter is about; a bundle (genrec.cli.bundle)."""

    recipe_path: RecipePath
    feedback: FeedbackPath
    adapter: Annotated[
        Path, typer.Option("--adapter", metavar="DIR", help="The adapter of a language model that goes on learning.")
    ]
    changes: Overrides = None


@online.command("dpo")
@bundled
def dpo(context: typer.Context, asked: _Round) -> None:
    """Let an adapter of a language model go on learning from feedback by DPO; a round a call, on what is new."""
    _round(context, recipe_of(DpoRecipe, asked.recipe_path, asked.changes or []), asked.feedback, asked.adapter)


@online.command("grpo")
@bundled
def grpo(context: typer.Context, asked: _Round) -> None:
    """Let an adapter go on learning by GRPO: from its own answers, and what feedback says of them; a round a call."""
    _round(context, recipe_of(GrpoRecipe, asked.recipe_path, asked.changes or []), asked.feedback, asked.adapter)


def _round(context: typer.Context, recipe: DpoRecipe | GrpoRecipe, feedback: Path, adapter: Path) -> None:
    from training.online.adapter import learn_adapter  # deferred: loads TRL

    context.with_resource(one_writer(adapter, folder=True))
    checkins = read(recipe.data) if recipe.data else None
    if checkins is None:
        raise GenRecError(f"online {recipe.kind} needs a recipe with data.checkins")
    lines = _log(feedback, checkins)
    with stages() as stage:
        learned, version = learn_adapter(recipe, adapter, lines, stage)
    adopted = "it waits" if version is None else f"version {version} is in use now"
    for name, chance in (("before", learned.before), ("after", learned.after)):
        out.print(f"{name}: the better place of a pair, if one of the two, {told(chance, '')}", markup=False)
    out.print(f"{len(lines):,} feedbacks: {told(learned.advantage)} on the pairs kept aside; {adopted}", markup=False)


@online.command("back")
def back(
    rankers: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of trained rankers.")],
    version: Annotated[int, typer.Option("--to", metavar="N", help="The version to put in use again.")],
) -> None:
    """Put an earlier version in use again; all are kept."""
    if versions_of(rankers) == [FIRST]:
        raise GenRecError(f"{rankers} has no versions: nothing was learned on top of what was trained first")
    take_back(rankers, version)
    out.print(f"in use: version {current_version(rankers)} of {len(versions_of(rankers))}", markup=False)


@online.command("compare")
@bundled
def compare_command(
    context: typer.Context,
    path: CheckinsPath,
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the comparison.")],
    rankers: Annotated[
        Path | None,
        typer.Option(
            "--rankers", metavar="DIR", help="The fusion to begin with; else one that has seen synthetic cities only."
        ),
    ] = None,
    feedbacks: Annotated[int, typer.Option(min=100, metavar="N", help="Visits to play back.")] = 2_000,
    later: Annotated[int, typer.Option(min=2, metavar="N", help="Later visits, which are only ranked.")] = 1_000,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of each policy.")] = 3,
    recipe_path: RecipeOption = None,
    changes: Overrides = None,
    *,
    reading: Reading,
) -> None:
    """Play later visits back as feedback: with warm-up, without, with offline data replayed, safely, and not at all.

    The visits are those between the first half of the check-ins and the last tenth. Run again after a kill, it goes on.
    """
    recipe = recipe_of(OnlineRecipe, recipe_path or ONLINE_RECIPE, changes or [])
    require_only(output, {RUNS, RESULT, CHART})
    context.with_resource(one_writer(output, folder=True))
    checkins = reading.checkins(path)
    with stages() as stage:
        network, offline = (
            own_offline(checkins, rankers, recipe.seed) if rankers else synthetic_offline(stage("offline model, steps"))
        )
        made = material(checkins, offline, feedbacks, later, recipe.seed)
        about = {"checkins": fingerprint(checkins), "offline": str(rankers.name) if rankers else "synthetic cities"}
        bar = stage("playing, runs")
        result = compare(made, network, recipe, seeds=seeds, out=output, about=about, bar=bar)
    _print_comparison(result)


def _print_comparison(result: dict[str, Any]) -> None:
    for name, found in result["policies"].items():
        last = max(found["later_difference"], key=int)
        end, dip = (
            Estimate(*(one[key] for key in Estimate._fields)) for one in (found["later_difference"][last], found["dip"])
        )
        out.print(
            f"{name}: reward {found['reward']['value']:.4f}; later visits {found['later'][last]:.4f} ({told(end)}); "
            f"lowest {told(dip)} after {found['dip']['feedbacks']}",
            markup=False,
        )


def told(found: Estimate, sign: str = "+") -> str:
    """An estimate with its interval; a difference with its sign."""
    value, *ends = (f"{number:{sign}.4f}" for number in found if number is not None)
    return f"{value} ({' to '.join(ends)})" if ends else value
