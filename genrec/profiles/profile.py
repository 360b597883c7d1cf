"""The profile of a user, and the JSON Lines file that profiles are kept in."""

import json
import shlex
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime, field_validator, model_validator

from genrec import jsonl
from genrec.bounds import LONGEST_TEXT, Count
from genrec.columns import POI_ID
from genrec.errors import GenRecError, InputError
from genrec.files import require_regular, write_text
from genrec.habit_models import Habits
from genrec.validation import read_lines, shortened

if TYPE_CHECKING:
    import polars as pl

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
SECTIONS = ("preferences", "routines", "summary")  # of sentences

Level = Literal["none", "routines", "attributes", "full"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


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
    tokens_in: Count = 0
    tokens_out: Count = 0
    asked: Count = 0  # sentences asked for
    asked_again: Count = 0  # sentences that the evidence did not support at first
    dropped: list[str] = []  # sentences that it did not support at the second try either
    by_template: Count = 0  # sentences of templates, for sections that the model got nothing right in
    edited: bool = False

    @model_validator(mode="after")
    def _a_part(self) -> "Provenance":
        if self.asked_again > self.asked:
            raise ValueError(f"asked_again is {self.asked_again}, of {self.asked} sentences asked for")
        return self


class Profile(_Model):
    """What is known (statements, habits) and guessed (traits, attributes) about a user as of a moment."""

    user_id: str
    as_of: NaiveDatetime
    traits: dict[str, Guess]
    attributes: dict[str, Guess]
    preferences: list[Statement]
    routines: list[Statement]
    summary: list[Statement]
    habits: Habits
    provenance: Provenance

    @field_validator("traits")
    @classmethod
    def _traits_are_known(cls, guesses: dict[str, Guess]) -> dict[str, Guess]:
        return _all_fields(guesses, TRAITS)

    @field_validator("attributes")
    @classmethod
    def _attributes_are_known(cls, guesses: dict[str, Guess]) -> dict[str, Guess]:
        return _all_fields(guesses, ATTRIBUTES)

    @model_validator(mode="after")
    def _habits_are_theirs(self) -> "Profile":
        if self.habits.user_id != self.user_id:
            raise ValueError(f"habits: of another user, {self.habits.user_id!r}, not of {self.user_id!r}")
        if self.habits.as_of != self.as_of:
            raise ValueError(f"habits: as of {self.habits.as_of}, but the profile is as of {self.as_of}")
        return self

    def statements(self) -> Iterator[Statement]:
        """All sentences of the profile."""
        yield from self.preferences
        yield from self.routines
        yield from self.summary


def _all_fields(guesses: dict[str, Guess], fields: dict[str, tuple[str, ...]]) -> dict[str, Guess]:
    """Every field of a group, in its order, unknown where there is no guess; raises ValueError for another field."""
    for name, guess in guesses.items():
        if name not in fields:
            raise ValueError(f"unknown field {name!r}; the fields are {', '.join(fields)}")
        if guess.value not in (*fields[name], UNKNOWN):
            raise ValueError(f"{name}: {guess.value!r} is not one of {', '.join(fields[name])}, {UNKNOWN}")
    return unknown_fields(fields) | guesses


def unknown_fields(fields: dict[str, tuple[str, ...]]) -> dict[str, Guess]:
    """Every field of a group, unanswered."""
    return {name: Guess(value=UNKNOWN, confidence=0.0) for name in fields}


def read_profiles(path: Path) -> dict[str, Profile]:
    """Profiles by user id, in file order; raises InputError that names the line."""
    profiles: dict[str, Profile] = {}
    for row, profile in profile_lines(path):
        if profile.user_id in profiles:
            raise InputError(f"user {profile.user_id!r} has two profiles.", file=path, row=row, fix="Keep one.")
        profiles[profile.user_id] = profile
    return profiles


def profile_lines(path: Path) -> Iterator[tuple[int, Profile]]:
    """The profile of each line with its number, where a user may have several; errors as of `read_profiles`."""
    require_there(path)
    fix = "Mend or remove the line."
    for row, profile in read_lines(path, Profile, "a profile", fix=fix):
        if longest := [name for name, text in _texts(profile) if len(text) > LONGEST_TEXT]:
            problem = f"not a profile: {longest[0]}: more than {LONGEST_TEXT:,} letters."
            raise InputError(problem, file=path, row=row, fix=fix)
        yield row, profile


def require_there(path: Path) -> None:
    """Raise InputError unless there is a file, of profiles perhaps."""
    if not path.exists():
        raise InputError("no such file.", file=path, fix=_written(path))
    require_regular(path)


def _written(path: Path) -> str:
    """How a file of profiles is made."""
    command = shlex.join(["genrec", "profile", "run", "my.csv", "--out", str(path)])
    return f"Name your file of profiles with --profiles, or write it from your check-ins: {command}"


def _texts(profile: Profile) -> Iterator[tuple[str, str]]:
    """All that is put into words from a profile, and where it stands."""
    yield "user_id", profile.user_id
    for name in SECTIONS:
        for number, statement in enumerate(getattr(profile, name)):
            yield f"{name}.{number}.text", statement.text
    for number, place in enumerate(profile.habits.places):
        yield f"habits.places.{number}.poi_id", place.poi_id
        yield f"habits.places.{number}.category", place.category
        yield f"habits.places.{number}.name", place.name or ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("no such file.", file=path, fix=_written(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).", file=path) from None


def write_profiles(path: Path, profiles: Iterable[Profile]) -> None:
    """Write a whole file of profiles, atomically."""
    write_text(path, "".join(profile.model_dump_json() + "\n" for profile in profiles), private=True)


Kept = TypeVar("Kept")  # a profile, or what one is kept in


def profile_of(profiles: dict[str, Kept], user_id: str, path: Path) -> Kept:
    """The user's profile; raises GenRecError that names a few users who have one."""
    if user_id in profiles:
        return profiles[user_id]
    some = ", ".join(list(profiles)[:5]) or "nobody"
    raise GenRecError(f"{path} has no profile of user {user_id!r}. It has: {some}{', ...' * (len(profiles) > 5)}")


REWRITE = "Write profiles of these check-ins, with `genrec profile run`."


def require_catalogue(profiles: Iterable[Profile], pois: "pl.DataFrame", fix: str = REWRITE) -> None:
    """Raise GenRecError if a profile was written for other places than those of a catalogue."""
    poi_ids = pois[POI_ID]
    for profile in profiles:
        places = profile.habits.places
        known = poi_ids.gather([place.poi for place in places if place.poi < len(poi_ids)]).to_list()
        for place, poi_id in zip_longest(places, known):
            if place.poi_id != poi_id:
                raise GenRecError(
                    f"the profile of {profile.user_id!r} was written for other data: there, POI {place.poi} is "
                    f"{shortened(repr(place.poi_id))}. {fix}"
                )


def append_profiles(path: Path, profiles: Iterable[Profile]) -> None:
    """Add finished profiles to a file, in one step."""
    jsonl.append(path, (profile.model_dump_json() for profile in profiles), private=True)


def dumps(profile: Profile) -> str:
    """The profile as indented JSON, for people."""
    return json.dumps(profile.model_dump(mode="json"), indent=2, ensure_ascii=False)
