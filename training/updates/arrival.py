"""What came since a model was trained: found in the check-ins by what the model says that it has seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from genrec.checkins import Checkins
from genrec.clock import latest_now, local_span
from genrec.columns import POI, TIME, USER, UTC
from genrec.errors import InputError
from genrec.fingerprint import fingerprint
from genrec.geo import FAR_KM
from genrec.merging import kilometres_moved, merged, spelled_as
from genrec.prepared import places_known
from genrec.rankers.trained import ANY, TrainedOn
from training.rankers.material import trained_on
from training.train_part import train_rows
from training.updates.account import Came

SHIFTED = 2.0  # hours between two months of one city that no summer time explains


@dataclass(frozen=True)
class Known:
    """What a model says of the check-ins that it has seen."""

    run: Path
    catalogue: str
    trained_on: TrainedOn
    train: str = "all"  # which part of some check-ins these were


@dataclass(frozen=True)
class Arrival:
    """All check-ins, those of the model first, how many of them it has seen, and what is odd about the others."""

    checkins: Checkins
    rows: int
    notes: tuple[str, ...] = ()

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

    Raises InputError if that is nothing, older than what the model has seen, in the future, or of other places.
    """
    found, notes = (given, []) if _goes_on(known, given) else _added(known, given, history)
    rows, count = known.trained_on.rows, len(found.frame)
    if count == rows or train_rows(known.train, count) == rows:
        rest = f"; the other {count - rows:,} are for genrec-eval" if count > rows else ""
        raise InputError(
            f"nothing new: {known.run} was trained on {rows:,} of these {count:,} check-ins, up to "
            f"{known.trained_on.last}{rest}.",
            file=given.source,
            fix="Name what came since.",
        )
    came = Arrival(found, rows)
    last, now = local_span(came.new)[1], latest_now()
    if known.trained_on.last <= now < last:  # data whose dates were all moved into the future are left alone
        raise InputError(
            f"has check-ins of the future, up to {last}: all that came later would then be older than what "
            f"{known.run} has learned.",
            file=given.source,
            fix="Correct or leave out these rows.",
        )
    return replace(came, notes=(*notes, *_shifted(came)))


def _added(known: Known, given: Checkins, history: Callable[[], Checkins] | None) -> tuple[Checkins, list[str]]:
    """What the model has seen, and check-ins that do not hold it; with notes on how they fit."""
    early = bool((given.frame[TIME] <= known.trained_on.last).any())
    whole = early and known.catalogue != ANY and _grown(known, given) and len(given.frame) >= known.trained_on.rows
    if local_span(given.frame)[1] <= known.trained_on.last and not whole:
        raise _older(known, given)
    if history is None or whole:
        raise _unlike(known, given)
    before = history()
    if not _goes_on(known, before):
        raise InputError(
            f"does not begin with the {known.trained_on.rows:,} check-ins, up to {known.trained_on.last}, that "
            f"{known.run} has learned from.",
            file=before.source,
            fix="Name with --history what it has learned from: best a prepared folder to which each month is added.",
        )
    if before.dates_only != given.dates_only:
        raise InputError(
            f"has dates without hours, or {before.source} has: hours are learned, so either both say them or neither.",
            file=given.source,
        )
    _require_same_city(known, before, given)
    found = merged(before, given)
    if not _goes_on(known, found):
        raise _older(known, given)
    notes = [note for note in found.notes if note not in (*before.notes, *given.notes)]
    if left := len(before.frame) - known.trained_on.rows:
        notes.append(f"{left:,} check-ins of {before.source} that {known.run} had not learned from are learned, too")
    return found, notes


def _require_same_city(known: Known, before: Checkins, given: Checkins) -> None:
    """Raise InputError if no place is one that was there, or most of those are somewhere else."""
    moved = kilometres_moved(before.pois, spelled_as(before.pois, before.frame, given.pois, given.frame)[0])
    far = int((moved > FAR_KM).sum())
    if 2 * far < len(moved):
        return
    which = (
        f"{far:,} of the {len(moved):,} places that both have are more than {FAR_KM:g} km from where they were"
        if len(moved)
        else f"none of the {len(given.pois):,} places is among the {len(before.pois):,} there"
    )
    raise InputError(
        f"not of the city that {known.run} has learned from ({before.source}): {which}.",
        file=given.source,
        fix="Train rankers of its own for another city.",
    )


def _shifted(came: Arrival) -> list[str]:
    """A warning if the local clocks of what came stand otherwise, as of times that were read in another zone."""
    hours = [
        frame.select((pl.col(TIME) - pl.col(UTC)).dt.total_minutes().median() / 60).item()
        for frame in (came.old.frame, came.new)
    ]
    if None in hours or abs(hours[1] - hours[0]) < SHIFTED:
        return []
    return [
        f"WARNING: local times are {hours[1]:+g} h from UTC in what came, and {hours[0]:+g} h in what was there: if "
        "that is one city, hours of the day are wrong; pass --timezone"
    ]


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
        f"another catalogue of places than {known.run} was trained for ({known.catalogue}).",
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
    return InputError(
        f"{older:,} of {len(given.frame):,} check-ins ({first} to {last}) are not later than what {known.run} has "
        f"learned, which goes up to {known.trained_on.last}.",
        file=given.source,
        fix="Leave them out, or train anew with all.",
    )
