"""How people say that they want more or fewer of a kind of place, and sentences that say nothing of any."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from genrec.plain_yaml import TextLoader, load_yaml

# Known to whoever wrote the reading of statements. Those of held_out.yaml come from somebody who had not seen it.
MORE = (
    "I want to go to a {kind} more often.",
    "I would love to see more of every {kind}.",
    "I like a good {kind}.",
    "I enjoy going to a {kind}.",
    "I am looking for a {kind}.",
    "Show me a {kind}, please.",
    "I have come to love a {kind}.",
    "A {kind} is what I am after.",
    "I can never walk past any {kind} without going in.",
    "Please point me to the nearest {kind} as often as you can.",
    "Nothing makes my week like an afternoon at some nice {kind}.",
    "honestly cant wait to hit up the next {kind}",
)
FEWER = (
    "I want to go to a {kind} less often.",
    "I do not want to see any {kind}.",
    "I avoid a {kind}.",
    "I am tired of any {kind}.",
    "I no longer go to a {kind}.",
    "No {kind}, please.",
    "I have never liked a {kind}.",
    "I can't stand a {kind}.",
    "Please keep me away from any {kind}.",
    "You won't catch me at any {kind} these days.",
    "It would be a relief if no {kind} ever came up again.",
    "I would rather go home than to a {kind}.",
)


class HeldOut(BaseModel):
    """Sentences kept for testing: with a place for a kind, and without any meaning for places."""

    model_config = ConfigDict(extra="forbid")

    more: list[str] = Field(min_length=1)
    fewer: list[str] = Field(min_length=1)
    placebo: list[str] = Field(min_length=1)


class FreeText(BaseModel):
    """A sentence about oneself, with the kinds that one would expect to rise and to fall."""

    model_config = ConfigDict(extra="forbid")

    says: str
    up: list[str] = []
    down: list[str] = []


@cache
def held_out() -> HeldOut:
    """The wordings that are used for testing only."""
    return HeldOut.model_validate(_load("held_out.yaml"))


@cache
def free_text() -> list[FreeText]:
    """Sentences that follow no template."""
    return TypeAdapter(list[FreeText]).validate_python(_load("free_text.yaml"))


def _load(name: str) -> object:
    return load_yaml(files("eval.steer").joinpath(name).read_text(encoding="utf-8"), TextLoader, Path(name))
