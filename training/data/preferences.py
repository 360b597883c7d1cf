"""Preferences: prompts, each with a better and a worse answer, as a JSON Lines file that says what it was made from."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from genrec.errors import InputError
from genrec.files import write_text
from genrec.llm.backend import Message
from genrec.validation import first_problem

Source = Literal["on-policy", "habits", "nearby", "random"]
Rule = Literal["truth", "judged"]


class Preference(BaseModel):
    """To one prompt, a better and a worse answer; `source` offered the answers, `rule` decided."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    source: Source
    rule: Rule

    @model_validator(mode="after")
    def _answers_differ(self) -> "Preference":
        if self.chosen == self.rejected:
            raise ValueError(f"chosen and rejected are both {self.chosen!r}")
        return self


class About(BaseModel):
    """What a file of preferences was made from, kept beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str  # of the file of preferences
    catalogue: str
    ranking_prompt: str
    settings: dict[str, Any]
    pairs: dict[Source, int]
    left_out: dict[str, int]  # pairs that were asked for and not made, by reason
    reference_prefers_chosen: dict[Source, float]  # share of the pairs that the model ranks right already


def about_path(path: Path) -> Path:
    """Where a file of preferences says what it was made from."""
    return path.with_suffix(".about.json")


def write_preferences(path: Path, pairs: Sequence[Preference], **about: Any) -> About:
    """Write pairs as JSON Lines, and what they were made from (the other fields of `About`) beside them."""
    text = "".join(pair.model_dump_json() + "\n" for pair in pairs)
    counts = Counter(pair.source for pair in pairs)
    account = About(sha256=hashlib.sha256(text.encode()).hexdigest(), pairs=dict(counts), **about)
    write_text(path, text, private=True)
    write_text(about_path(path), account.model_dump_json(indent=2) + "\n", private=True)
    return account


def read_preferences(path: Path) -> tuple[list[Preference], About]:
    """Pairs and what they were made from; raises InputError that names the line, or what does not belong together."""
    fix = "Make it with `genrec-train preferences`."
    try:
        data, account = path.read_bytes(), about_path(path).read_bytes()
        about = About.model_validate_json(account)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}).", file=error.filename, fix=fix) from None
    except ValidationError as error:
        raise InputError(f"is faulty: {first_problem(error)}.", file=about_path(path), fix=fix) from None
    if hashlib.sha256(data).hexdigest() != about.sha256:
        raise InputError(f"is not the file that {about_path(path).name} speaks of.", file=path, fix=fix)
    pairs = []
    for row, line in enumerate(data.decode().split("\n")[:-1], start=1):
        try:
            pairs.append(Preference.model_validate_json(line))
        except ValidationError as error:
            raise InputError(f"not a preference: {first_problem(error)}.", file=path, row=row, fix=fix) from None
    if not pairs:
        raise InputError("holds no pairs.", file=path, fix=fix)
    return pairs, about
