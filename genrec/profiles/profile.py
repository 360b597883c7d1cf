"""The profile of a user, and the JSON Lines file that profiles are kept in."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from genrec import jsonl
from genrec.errors import GenRecError, InputError
from genrec.files import write_text
from genrec.habits import Habits
from genrec.validation import first_problem

UNKNOWN = "unknown"

# GenUP, section 3: the Big Five Inventory's traits, and attributes with closed answers.
TRAITS: dict[str, tuple[str, ...]] = {
    name: ("high", "low") for name in ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "age_group": ("child", "adolescent", "adult", "older adult"),
    "gender": ("female", "male"),
    "education": ("some schooling", "high school", "college and beyond"),
    "socio_economic_status": ("lower", "middle", "upper"),
}
CLOSED_FIELDS = TRAITS | ATTRIBUTES

Level = Literal["none", "routines", "attributes", "full"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Guess(_Model):
    """A closed field: the most probable option, or "unknown" when the model is not sure enough."""

    value: str
    confidence: float = Field(ge=0, le=1, description="share of the most probable option among all options")


class Statement(_Model):
    """A sentence about the user with the evidence that backs it, one note a claim."""

    text: str = Field(min_length=1)
    backed_by: list[str]


class Provenance(_Model):
    """Who wrote a profile, with what, and what the checks did to it."""

    writer: str
    prompt_version: str
    tokens_in: int = 0
    tokens_out: int = 0
    asked: int = 0  # sentences asked for
    asked_again: int = 0  # sentences that the evidence did not support at first
    dropped: list[str] = []  # sentences that it did not support at the second try either
    by_template: int = 0  # sentences of templates, for sections that the model got nothing right in
    edited: bool = False


class Profile(_Model):
    """What is known (statements, habits) and guessed (traits, attributes) about a user as of a moment."""

    user_id: str
    as_of: datetime
    traits: dict[str, Guess]
    attributes: dict[str, Guess]
    preferences: list[Statement]
    routines: list[Statement]
    summary: list[Statement]
    habits: Habits
    provenance: Provenance

    @model_validator(mode="after")
    def _fields_are_known(self) -> "Profile":
        for guesses, fields in ((self.traits, TRAITS), (self.attributes, ATTRIBUTES)):
            for name, guess in guesses.items():
                if name not in fields:
                    raise ValueError(f"unknown field {name!r}; the fields are {', '.join(fields)}")
                if guess.value not in (*fields[name], UNKNOWN):
                    raise ValueError(f"{name}: {guess.value!r} is not one of {', '.join(fields[name])}, {UNKNOWN}")
        return self

    def statements(self) -> Iterator[Statement]:
        """All sentences of the profile."""
        yield from self.preferences
        yield from self.routines
        yield from self.summary


def unknown_fields(fields: dict[str, tuple[str, ...]]) -> dict[str, Guess]:
    """Every field of a group, unanswered."""
    return {name: Guess(value=UNKNOWN, confidence=0.0) for name in fields}


def read_profiles(path: Path) -> dict[str, Profile]:
    """Profiles by user id, in file order; raises InputError that names the line."""
    profiles: dict[str, Profile] = {}
    try:
        text = _bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not a UTF-8 text file.", file=path, fix="Give a file of profiles.") from None
    # Not splitlines(): a category may hold other line separators, which JSON does not escape.
    for row, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        try:
            profile = Profile.model_validate_json(line)
        except ValidationError as error:
            raise InputError(
                f"not a profile: {first_problem(error)}.", file=path, row=row, fix="Mend or remove the line."
            ) from None
        if profile.user_id in profiles:
            raise InputError(f"user {profile.user_id!r} has two profiles.", file=path, row=row, fix="Keep one.")
        profiles[profile.user_id] = profile
    return profiles


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("no such file.", file=path, fix="Write it with `genrec profile run`.") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).", file=path) from None


def write_profiles(path: Path, profiles: Iterable[Profile]) -> None:
    """Write a whole file of profiles, atomically."""
    write_text(path, "".join(profile.model_dump_json() + "\n" for profile in profiles), private=True)


def profile_of(profiles: dict[str, Profile], user_id: str, path: Path) -> Profile:
    """The user's profile; raises GenRecError that names a few users who have one."""
    if user_id in profiles:
        return profiles[user_id]
    some = ", ".join(list(profiles)[:5]) or "nobody"
    raise GenRecError(f"{path} has no profile of user {user_id!r}. It has: {some}{', ...' * (len(profiles) > 5)}")


def append_profiles(path: Path, profiles: Iterable[Profile]) -> None:
    """Add finished profiles to a file, in one step."""
    jsonl.append(path, (profile.model_dump_json() for profile in profiles), private=True)


def dumps(profile: Profile) -> str:
    """The profile as indented JSON, for people."""
    return json.dumps(profile.model_dump(mode="json"), indent=2, ensure_ascii=False)
