"""What a server's answers must look like; what it says passes here before anything is made of it."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from genrec.errors import GenRecError
from genrec.terminal import one_line
from genrec.validation import first_problem

LEAST_LOGPROB = -1e6  # servers write -9999 for impossible; beyond this, sums lose their meaning
ROUNDING = 1e-5  # by which a server's arithmetic may put the log-probability of a sure token above 0

Name = Annotated[str, Field(min_length=1, max_length=4096)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Logprob = Annotated[float, Field(ge=LEAST_LOGPROB, le=ROUNDING, allow_inf_nan=False)]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)  # what else an answer says does not matter


class ModelEntry(_Answer):
    """A model that a server has."""

    id: Name
    owned_by: Name | None = None
    root: Name | None = None  # where the server had it from
    parent: Name | None = None  # of an adapter: its base model
    max_model_len: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class ModelList(_Answer):
    """`/v1/models`."""

    data: Annotated[list[ModelEntry], Field(max_length=10_000), FailFast()]


class Said(_Answer):
    """What an assistant said."""

    content: str | None


class ChatChoice(_Answer):
    """One answer in a chat."""

    message: Said


class Usage(_Answer):
    """Tokens read and written."""

    prompt_tokens: Count
    completion_tokens: Count


class ChatCompletion(_Answer):
    """`/v1/chat/completions`."""

    choices: Annotated[list[ChatChoice], Field(min_length=1, max_length=100), FailFast()]
    usage: Usage


class Scores(_Answer):
    """Tokens written, and beside each the log-probabilities of the tokens asked for, by their names."""

    tokens: Annotated[list[str], Field(max_length=10_000), FailFast()]
    top_logprobs: Annotated[list[dict[str, Logprob]], Field(max_length=10_000), FailFast()]


class CompletionChoice(_Answer):
    """One continuation of a prompt."""

    logprobs: Scores | None = None


class Completion(_Answer):
    """`/v1/completions`."""

    choices: Annotated[list[CompletionChoice], Field(min_length=1, max_length=100), FailFast()]


Kind = TypeVar("Kind", bound=_Answer)


def read(kind: type[Kind], data: bytes, url: str, what: str) -> Kind:
    """The answer in its type; raises GenRecError that names the server and the first problem.

    `what` the answer should have been: "list of models".
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        start = one_line(data[:3000].decode("utf-8", "replace"))
        if not error.errors(include_url=False, include_input=False)[0]["loc"]:
            raise GenRecError(f"{url} does not answer as an OpenAI-compatible server: {start}") from None
        raise GenRecError(f"{url} gave no {what}: {start} ({one_line(first_problem(error))})") from None
