"""Renders the templates of `prompts/` into chat messages; the one place that does.

Templates see numbers and strings only and run sandboxed; what a user wrote is always a value,
never a template.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from genrec.habit_models import CategoryHabit, PlaceHabit
from genrec.phrases import when_phrase
from genrec.words import is_known

LONGEST_NAME = 200  # characters of a user's id or a kind of place in a prompt


def _source(name: str) -> str:
    return files("prompts").joinpath(f"{name}.jinja").read_text(encoding="utf-8")


def _when(habit: PlaceHabit | CategoryHabit) -> str:
    phrase = when_phrase(habit.hours, habit.weekdays)
    return f", {phrase}" if phrase else ""


def _place(place: PlaceHabit) -> str:
    """A place's id, with its kind if that is known."""
    return f"{place.poi} ({place.category})" if is_known(place.category) else str(place.poi)


def _joined_lines(value: object) -> object:
    """A value of a template, unable to add lines to a prompt."""
    return " ".join(value.splitlines()) if isinstance(value, str) else value


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_source),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        finalize=_joined_lines,
    )
    environment.filters["when"] = _when
    environment.filters["place"] = _place
    return environment


def render(name: str, **values: Any) -> str:
    """A template of `prompts/` with its values; a missing value is an error."""
    return _environment().get_template(name).render(values).strip()


@cache
def prompt_version(names: tuple[str, ...]) -> str:
    """Hash of the templates' words: artefacts made with other words do not mix."""
    return hashlib.sha256("\0".join(_source(name) for name in names).encode()).hexdigest()[:12]


def name_in_prompt(name: str) -> str:
    """A user's id or a kind of place on one line, and short enough for any prompt."""
    return one_line(name)[:LONGEST_NAME]


def one_line(text: str) -> str:
    """Text from data or people, unable to add lines to a prompt."""
    return " ".join(text.split())
