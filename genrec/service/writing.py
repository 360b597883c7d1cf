"""Writing the profile of a person from the visits in the store."""

from typing import Literal

from genrec.assistant import Assistant, make_writer
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.habits import habits_of
from genrec.profiles.editing import with_stated
from genrec.profiles.writer import Subject
from genrec.store.protocol import ConsentError, StaleError, Store
from genrec.store.records import Version

By = Literal["llm", "habits"]
TRIES = 3  # if somebody edits the profile while it is written


def may_be_written(store: Store, person: str) -> None:
    """Raise ConsentError or GenRecError if no profile can be written."""
    if not store.person(person).consent:
        raise ConsentError(f"{person!r} does not want a profile: it needs their consent")
    if store.frame(person).is_empty():
        raise GenRecError(f"{person!r} has no check-ins yet, from which a profile could be written")


def write_profile(store: Store, assistant: Assistant, person: str, by: By) -> Version:
    """Write a profile as of all that is known, keeping what the person has put into it; raises as `may_be_written`."""
    may_be_written(store, person)
    own = Checkins(store.frame(person), store.catalogue(), "the store", [])
    writer = assistant.writer if by == "llm" else make_writer("habits", None, None, own)
    [written] = writer.write([Subject(habits_of(own, person))])
    for left in reversed(range(TRIES)):
        latest = store.profile(person)
        profile = with_stated(written, latest.profile) if latest else written
        try:
            return store.save_profile(profile, by=writer.name, base=latest.number if latest else 0)
        except StaleError:
            if not left:
                raise
    raise AssertionError
