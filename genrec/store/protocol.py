"""The protocol of a store, and what it refuses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.profiles.profile import Profile
from genrec.store.records import Answer, ApiKey, Checkin, Feedback, Person, Place, Record, Settings, Version


class MissingError(GenRecError):
    """A person, place, answer or version that is not there."""


class ConflictError(GenRecError):
    """An id that is there already, with other content."""


class ConsentError(GenRecError):
    """A profile of a person who does not want one."""


class UnavailableError(GenRecError):
    """A database that cannot be used, or not now."""


class StaleError(GenRecError):
    """An edit that was not made from the current version.

    Attributes:
        current: that version; None if there is none any more.

    """

    def __init__(self, person: str, base: int, current: Version | None) -> None:
        now = f"by {current.by!r} at {current.at:%Y-%m-%d %H:%M:%S} UTC" if current else "now there is none"
        which = f"version {current.number}, {now}" if current else now
        super().__init__(
            f"the profile of {person!r} has been changed meanwhile ({which}), after version {base} that this edit was "
            "made from; look at it, then edit again"
        )
        self.current = current


@dataclass(frozen=True)
class Imported:
    """How many people, places and check-ins were new.

    `erased`: people who were erased here, and are left out; `notes`: what does not go with what was there.
    """

    people: int
    places: int
    checkins: int
    erased: int = 0
    notes: tuple[str, ...] = ()


class Profiles(Protocol):
    """The latest profile of each person: what a file of profiles (JSON Lines) and a database have in common."""

    def profile(self, person: str) -> Version | None:
        """A person's latest profile; None if there is none."""

    def profiles(self) -> Iterator[Version]:
        """Everybody's latest profile."""

    def save_profile(self, profile: Profile, *, by: str, base: int) -> Version:
        """Make a profile its person's latest; `base` is the number of the version that it was made from, or 0.

        Raises StaleError if that is not the latest any more. What is the same as the latest is no new version.
        """

    def erase(self, person: str) -> None:
        """Remove all that is kept of a person, so that no byte of it stays in the files.

        Raises MissingError if there is nothing, once the files are clean: so a call that was interrupted is repeated.
        A database keeps a salted hash of the id, so that `import_checkins` and `import_profiles` leave them out.
        """


class Store(Profiles, Protocol):
    """What a service needs. Every write is on the disk when it returns, or has changed nothing.

    Methods that name a person raise MissingError if there is none of this id.
    """

    def add_people(self, ids: Sequence[str], settings: Settings) -> int:
        """Add those people who are not there yet, even if they were erased, with these settings; returns how many."""

    def person(self, person: str) -> Person:
        """Somebody's record."""

    def people(self, *, after: str = "", limit: int = 100, search: str = "") -> list[Person]:
        """People by id; `after` is the last id of the page before, `search` a part of the id in any case (ASCII)."""

    def change_settings(self, person: str, settings: Settings) -> Person:
        """Replace a person's settings."""

    def add_places(self, places: Sequence[Place]) -> list[int]:
        """The index of each place, which never changes; a known one must be the same, else ConflictError."""

    def catalogue(self) -> pl.DataFrame:
        """All places, with the columns of `Checkins.pois` but `first_seen`, row i having index i."""

    def owners(self) -> dict[int, str]:
        """Whose a place is, by its index, of those that somebody has added for themselves."""

    def add_checkins(self, checkins: Sequence[Checkin]) -> int:
        """Append all of them or none; returns how many were new.

        The same id twice is one. Raises ConflictError if an id has other content, MissingError if a person or a place
        is not there.
        """

    def import_checkins(self, checkins: Checkins, settings: Settings, *, owner: str | None = None) -> Imported:
        """Append what a file held that is not there yet (of n equal visits there and m here, max(n, m) remain).

        New people get `settings`, new places `owner`; known places stay as they are. Who was erased is left out, with
        the places that nobody else in the file has been to.
        """

    def visits(self, person: str) -> list[Checkin]:
        """A person's check-ins in order."""

    def frame(self, person: str) -> pl.DataFrame:
        """A person's check-ins as `Checkins.frame` has them; equal moments are in the order of ids."""

    def checkins(self) -> Checkins:
        """Everybody's check-ins, with the catalogue."""

    def import_profiles(self, versions: Sequence[Version], settings: Settings) -> int:
        """Make these texts their people's latest, whatever was there; new people get `settings`. Returns how many."""

    def history(self, person: str) -> list[Version]:
        """All versions of a person's profile, the oldest first; `changes` says what differs between two."""

    def revert(self, person: str, number: int, *, by: str, base: int) -> Version:
        """Make an earlier version's text the latest again, as a new version; raises as `save_profile`, MissingError."""

    def drop_profile(self, person: str) -> None:
        """Remove a person's profile with its history; only `erase` leaves no trace in the files."""

    def add_answer(self, answer: Answer) -> None:
        """Keep an answer; the same twice is one, ConflictError if its id has other content."""

    def answer(self, answer: str) -> Answer:
        """An answer by its id; raises MissingError."""

    def answers(self, person: str) -> list[Answer]:
        """The answers that a person was given, in order."""

    def drop_answers(self, before: datetime) -> int:
        """Delete the answers that were given before a moment; returns how many."""

    def add_feedback(self, feedback: Feedback) -> bool:
        """Keep feedback; False if it was there. Raises as `add_checkins`, and for an answer that the person has not."""

    def feedback(self, person: str) -> list[Feedback]:
        """What a person has said, in order."""

    def drop_feedback(self, person: str, feedback: str) -> None:
        """Take back what a person has said; raises MissingError."""

    def add_key(self, key: ApiKey) -> None:
        """Keep a key of the API; its person's erasure drops it."""

    def key(self, id_: str) -> ApiKey | None:
        """A key by its id; None if there is none."""

    def api_keys(self) -> list[ApiKey]:
        """All keys, the oldest first."""

    def drop_key(self, id_: str) -> None:
        """Make a key worthless; raises MissingError."""

    def records(self, person: str | None = None) -> Iterator[Record]:
        """Everything, as of one moment, or everything of one person: for a backup, for an export.

        People and places come before what refers to them; the places in the order of their indices.
        """

    def restore(self, records: Iterable[Record]) -> int:
        """Fill an empty store from such records; returns how many. Raises ConflictError if it is not empty."""

    def counts(self) -> dict[str, int]:
        """How much there is of everything."""

    def close(self) -> None:
        """Close all connections."""
