"""A file of profiles (JSON Lines, as `genrec profile` writes it): the simplest place to keep them, without history."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from genrec.files import one_writer, write_text
from genrec.profiles.profile import Profile, read_profiles
from genrec.store.protocol import MissingError, StaleError
from genrec.store.records import Version, made


class JsonLines:
    """A `genrec.store.protocol.Profiles`.

    The number of a version is made of its line, so a stale edit is noticed whoever has written the file meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def profile(self, person: str) -> Version | None:
        """See the protocol."""
        return self._read().get(person)

    def profiles(self) -> Iterator[Version]:
        """See the protocol."""
        yield from self._read().values()

    def save_profile(self, profile: Profile, *, by: str, base: int) -> Version:
        """See the protocol. Who wrote it is what the profile itself says, and `by` is not kept."""
        with one_writer(self._path):
            versions = self._read()
            current, new = (
                versions.get(profile.user_id),
                _version(profile, profile.model_dump_json(), datetime.now(UTC)),
            )
            if current is not None and current.text == new.text:
                return current
            if base != (current.number if current else 0):
                raise StaleError(profile.user_id, base, current)
            self._write((versions | {profile.user_id: new}).values())
        return new

    def erase(self, person: str) -> None:
        """See the protocol."""
        with one_writer(self._path):
            versions = self._read()
            if versions.pop(person, None) is None:
                raise MissingError(f"{self._path} has no profile of {person!r}")
            self._write(versions.values())

    def _read(self) -> dict[str, Version]:
        if not self._path.exists():
            return {}
        profiles = read_profiles(self._path)
        lines = self._path.read_bytes().decode().split("\n")  # as it has just read them, one a profile
        at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        return {
            user: _version(profile, line, at) for (user, profile), line in zip(profiles.items(), lines, strict=False)
        }

    def _write(self, versions: Iterable[Version]) -> None:
        write_text(self._path, "".join(f"{version.text}\n" for version in versions), private=True)


def _version(profile: Profile, text: str, at: datetime) -> Version:
    number = 1 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    return made(Version, person=profile.user_id, number=number, at=at, by=profile.provenance.writer, text=text)
