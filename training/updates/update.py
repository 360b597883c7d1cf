"""A monthly update of a trained folder: what came since is learned, and a new version takes the place of the old one.

Until it is complete, the folder stays as it is. A killed update goes on when it is run again: what it has finished lies
in `genrec.versions.next_folder`, beside a note of which update it is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import one_writer, room_for
from genrec.versions import (
    current_version,
    discard_next,
    next_folder,
    put_in_use,
    settled,
    take_back,
    version_folder,
    versions_of,
)
from training.recipe import RankersRecipe, SftRecipe, UpdateRecipe
from training.updates import rankers
from training.updates.account import BEGUN, FILE, Account, Begun, read_account, same_begun, write_said
from training.updates.arrival import Arrival, arrival
from training.updates.first import first_recipe
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
    with one_writer(run, folder=True), room_for(run, f"move {run} to where there is some"):
        version, folder = current_version(run), settled(run)
        account = read_account(folder)
        if isinstance(first, RankersRecipe):
            known = rankers.known_of(run, folder, first, account)
        else:
            from training.updates import adapter  # deferred: loads TRL and PEFT, which rankers do not need

            known = adapter.known_of(run, folder, first, account)
        came = arrival(known, checkins, history)
        for text in came.notes:
            note(text)
        begun = Begun(version=version, recipe=recipe, trained_on=came.trained_on(recipe.seed))
        if finished := _finished_before(run, begun):
            number, said = finished
            note(f"this update was made before, as version {number}: it is in use again")
            take_back(run, number)
            return said
        try:
            return _update(run, first, _Task(begun, came, account), bars, note)
        except GenRecError:
            if {path.name for path in next_folder(run).iterdir()} <= {BEGUN}:  # nothing to go on from
                discard_next(run)
            raise


def _finished_before(run: Path, begun: Begun) -> tuple[int, Account] | None:
    """The version that is this update, if it was made to its end and is not in use."""
    for number in versions_of(run):
        said = read_account(version_folder(run, number))
        if said and begun.is_of(said):
            return number, said
    return None


@dataclass(frozen=True)
class _Task:
    """Which update it is, of what came, and of which version (`account`; None: the first)."""

    begun: Begun
    came: Arrival
    account: Account | None


def _update(run: Path, first: RankersRecipe | SftRecipe, task: _Task, bars: Bars, note: Note) -> Account:
    """Make the version and put it in use; one that is complete, but was not put in use, is not made again."""
    out = next_folder(run)
    if not same_begun(out, task.begun):
        discard_next(run)
        write_said(next_folder(run) / BEGUN, task.begun)
    said = read_account(out) or _learn(run, first, task, bars, note)
    (out / BEGUN).unlink(missing_ok=True)
    put_in_use(run)
    return said


def _learn(run: Path, first: RankersRecipe | SftRecipe, task: _Task, bars: Bars, note: Note) -> Account:
    start = time.monotonic()
    out, folder, recipe = next_folder(run), settled(run), task.begun.recipe
    if isinstance(first, RankersRecipe):
        job = rankers.Job(recipe, first, task.came, folder, task.account)
        learned = rankers.update_rankers(job, out, bars, note)
    else:
        from training.updates import adapter  # deferred: as above

        learned = adapter.update_adapter(adapter.Job(recipe, first, task.came, folder, task.account), out, bars)
    said = _account(task.begun, task.came, learned, time.monotonic() - start)
    write_said(out / FILE, said)
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
