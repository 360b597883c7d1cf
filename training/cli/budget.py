"""`genrec-train budget`: how to split an annotation budget between demonstrations (SFT) and pairs (DPO)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrec.cli.console import err, out
from genrec.cli.entry import INTERRUPTED
from genrec.errors import GenRecError
from genrec.files import one_writer, require_only
from training.cli.options import RecipePath, stages

if TYPE_CHECKING:
    from training.budget.report.results import Results
    from training.budget.workshop import Workshop

budget = typer.Typer(
    help="Find out how to split an annotation budget between demonstrations (SFT) and pairs (DPO).",
    no_args_is_help=True,
)

CONTENTS = ("questions", "runs", "results", "answers.json", "report.md", "report.html", "charts")  # of a study's folder

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the study.")]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Runs side by side.")]


@budget.command()
def plan(
    context: typer.Context,
    path: RecipePath,
    output: Out,
    jobs: Jobs = 1,
    measure: Annotated[
        bool, typer.Option("--measure", help="Take the study's first short run, for an estimate of the time.")
    ] = False,
) -> None:
    """Say what a study trains, whether the data suffice, and how long what is left may take.

    A study's small model, if it has one, is pre-trained first, once.
    """
    context.with_resource(one_writer(output, folder=True))
    workshop = _workshop(path, output)
    if measure:
        _measure(workshop)
    _print_plan(workshop, jobs)


@budget.command()
def run(context: typer.Context, path: RecipePath, output: Out, jobs: Jobs = 1) -> None:
    """Run a study, or go on with it after a kill, and write its report; what is done already is not done again."""
    from training.budget.runner import run_study  # deferred: --help needs no torch

    context.with_resource(one_writer(output, folder=True))
    workshop = _workshop(path, output)
    _measure(workshop)
    _print_plan(workshop, jobs)
    try:
        run_study(workshop, jobs=jobs, say=lambda line: err.print(line, markup=False))
    except KeyboardInterrupt:
        err.print("stopped; the same command goes on from here")
        raise SystemExit(INTERRUPTED) from None
    _report(workshop)


@budget.command()
def advise(
    context: typer.Context,
    path: RecipePath,
    output: Out,
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
    from training.budget.report.advise import advice_for, told  # deferred: as above
    from training.budget.report.results import gather

    for option, value in (("--budget", total), ("--ratio", ratio)):
        if value is not None and not 0 < value < float("inf"):
            raise GenRecError(f"{option} {value}: give a finite number above 0")
    if not output.is_dir():
        raise GenRecError(f"{output}: no such study; make it with `genrec-train budget run`")
    context.with_resource(one_writer(output, folder=True))
    workshop = _workshop(path, output)
    if total is None:
        if pilot or ratio is not None:
            raise GenRecError(f"{'--pilot' if pilot else '--ratio'}: name the budget, with --budget")
        _report(workshop)
        return
    results = gather(workshop)
    _warn(results)
    advice = advice_for(results, total, workshop.study.price_ratios[0] if ratio is None else ratio, pilot=pilot)
    out.print(told(workshop.study, advice), markup=False)


def _workshop(path: Path, output: Path) -> "Workshop":
    from training.budget.lattice import lattice
    from training.budget.spec import SmallModel, load_study, require_trainable
    from training.budget.tasks.material import prepare  # deferred: loads torch
    from training.budget.workshop import Workshop

    study = load_study(path)
    require_only(output, CONTENTS)
    lattice(study)  # what is wrong with budgets shows before a model is made
    require_trainable(study)
    if not isinstance(study.model, SmallModel):
        return Workshop(study, output, prepare(study, output))
    err.print("small model: pre-trained first, if it is not there yet; once, in a minute or more")
    with stages() as stage:
        return Workshop(study, output, prepare(study, output, stage("pre-training, steps")))


def _measure(workshop: "Workshop") -> None:
    """Take the study's first short run, unless it is done."""
    from training.budget.plan import first_chain, require_feasible

    require_feasible(workshop)
    with err.status("measuring: the study's first short run"):
        workshop.run(first_chain(workshop), lambda chain, stop, result: None)


def _print_plan(workshop: "Workshop", jobs: int) -> None:
    from training.budget.plan import plan_lines

    for line in plan_lines(workshop, jobs):
        out.print(line, markup=False)


def _report(workshop: "Workshop") -> None:
    from training.budget.report.results import gather
    from training.budget.report.write import sentence, write_report

    results: Results = gather(workshop)
    found = write_report(workshop.out, results)
    for answer in found.answers:
        out.print(sentence(workshop.study, answer), markup=False)
    for number, finding in enumerate(found.findings, start=1):
        out.print(f"finding {number} of the paper, on these data: {finding.verdict}", markup=False)
    _warn(results)
    out.print(f"the whole report: {workshop.out / 'report.html'}", markup=False)


def _warn(results: "Results") -> None:
    from training.budget.report.write import warnings_of

    for warning in warnings_of(results):
        err.print(f"warning: {warning}", markup=False)
