"""Profiles with their history."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, func, select

from genrec.profiles.profile import Profile
from genrec.store.protocol import ConsentError, MissingError, StaleError
from genrec.store.records import Settings, Version, made, now
from genrec.store.sql.erased import buried
from genrec.store.sql.part import Part, add_all, alone, fetch, key_of, stream
from genrec.store.sql.people import add_people
from genrec.store.sql.tables import people, profiles


class ProfileVersions(Part):
    """See `genrec.store.protocol`."""

    def profile(self, person: str) -> Version | None:
        """See the protocol."""
        with self._database.reading() as connection:
            return _latest(connection, key_of(connection, person))

    def profiles(self) -> Iterator[Version]:
        """See the protocol."""
        others = profiles.alias()
        newer = select(others.c.number).where(others.c.person == profiles.c.person, others.c.number > profiles.c.number)
        with self._database.reading() as connection:
            yield from stream(connection, Version, ~newer.exists(), by=[profiles.c.person])

    def save_profile(self, profile: Profile, *, by: str, base: int) -> Version:
        """See the protocol; raises ConsentError, too."""
        with self._database.writing() as connection:
            return _save(connection, profile.user_id, profile.model_dump_json(), by=by, base=base)

    def import_profiles(self, versions: Sequence[Version], settings: Settings) -> int:
        """See the protocol; raises ConsentError, too."""
        count = select(func.count()).select_from(profiles)
        with self._database.writing() as connection:
            alone(connection, people)
            gone = buried(connection, [version.person for version in versions])
            kept = [version for version in versions if version.person not in gone]
            add_people(connection, [version.person for version in kept], settings)
            before = connection.execute(count).scalar_one()
            for version in kept:
                _save(connection, version.person, version.text, by=version.by, base=None)
            return connection.execute(count).scalar_one() - before

    def history(self, person: str) -> list[Version]:
        """See the protocol."""
        with self._database.reading() as connection:
            theirs = profiles.c.person == key_of(connection, person)
            return fetch(connection, Version, theirs, by=[profiles.c.number])

    def revert(self, person: str, number: int, *, by: str, base: int) -> Version:
        """See the protocol."""
        with self._database.writing() as connection:
            one = (profiles.c.person == key_of(connection, person)) & (profiles.c.number == number)
            text = connection.execute(select(profiles.c.text).where(one)).scalar()
            if text is None:
                raise MissingError(f"the profile of {person!r} has no version {number}")
            return _save(connection, person, text, by=by, base=base, reverts=number)

    def drop_profile(self, person: str) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            connection.execute(delete(profiles).where(profiles.c.person == key_of(connection, person, lock=True)))


def _save(
    connection: Connection, person: str, text: str, *, by: str, base: int | None, reverts: int | None = None
) -> Version:
    """Add a version, unless it is as the latest; `base` None is whichever that is."""
    key = key_of(connection, person, lock=True)
    if not connection.execute(select(people.c.consent).where(people.c.key == key)).scalar_one():
        raise ConsentError(f"{person!r} does not want a profile: it needs their consent")
    current = _latest(connection, key)
    if current is not None and current.text == text:
        return current
    number = current.number if current else 0
    if base not in {None, number}:
        raise StaleError(person, base or 0, current)
    new = made(Version, person=person, number=number + 1, at=now(), by=by, text=text, reverts=reverts)
    add_all(connection, [new])
    return new


def _latest(connection: Connection, key: int) -> Version | None:
    newest = fetch(connection, Version, profiles.c.person == key, by=[profiles.c.number.desc()], limit=1)
    return newest[0] if newest else None
