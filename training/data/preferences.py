"""Preferences: prompts, each with a better and a worse answer, as a JSON Lines file that says what it was made from."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from genrec.bounds import Count, Positive, Share
from genrec.errors import InputError
from genrec.files import file_hash, require_regular, write_text
from genrec.llm.backend import Message
from genrec.validation import read_json, read_lines

PlaceSource = Literal["on-policy", "habits", "nearby", "random"]
TextSource = Literal["unsupported", "redundant", "poorer"]  # what is wrong with the worse of two paragraphs
Said = Literal["feedback"]  # both were named; the person went to the better one
Source = PlaceSource | TextSource | Said
PlaceRule = Literal["truth", "judged"]
Rule = PlaceRule | Literal["text"]  # "text": that of `eval.profiles.portraits.prefer`


ROLES = {"system", "user", "assistant"}
Answer = Annotated[str, Field(min_length=1)]


class Preference(BaseModel):
    """To one prompt, a better and a worse answer; `source` offered the answers, `rule` decided."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Annotated[tuple[Message, ...], Field(min_length=1)]
    chosen: Answer
    rejected: Answer
    source: Source
    rule: Rule

    @model_validator(mode="after")
    def _messages_are_whole(self) -> "Preference":
        if any(message.keys() != {"role", "content"} or message["role"] not in ROLES for message in self.prompt):
            raise ValueError(f"prompt: a message has a role ({', '.join(sorted(ROLES))}) and a content, nothing else")
        return self

    @model_validator(mode="after")
    def _answers_differ(self) -> "Preference":
        if self.chosen == self.rejected:
            raise ValueError(f"chosen and rejected are both {self.chosen!r}")
        return self


class About(BaseModel):
    """What a file of preferences was made from, kept beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sha256: str  # of the file of preferences
    catalogue: str
    ranking_prompt: str
    settings: dict[str, Any]
    pairs: dict[Source, Positive]
    left_out: dict[str, Count]  # pairs that were asked for and not made, by reason
    reference_prefers_chosen: dict[Source, Share]  # share of the pairs that the model ranks right already


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
    about = read_json(about_path(path), About, "an account of preferences", fix=fix)
    require_regular(path)
    if file_hash(path) != about.sha256:
        raise InputError(f"is not the file that {about_path(path).name} speaks of.", file=path, fix=fix)
    pairs = [pair for _, pair in read_lines(path, Preference, "a preference", fix=fix)]
    if Counter(pair.source for pair in pairs) != about.pairs:
        raise InputError(f"has other pairs than {about_path(path).name} counts.", file=path, fix=fix)
    if not pairs:
        raise InputError("holds no pairs.", file=path, fix=fix)
    return pairs, about
