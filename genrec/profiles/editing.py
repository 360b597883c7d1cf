"""A person's changes to a profile, and profiles that others wrote."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from genrec.errors import GenRecError, InputError
from genrec.habits import Habits
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.profile import (
    ATTRIBUTES,
    CLOSED_FIELDS,
    TRAITS,
    Guess,
    Profile,
    Provenance,
    Statement,
    unknown_fields,
)
from genrec.prompting import one_line
from genrec.validation import first_problem

EDITOR = "stated by the editor"
HEAD = "# Profile of user "


class Sheet(BaseModel):
    """What a person may change: the answers and the sentences, not the evidence."""

    model_config = ConfigDict(extra="forbid")

    traits: dict[str, str]
    attributes: dict[str, str]
    preferences: list[str]
    routines: list[str]
    summary: list[str]


def to_sheet(profile: Profile) -> str:
    """The changeable part of a profile as YAML, with the allowed answers as comments."""
    sheet = Sheet(
        traits={name: guess.value for name, guess in profile.traits.items()},
        attributes={name: guess.value for name, guess in profile.attributes.items()},
        preferences=[statement.text for statement in profile.preferences],
        routines=[statement.text for statement in profile.routines],
        summary=[statement.text for statement in profile.summary],
    )
    answers = "".join(f"#   {name}: {', '.join(options)}, unknown\n" for name, options in CLOSED_FIELDS.items())
    head = f"{HEAD}{profile.user_id!r} as of {profile.as_of}. Change, add or remove lines.\n"
    lines = yaml.safe_dump(sheet.model_dump(), sort_keys=False, allow_unicode=True, width=1000)
    return head + "# Answers:\n" + answers + lines


def apply_sheet(profile: Profile, text: str, source: Path) -> Profile:
    """The profile with the sheet's changes; raises InputError that names the line or the field."""
    if text.startswith(HEAD) and not text.startswith(f"{HEAD}{profile.user_id!r} "):
        raise InputError(f"the sheet of another user, not of {profile.user_id!r}.", file=source, row=1)
    try:
        # BaseLoader reads every scalar as the text that it is: a sentence may look like a date or a number.
        sheet = Sheet.model_validate(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - builds plain text only
        return Profile.model_validate(
            profile.model_dump()
            | {
                "traits": _guesses(profile.traits, sheet.traits),
                "attributes": _guesses(profile.attributes, sheet.attributes),
                "preferences": _statements(profile, sheet.preferences),
                "routines": _statements(profile, sheet.routines),
                "summary": _statements(profile, sheet.summary),
                "provenance": profile.provenance.model_dump() | {"edited": True},
            }
        )
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"not YAML: {error.problem}.", file=source, row=row) from None
    except yaml.YAMLError as error:
        raise InputError(f"not YAML: {' '.join(str(error).split())}.", file=source) from None
    except ValidationError as error:
        raise InputError(f"{first_problem(error)}.", file=source) from None


def _guesses(old: dict[str, Guess], answers: dict[str, str]) -> dict[str, dict[str, object]]:
    """An answer that a person changed is certain."""
    return {
        name: old[name].model_dump()
        if name in old and old[name].value == answer
        else {"value": answer, "confidence": 1.0}
        for name, answer in answers.items()
    }


def _statements(profile: Profile, texts: Sequence[str]) -> list[dict[str, object]]:
    old = {statement.text: statement for statement in profile.statements()}
    new = {
        text: Statement(text=text, backed_by=backing(text, profile.habits) or [EDITOR])
        for text in map(one_line, texts)
        if text
    }
    return [(old.get(text) or statement).model_dump() for text, statement in new.items()]


def backing(text: str, habits: Habits) -> list[str]:
    """The evidence for a sentence from outside, one note a claim; empty if it is not supported."""
    claims = check(text, habits, [habit.category for habit in habits.categories])
    return [claim.note for claim in claims] if supported(claims) else []


def replace_statement(profile: Profile, old: Statement, text: str) -> Profile:
    """The profile with one sentence replaced, or removed if `text` is empty."""
    sections = {
        name: [
            Statement(text=text, backed_by=backing(text, profile.habits) or [EDITOR]) if statement == old else statement
            for statement in section
            if text or statement != old
        ]
        for name, section in (
            ("preferences", profile.preferences),
            ("routines", profile.routines),
            ("summary", profile.summary),
        )
    }
    provenance = profile.provenance.model_copy(update={"edited": True})
    return profile.model_copy(update=sections | {"provenance": provenance})


class GenUpProfile(BaseModel):
    """A profile file as GenUP publishes them (arXiv 2410.20643)."""

    model_config = ConfigDict(extra="ignore")

    traits: list[str]
    attributes: list[str]
    preferences: list[str]
    routines: list[str]
    user_profile: str


# GenUP's words for the poles of the Big Five, by how they begin.
_TRAIT_WORDS = {
    "extraversion": ("extr", "intr"),
    "agreeableness": ("agree", "antagon"),
    "conscientiousness": ("conscientious", "unconscientious"),
    "neuroticism": ("neurotic", "emotionally stable"),
    "openness": ("open", "closed"),
}


def read_genup(path: Path, habits: Habits) -> Profile:
    """A GenUP profile with our evidence beside it; sentences that it does not support stay, unbacked."""
    try:
        theirs = GenUpProfile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"not a GenUP profile: {first_problem(error)}.", file=path) from None
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
    sections = [theirs.preferences, theirs.routines, re.split(r"(?<=[.!?])\s+", theirs.user_profile.strip())]
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
    files = sorted(source.glob("*.json")) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise GenRecError(f"{source}: no such file, or a folder without .json files")
    return {file.stem.removeprefix("user_profile_"): file for file in files}
