"""Profiles that GenUP wrote (arXiv 2410.20643), with our evidence beside them."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genrec.errors import GenRecError, InputError
from genrec.files import require_regular
from genrec.habit_models import Habits
from genrec.profiles.editing import backing
from genrec.profiles.faithfulness import sentences
from genrec.profiles.profile import ATTRIBUTES, TRAITS, Guess, Profile, Provenance, Statement, unknown_fields
from genrec.prompting import one_line
from genrec.validation import first_problem

MOST_BYTES = 1_000_000  # of a profile file
Lines = Annotated[list[str], Field(max_length=100)]


class GenUpProfile(BaseModel):
    """A profile file as GenUP publishes them (arXiv 2410.20643)."""

    model_config = ConfigDict(extra="ignore")

    traits: Lines
    attributes: Lines
    preferences: Lines
    routines: Lines
    user_profile: str = Field(max_length=20_000)


# GenUP's words for the poles of the Big Five, by how they begin.
_TRAIT_WORDS = {
    "extraversion": ("extr", "intr"),
    "agreeableness": ("agree", "antagon"),
    "conscientiousness": ("conscientious", "unconscientious"),
    "neuroticism": ("neurotic", "emotionally stable"),
    "openness": ("open", "closed"),
}


def read_genup(path: Path, habits: Habits) -> Profile:
    """A GenUP profile with our evidence beside it; sentences that it does not support stay, unbacked.

    Raises InputError for a file that is no such profile.
    """
    require_regular(path)
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"not a GenUP profile: larger than {MOST_BYTES // 1_000_000} MB.", file=path)
    try:
        theirs = GenUpProfile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"not a GenUP profile: {first_problem(error)}.", file=path) from None
    try:
        return _profile(theirs, habits)
    except GenRecError as error:
        raise InputError(str(error), file=path) from None


def _profile(theirs: GenUpProfile, habits: Habits) -> Profile:
    words = [word.strip().lower() for word in theirs.traits]
    traits = unknown_fields(TRAITS)
    for name, poles in _TRAIT_WORDS.items():
        for value, pole in zip(("high", "low"), poles, strict=True):
            if any(word.startswith(pole) for word in words):
                traits[name] = Guess(value=value, confidence=1.0)
    attributes = unknown_fields(ATTRIBUTES)
    facts = {word.strip().lower().replace("&", "and") for word in theirs.attributes}
    for name, options in ATTRIBUTES.items():
        for option in facts.intersection(options):
            attributes[name] = Guess(value=option, confidence=1.0)
    sections = [
        theirs.preferences,
        theirs.routines,
        sentences(theirs.user_profile, [habit.category for habit in habits.categories]),
    ]
    preferences, routines, summary = (
        [Statement(text=text, backed_by=backing(text, habits)) for text in map(one_line, section) if text]
        for section in sections
    )
    return Profile(
        user_id=habits.user_id,
        as_of=habits.as_of,
        traits=traits,
        attributes=attributes,
        preferences=preferences,
        routines=routines,
        summary=summary,
        habits=habits,
        provenance=Provenance(writer="GenUP", prompt_version="imported"),
    )


def genup_files(source: Path) -> dict[str, Path]:
    """GenUP's files (`user_profile_17.json`, or just `17.json`) by user id."""
    if not source.exists() or (source.is_dir() and not any(source.glob("*.json"))):
        raise GenRecError(f"{source}: no such file, or a folder without .json files")
    files: dict[str, Path] = {}
    for file in sorted(source.glob("*.json")) if source.is_dir() else [source]:
        require_regular(file)
        user = file.stem.removeprefix("user_profile_")
        if user in files:
            raise InputError(f"the user of {files[user].name}, too.", file=file, fix="Keep one of the two.")
        files[user] = file
    return files
