"""A monthly update of a trained folder: what came since is learned, and a new version takes the place of the old one.

Until it is complete, the folder stays as it is. A killed update goes on when it is run again: what it has finished lies
in `genrec.versions.next_folder`, beside a note of which update it is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genrec.checkins import Checkins
from genrec.errors import GenRecError, InputError
from genrec.files import one_writer, room_for
from genrec.versions import (
    FIRST,
    current_version,
    discard_next,
    next_folder,
    put_in_use,
    settled,
    take_back,
    version_folder,
    versions_of,
)
from training.recipe import RankersRecipe, SftRecipe, UpdateRecipe, load_recipe
from training.record import RECIPE
from training.updates import rankers
from training.updates.account import BEGUN, FILE, Account, Begun, read_account, same_begun, write_said
from training.updates.arrival import Arrival, arrival
from training.updates.learned import Bars, Learned, Note


def update(
    run: Path,
    recipe: UpdateRecipe,
    checkins: Checkins,
    history: Callable[[], Checkins] | None,
    *,
    bars: Bars,
    note: Note,
) -> Account:
    """Update a folder of `genrec-train rankers`, or an adapter of `genrec-train sft`.

    `history`: reads what it was trained on, where `checkins` are new ones alone.
    Raises GenRecError if nothing came, or nothing that it can go on with; then the folder stays as it was.
    """
    first = first_recipe(run)
    with one_writer(run, folder=True), room_for(run):
        version, folder = current_version(run), settled(run)
        account = read_account(folder)
        if isinstance(first, RankersRecipe):
            known = rankers.known_of(run, folder, first, account)
        else:
            from training.updates import adapter  # deferred: loads TRL and PEFT, which rankers do not need

            known = adapter.known_of(run, folder, first, account)
        came = arrival(known, checkins, history)
        begun = Begun(version=version, recipe=recipe, trained_on=came.trained_on(recipe.seed))
        if finished := _finished_before(run, begun):
            number, said = finished
            note(f"this update was made before, as version {number}: it is in use again")
            take_back(run, number)
            return said
        try:
            return _update(run, first, _Task(begun, came, account), bars, note)
        except GenRecError:
            discard_next(run)
            raise


def first_recipe(run: Path) -> RankersRecipe | SftRecipe:
    """What a folder was trained with at first; raises GenRecError for a folder of anything else."""
    if not (run / RECIPE).exists():
        raise InputError(f"has no {RECIPE}: not a folder of `genrec-train rankers` or `genrec-train sft`.", file=run)
    recipe = load_recipe(version_folder(run, FIRST) / RECIPE)
    if not isinstance(recipe, RankersRecipe | SftRecipe):
        raise GenRecError(f"{run} was trained by {recipe.kind}: only rankers, and adapters of sft, are updated")
    return recipe


def trained_from(run: Path) -> Path | None:
    """The check-ins that a folder was trained on, if they are still where they were."""
    first = first_recipe(run)
    path = first.checkins if isinstance(first, RankersRecipe) else first.data.checkins
    return path if path and path.exists() else None


def _finished_before(run: Path, begun: Begun) -> tuple[int, Account] | None:
    """The version that is this update, if it was made to its end and is not in use."""
    for number in versions_of(run):
        said = read_account(version_folder(run, number))
        if said and Begun.model_validate(said.model_dump(include=set(Begun.model_fields))) == begun:
            return number, said
    return None


@dataclass(frozen=True)
class _Task:
    """Which update it is, of what came, and of which version (`account`; None: the first)."""

    begun: Begun
    came: Arrival
    account: Account | None


def _update(run: Path, first: RankersRecipe | SftRecipe, task: _Task, bars: Bars, note: Note) -> Account:
    start = time.monotonic()
    out, folder, recipe = next_folder(run), settled(run), task.begun.recipe
    if not same_begun(out, task.begun):
        discard_next(run)
        write_said(next_folder(run) / BEGUN, task.begun)
    if isinstance(first, RankersRecipe):
        job = rankers.Job(recipe, first, task.came, folder, task.account)
        learned = rankers.update_rankers(job, out, bars, note)
    else:
        from training.updates import adapter  # deferred: as above

        learned = adapter.update_adapter(adapter.Job(recipe, first, task.came, folder, task.account), out, bars)
    said = _account(task.begun, task.came, learned, time.monotonic() - start)
    write_said(out / FILE, said)
    (out / BEGUN).unlink()
    put_in_use(run)
    return said


def _account(begun: Begun, came: Arrival, learned: Learned, seconds: float) -> Account:
    return Account(
        **dict(begun),
        came=came.came(),
        new=learned.new,
        old=learned.old,
        rates={name: rates.rate for name, rates in learned.rates.items()},
        kept=learned.kept,
        before=learned.before,
        after=learned.after,
        seconds=round(seconds, 1),
    )
