"""What came since a model was trained: found in the check-ins by what the model says that it has seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import POI, POI_ID, TIME, USER
from genrec.errors import InputError
from genrec.fingerprint import fingerprint
from genrec.merging import merged
from genrec.prepared import places_known
from genrec.rankers.trained import ANY, TrainedOn
from training.rankers.material import trained_on
from training.train_part import train_rows
from training.updates.account import Came


@dataclass(frozen=True)
class Known:
    """What a model says of the check-ins that it has seen."""

    run: Path
    catalogue: str
    trained_on: TrainedOn
    train: str = "all"  # which part of some check-ins these were


@dataclass(frozen=True)
class Arrival:
    """All check-ins, those of the model first, and how many of them it has seen."""

    checkins: Checkins
    rows: int

    @property
    def new(self) -> pl.DataFrame:
        """The check-ins that came."""
        return self.checkins.frame[self.rows :]

    @property
    def old(self) -> Checkins:
        """Those that the model has seen, with the whole catalogue."""
        return replace(self.checkins, frame=self.checkins.frame[: self.rows])

    def trained_on(self, seed: int) -> TrainedOn:
        """What a model says that has seen all."""
        return trained_on(self.checkins, seed)

    def came(self) -> Came:
        """What came, in numbers."""
        new, before = self.new, self.old.frame
        first, last = local_span(new)
        return Came(
            rows=len(new),
            people=new[USER].n_unique(),
            new_people=len(set(new[USER]) - set(before[USER])),
            new_places=len(set(new[POI]) - set(before[POI])),
            first=first,
            last=last,
        )


def arrival(known: Known, given: Checkins, history: Callable[[], Checkins] | None) -> Arrival:
    """What came, of check-ins that hold what the model has seen, or of others that are added to those (`history`).

    Raises InputError if that is nothing, older than what the model has seen, or of other places.
    """
    found = given if _goes_on(known, given) else _added(known, given, history)
    rows, count = known.trained_on.rows, len(found.frame)
    if count == rows or train_rows(known.train, count) == rows:
        rest = f"; the other {count - rows:,} are for genrec-eval" if count > rows else ""
        raise InputError(
            f"nothing new: {known.run} was trained on {rows:,} of these {count:,} check-ins, up to "
            f"{known.trained_on.last}{rest}.",
            file=given.source,
            fix="Name what came since.",
        )
    return Arrival(found, rows)


def _added(known: Known, given: Checkins, history: Callable[[], Checkins] | None) -> Checkins:
    """What the model has seen, and check-ins that do not hold it."""
    enough = known.catalogue != ANY and _grown(known, given) and len(given.frame) >= known.trained_on.rows
    if local_span(given.frame)[1] <= known.trained_on.last and not enough:
        raise _older(known, given)
    if history is None or enough:
        raise _unlike(known, given)
    before = history()
    if not _goes_on(known, before):
        raise InputError(
            f"does not begin with the {known.trained_on.rows:,} check-ins, up to {known.trained_on.last}, that "
            f"{known.run} has learned from.",
            file=before.source,
            fix="Name with --history what it has learned from: best a prepared folder to which each month is added.",
        )
    if not set(given.pois[POI_ID]) & set(before.pois[POI_ID]):
        raise _unlike(known, given)
    found = merged(before, given)
    if not _goes_on(known, found):
        raise _older(known, given)
    return found


def _goes_on(known: Known, checkins: Checkins) -> bool:
    """Whether the first of the check-ins are those that the model has seen, at the places that it knows."""
    seen = known.trained_on
    if len(checkins.frame) < seen.rows or not _grown(known, checkins):
        return False
    return fingerprint(replace(checkins, frame=checkins.frame[: seen.rows])) == seen.fingerprint


def _grown(known: Known, checkins: Checkins) -> bool:
    return known.catalogue == ANY or places_known(checkins.pois, known.catalogue) is not None


def _unlike(known: Known, given: Checkins) -> InputError:
    """Why check-ins do not go on from what a model has seen."""
    seen = known.trained_on
    if _grown(known, given):
        early = int((given.frame[TIME] <= seen.last).sum())
        return InputError(
            f"not what {known.run} has learned from: {early:,} check-ins up to {seen.last}, it has seen {seen.rows:,}, "
            "or others.",
            file=given.source,
            fix="An update adds what is later; for changes in what was there, train anew.",
        )
    return InputError(
        f"{_another(known)}.",
        file=given.source,
        fix="If these are new check-ins alone, name those that it was trained on with --history.",
    )


def _older(known: Known, given: Checkins) -> InputError:
    first, last = local_span(given.frame)
    older = int((given.frame[TIME] <= known.trained_on.last).sum())
    if older == len(given.frame):
        return InputError(
            f"has nothing new: its last check-in is of {last}, and {known.run} has learned what was up to "
            f"{known.trained_on.last}.",
            file=given.source,
            fix="Name what came since; `genrec-train update RUN` lists the versions.",
        )
    others = "" if _grown(known, given) else f"; and they have {_another(known)}"
    return InputError(
        f"{older:,} of {len(given.frame):,} check-ins ({first} to {last}) are not later than what {known.run} has "
        f"learned, which goes up to {known.trained_on.last}{others}.",
        file=given.source,
        fix="Leave them out, or train anew with all.",
    )


def _another(known: Known) -> str:
    return f"another catalogue of places than {known.run} was trained for ({known.catalogue})"
