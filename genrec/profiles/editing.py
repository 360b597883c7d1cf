"""A person's changes to a profile."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genrec.bounds import LONGEST_TEXT
from genrec.errors import GenRecError, InputError
from genrec.habit_models import Habits
from genrec.plain_yaml import TextLoader, load_yaml
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.named_places import names_in
from genrec.profiles.profile import CLOSED_FIELDS, SECTIONS, Guess, Profile, Statement
from genrec.prompting import one_line
from genrec.validation import first_problem

EDITOR = "stated by the editor"
HEAD = "# Profile of user "
LONGEST = 1000  # characters of a sentence
MOST_SENTENCES = 1000  # of a section


Sentences = Annotated[list[Annotated[str, Field(max_length=LONGEST_TEXT)]], Field(max_length=MOST_SENTENCES)]


class Sheet(BaseModel):
    """What a person may change: the answers and the sentences, not the evidence."""

    model_config = ConfigDict(extra="forbid")

    traits: dict[str, str]
    attributes: dict[str, str]
    preferences: Sentences
    routines: Sentences
    summary: Sentences


def sheet_of(profile: Profile) -> Sheet:
    """The changeable part of a profile."""
    return Sheet(
        traits={name: guess.value for name, guess in profile.traits.items()},
        attributes={name: guess.value for name, guess in profile.attributes.items()},
        **{name: [statement.text for statement in getattr(profile, name)] for name in SECTIONS},
    )


def to_sheet(profile: Profile) -> str:
    """The changeable part of a profile as YAML, with places by their names, and the allowed answers as comments."""
    sheet = _renamed(sheet_of(profile), names_in(profile.habits).to_edit)
    answers = "".join(f"#   {name}: {', '.join(options)}, unknown\n" for name, options in CLOSED_FIELDS.items())
    head = f"{HEAD}{profile.user_id!r} as of {profile.as_of}. Change, add or remove lines.\n"
    lines = yaml.safe_dump(sheet.model_dump(), sort_keys=False, allow_unicode=True, width=1000)
    return head + "# Answers:\n" + answers + lines


def apply_sheet(profile: Profile, text: str, source: Path) -> Profile:
    """The profile with the sheet's changes, places by name or by number; raises InputError that names what is wrong."""
    if text.startswith(HEAD) and not text.startswith(f"{HEAD}{profile.user_id!r} "):
        raise InputError(f"the sheet of another user, not of {profile.user_id!r}.", file=source, row=1)
    values = load_yaml(text, TextLoader, source)
    if values is None:
        raise InputError("holds nothing: not a sheet of a profile.", file=source)
    names = names_in(profile.habits)
    shown = {names.to_edit(statement.text): statement.text for statement in profile.statements()}
    try:
        sheet = Sheet.model_validate(values)
        return with_sheet(profile, _renamed(sheet, lambda text: shown.get(text) or names.numbered(text)))
    except ValidationError as error:
        raise InputError(f"{first_problem(error)}.", file=source) from None


def _renamed(sheet: Sheet, rename: Callable[[str], str]) -> Sheet:
    """The sheet with places called otherwise in its sentences."""
    return sheet.model_copy(update={name: [rename(text) for text in getattr(sheet, name)] for name in SECTIONS})


def with_sheet(profile: Profile, sheet: Sheet) -> Profile:
    """The profile with the sheet's changes; raises ValidationError for answers that are none."""
    return Profile.model_validate(
        profile.model_dump()
        | {
            "traits": _guesses(profile.traits, sheet.traits),
            "attributes": _guesses(profile.attributes, sheet.attributes),
            **{name: _statements(profile, getattr(sheet, name)) for name in SECTIONS},
            "provenance": profile.provenance.model_dump() | {"edited": True},
        }
    )


def with_stated(profile: Profile, before: Profile) -> Profile:
    """The profile with the sentences that the person had put into an earlier one, where they stood."""
    sections = {
        name: [
            *getattr(profile, name),
            *(statement for statement in getattr(before, name) if statement.backed_by == [EDITOR]),
        ]
        for name in SECTIONS
    }
    return profile.model_copy(update=sections)


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
    """The evidence for a sentence from outside, one note a claim; empty if it is not supported.

    Raises GenRecError for one that is too long to be a sentence.
    """
    if len(text) > LONGEST:
        raise GenRecError(f"a sentence of {len(text):,} characters ({text[:40]}...); at most {LONGEST:,}.")
    claims = check(text, habits, [habit.category for habit in habits.categories])
    return [claim.note for claim in claims] if supported(claims) else []


def stated(profile: Profile) -> list[str]:
    """The sentences that a person has put in and that no visit backs."""
    return [statement.text for statement in profile.statements() if statement.backed_by == [EDITOR]]


def replace_statement(profile: Profile, old: Statement, text: str) -> Profile:
    """The profile with one sentence replaced, or removed if `text` is empty."""
    sections = {
        name: [
            Statement(text=text, backed_by=backing(text, profile.habits) or [EDITOR]) if statement == old else statement
            for statement in getattr(profile, name)
            if text or statement != old
        ]
        for name in SECTIONS
    }
    provenance = profile.provenance.model_copy(update={"edited": True})
    return profile.model_copy(update=sections | {"provenance": provenance})
