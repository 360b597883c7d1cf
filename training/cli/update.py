"""`genrec-train update`: what came since, learned by what was trained before."""

import shlex
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from genrec.checkins import Checkins
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.errors import GenRecError, InputError
from genrec.versions import current_version, take_back, version_folder, versions_of
from training.cli.options import Overrides, stages
from training.recipe import UPDATE_RECIPE, UpdateRecipe, recipe_of
from training.updates.account import ONLINE, Account, Rate, read_account
from training.updates.first import first_recipe, trained_from


@bundled
def update(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder of `genrec-train rankers`, or of `genrec-train sft`.")
    ],
    path: Annotated[
        Path | None,
        typer.Option("--checkins", metavar="IN", help="What came since, alone or with what RUN was trained on."),
    ] = None,
    history: Annotated[
        Path | None, typer.Option(metavar="IN", help="What RUN was trained on, if it is not where it was.")
    ] = None,
    recipe_path: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="RECIPE", help="A YAML file; else training/recipes/update-rewarmed.yaml."),
    ] = None,
    changes: Overrides = None,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Put version N in use again; learn nothing.")
    ] = None,
    *,
    reading: Reading,
) -> None:
    """Learn what came since; RUN gets a new version, and each earlier one is kept.

    Without --checkins, the versions are listed. A killed update leaves RUN as it was, and goes on when it is run again.
    """
    if not run.is_dir():
        raise InputError("no such folder.", file=run)
    if path is not None and version is not None:
        raise GenRecError("--version puts a version in use and learns nothing: leave out --checkins")
    if version is not None:
        take_back(run, version)
    first = first_recipe(run)
    if path is None:
        _print_versions(run)
        return
    from training.updates import update as updates  # deferred: loads torch

    recipe = recipe_of(UpdateRecipe, recipe_path or UPDATE_RECIPE, changes or [])
    before = history or trained_from(first)

    def read(named: Path) -> Checkins:
        return (Reading() if named.is_dir() else reading).checkins(named)

    given, known = read(path), partial(read, before) if before else None
    with stages() as stage:
        account = updates.update(
            run, recipe, given, known, bars=stage, note=lambda text: err.print(f"note: {text}", markup=False)
        )
    _print_account(account, run)
    if account.trained_on.rows > len(given.frame):
        _print_where_to_keep(path, before, plain=reading == Reading())
    how = f"--rankers {run}" if "fusion" in account.rates else f"--by llm --adapter {run}"
    out.print(f"rank with it: genrec recommend ... {how}", markup=False)


def _print_where_to_keep(new: Path, before: Path | None, *, plain: bool) -> None:
    """How new check-ins come to the others: rankings, and the next update, need all of them."""
    kept = before if before and before.is_dir() else Path("all-checkins")
    out.print(f"keep all check-ins in one folder ({kept}), and name it to recommend and to update:", markup=False)
    for path in (before, new):
        if path and path != kept:
            out.print(f"  {shlex.join(['genrec', 'data', 'prepare', str(path), '--out', str(kept)])}", markup=False)
    if not plain:
        out.print("  with the options that say how a file is to be read, as here")


def _print_versions(run: Path) -> None:
    for number in versions_of(run):
        folder = version_folder(run, number)
        account = read_account(folder)
        about = "as it was trained first" if account is None else _in_short(account)
        if (folder / ONLINE).exists():
            about = "from feedback, by genrec-train online"
        used = "  <- in use" if number == current_version(run) else ""
        out.print(f"version {number}: {about}{used}", markup=False)


def _in_short(account: Account) -> str:
    return (
        f"from version {account.version}, {account.came.rows:,} check-ins up to {account.came.last:%Y-%m-%d}, loss "
        f"{account.before.loss:.3f} -> {account.after.loss:.3f}"
    )


def _print_account(account: Account, run: Path) -> None:
    came, number = account.came, current_version(run)
    out.print(
        f"came: {came.rows:,} check-ins of {came.people:,} people ({came.new_people:,} new), at {came.new_places:,} "
        f"places that nobody had been to, {came.first:%Y-%m-%d} to {came.last:%Y-%m-%d}",
        markup=False,
    )
    rates = "; ".join(f"{name} {_rate(rate)}" for name, rate in account.rates.items())
    kept = f"; as before: {', '.join(account.kept)}" if account.kept else ""
    out.print(f"learned: {account.new:,} new examples and {account.old:,} old ones", markup=False)
    out.print(f"learning rates: {rates}{kept}", markup=False)
    out.print(f"took: {timedelta(seconds=round(account.seconds))} (h:min:s)", markup=False)
    out.print(f"the newest {account.before.visits:,} visits, kept aside: {_change(account)}", markup=False)
    if account.after.loss > account.before.loss:
        out.print("they are ranked worse than before: it may be better to go back", markup=False)
    back = f"genrec-train update {run} --version {account.version}"
    out.print(f"{run}: version {number} is in use; back to the one before: {back}", markup=False)


def _rate(rate: Rate) -> str:
    if rate.highest == rate.final:
        return f"{rate.highest:.2g} throughout"
    return f"up to {rate.highest:.2g}, down to {rate.final:.2g}"


def _change(account: Account) -> str:
    before, after = account.before, account.after
    parts = [("loss", before.loss, after.loss)]
    for name, old, new in (("Acc@1", before.acc_1, after.acc_1), ("Acc@10", before.acc_10, after.acc_10)):
        if old is not None and new is not None:
            parts.append((name, old, new))
    return ", ".join(f"{name} {old:.3f} -> {new:.3f}" for name, old, new in parts)
