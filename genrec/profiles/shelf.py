"""Which profile a prompt shows: the latest given one as of an example's moment, else one by templates.

Only the sentences and guesses come from there; habits are always the user's own, as of the example's moment.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from genrec.checkins import Checkins
from genrec.columns import CATEGORY, USER
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.profiles.profile import (
    ATTRIBUTES,
    TRAITS,
    Profile,
    Provenance,
    read_profiles,
    require_catalogue,
    unknown_fields,
)
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.trajectories import Example

Show = Literal["own", "swapped", "emptied"]

EXAMINED = (
    "Write profiles of the check-ins that are examined: a run without --profiles keeps them in its folder `checkins`."
)


class ProfileShelf:
    """Profiles as of several moments, for the users of some check-ins."""

    def __init__(self, given: Sequence[Profile], checkins: Checkins, *, seed: int = 0) -> None:
        """`seed` decides who is swapped for whom. Raises GenRecError if a profile was written for other POIs."""
        require_catalogue(given, checkins.pois, EXAMINED)
        self.given = sorted(given, key=lambda profile: (profile.user_id, profile.as_of))
        self.seed = seed
        lines = "".join(profile.model_dump_json() for profile in self.given)
        self.fingerprint = hashlib.sha256(lines.encode()).hexdigest() if given else None
        self._given: dict[str, list[Profile]] = defaultdict(list)
        for profile in self.given:
            self._given[profile.user_id].append(profile)
        self._writer = HabitsWriter(checkins.pois[CATEGORY].unique().sort().to_list())
        self._written: tuple[Evidence, dict[str, Profile]] | None = None
        self._circle = sorted(checkins.frame[USER].unique().to_list())
        random.Random(seed).shuffle(self._circle)

    def coverage(self, examples: Sequence[Example]) -> dict[str, int]:
        """For how many examples a given profile is shown, and for how many one by templates.

        Raises GenRecError if profiles were given, but all of them know too much.
        """
        known = sum(
            any(profile.as_of <= example.as_of for profile in self._given[example.user_id]) for example in examples
        )
        if self.given and not known:
            first = min(example.as_of for example in examples)
            raise GenRecError(
                f"none of the {len(self.given)} profiles given is of a user asked about and early enough: write them "
                f"with genrec profile --as-of {first.isoformat(timespec='seconds')}"
            )
        return {"given": known, "templates": len(examples) - known}

    def source(self, user_id: str, evidence: Evidence) -> Profile:
        """The user's latest given profile as of the evidence or before, else the one that templates write of it."""
        early = [profile for profile in self._given[user_id] if profile.as_of <= evidence.as_of]
        return early[-1] if early else self._by_templates(user_id, evidence)

    def other(self, user_id: str, evidence: Evidence) -> Profile:
        """Another user's profile by the same writer that says something; raises GenRecError if there is none."""
        writer = self.source(user_id, evidence).provenance.writer
        start = self._circle.index(user_id) + 1
        for other in self._circle[start:] + self._circle[: start - 1]:
            profile = self.source(other, evidence)
            if profile.provenance.writer == writer and any(profile.statements()):
                return profile
        raise GenRecError(f"nobody else has a profile by {writer!r} as of {evidence.as_of}")

    def _by_templates(self, user_id: str, evidence: Evidence) -> Profile:
        if self._written is None or self._written[0] is not evidence:
            self._written = evidence, {}
        profiles = self._written[1]
        if user_id not in profiles:
            [profiles[user_id]] = self._writer.write([Subject(evidence.habits(user_id))])
        return profiles[user_id]


def shown(source: Profile | None, user_id: str, evidence: Evidence) -> Profile:
    """What a prompt shows of a user: the words of `source`, or none, and the user's habits as of the evidence."""
    return Profile(
        user_id=user_id,
        as_of=evidence.as_of,
        traits=source.traits if source else unknown_fields(TRAITS),
        attributes=source.attributes if source else unknown_fields(ATTRIBUTES),
        preferences=source.preferences if source else [],
        routines=source.routines if source else [],
        summary=source.summary if source else [],
        habits=evidence.habits(user_id),
        provenance=source.provenance if source else Provenance(writer="nobody", prompt_version=""),
    )


def read_given(paths: Sequence[Path]) -> list[Profile]:
    """The profiles of several files, each user's of different moments; raises GenRecError if two are of one moment."""
    profiles = [profile for path in paths for profile in read_profiles(path).values()]
    seen: set[tuple[object, ...]] = set()
    for profile in profiles:
        if (profile.user_id, profile.as_of) in seen:
            raise GenRecError(f"--profiles: {profile.user_id!r} has two profiles as of {profile.as_of}; give one")
        seen.add((profile.user_id, profile.as_of))
    return profiles
