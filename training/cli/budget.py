"""`genrec-train budget`: how to split an annotation budget between demonstrations (SFT) and pairs (DPO)."""

from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.entry import INTERRUPTED
from genrec.cli.placing import Placing
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only
from training.budget.folder import StudyFolder
from training.budget.lattice import lattice
from training.budget.plan import first_chain, plan_lines, require_feasible
from training.budget.report.advice import advice_for, told
from training.budget.report.results import Results, gather
from training.budget.report.write import ANSWERS, CHARTS, EARLIER, REPORTS, sentence, warnings_of, write_report
from training.budget.spec import SmallModel, Study, load_study
from training.budget.tasks.material import prepare
from training.cli.options import Overrides, RecipePath, stages

budget = typer.Typer(
    help="Find out how to split an annotation budget between demonstrations (SFT) and pairs (DPO).",
    no_args_is_help=True,
)

CONTENTS = ("questions", "runs", "results", ANSWERS, *REPORTS, CHARTS, EARLIER)  # of a study's folder

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the study.")]


@budget.command()
def plan(
    context: typer.Context,
    path: RecipePath,
    output: Out,
    overrides: Overrides = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Runs side by side.")] = 1,
    measure: Annotated[
        bool, typer.Option("--measure", help="Take the study's first short run, for an estimate of the time.")
    ] = False,
) -> None:
    """Say what a study trains, whether the data suffice, and how long what is left may take.

    A study's small model, if it has one, is pre-trained first, once.
    """
    context.with_resource(one_writer(output, folder=True))
    study = _study(path, output, overrides)
    _require_trainable(study)
    folder = _opened(study, output)
    if measure:
        _measure(folder)
    _print_plan(folder, workers)


@budget.command()
@bundled
def run(
    context: typer.Context, path: RecipePath, output: Out, *, overrides: Overrides = None, placing: Placing
) -> None:
    """Run a study, or go on with it after a kill, and write its report; what is done already is not done again."""
    context.with_resource(one_writer(output, folder=True))
    study = _study(path, output, overrides)
    _require_trainable(study)
    folder = _opened(study, output)
    _measure(folder)
    _print_plan(folder, placing.workers or 1)
    from training.budget.runner import run_study  # deferred: torch and TRL are slow to load, plan and advise need none

    try:
        run_study(folder, say=lambda line: err.print(line, markup=False), placing=placing)
    except KeyboardInterrupt:
        err.print("stopped; the same command goes on from here")
        raise SystemExit(INTERRUPTED) from None
    _report(folder)


@budget.command()
def advise(
    context: typer.Context,
    path: RecipePath,
    output: Out,
    overrides: Overrides = None,
    total: Annotated[
        float | None, typer.Option("--budget", metavar="X", min=0, help="A budget to split, in the recipe's currency.")
    ] = None,
    ratio: Annotated[
        float | None, typer.Option("--ratio", help="What a pair costs, in demonstrations; else the recipe's first.")
    ] = None,
    pilot: Annotated[
        bool, typer.Option("--pilot", help="Use only results whose annotations cost at most a tenth of the budget.")
    ] = False,
) -> None:
    """Split a budget by what a study has found so far; without --budget, write the report of that."""
    for option, value in (("--budget", total), ("--ratio", ratio)):
        if value is not None and not 0 < value < float("inf"):
            raise GenRecError(f"{option} {value}: give a finite number above 0")
    if not output.is_dir():
        raise GenRecError(f"{output}: no such study; make it with `genrec-train budget run`")
    context.with_resource(one_writer(output, folder=True))
    folder = _opened(_study(path, output, overrides), output)
    if total is None:
        if pilot or ratio is not None:
            raise GenRecError(f"{'--pilot' if pilot else '--ratio'}: name the budget, with --budget")
        _report(folder)
        return
    results = gather(folder)
    _warn(results)
    advice = advice_for(results, total, folder.study.price_ratios[0] if ratio is None else ratio, pilot=pilot)
    out.print(told(folder.study, advice), markup=False)


def _study(path: Path, output: Path, overrides: list[str] | None) -> Study:
    """The recipe; what is wrong with it, or in the way of it, shows before a model is made."""
    study = load_study(path, overrides or ())
    require_only(output, CONTENTS)
    lattice(study)
    return study


def _require_trainable(study: Study) -> None:
    """Ask TRL, if the recipe sets any of its keys."""
    if any(stage.trainer for stage in (study.sft, study.dpo, study.kto) if stage):
        from training.budget.stages import require_trainable  # deferred: as above

        require_trainable(study)


def _opened(study: Study, output: Path) -> StudyFolder:
    if isinstance(study.model, SmallModel):
        err.print("small model: pre-trained first, if it is not there yet; once, in a minute or more")
    with stages() as stage:
        return StudyFolder(study, output, prepare(study, output, stage))


def _measure(folder: StudyFolder) -> None:
    """Take the study's first short run, unless it is done."""
    require_feasible(folder)
    from training.budget.execution import execute  # deferred: as above

    with err.status("measuring: the study's first short run"):
        execute(folder, first_chain(folder), lambda chain, stop, result: None)


def _print_plan(folder: StudyFolder, workers: int) -> None:
    for line in plan_lines(folder, workers):
        out.print(line, markup=False)


def _report(folder: StudyFolder) -> None:
    results = gather(folder)
    found = write_report(folder.out, results)
    for answer in found.answers:
        out.print(sentence(folder.study, answer), markup=False)
    for number, check in enumerate(found.checks, start=1):
        out.print(f"finding {number} of the paper, on these data: {check.verdict}", markup=False)
    _warn(results)
    out.print(f"the whole report: {folder.out / 'report.html'}", markup=False)


def _warn(results: Results) -> None:
    for warning in warnings_of(results):
        err.print(f"warning: {warning}", markup=False)
