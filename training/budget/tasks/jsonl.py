"""Any task with files of its own: prompt/completion and prompt/chosen/rejected, and a score for what is generated.

A prompt is a text or a list of messages. Any further keys of a row are for the metric.
"""

import importlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from genrec.errors import GenRecError, InputError
from genrec.files import file_hash
from genrec.llm.backend import Message
from genrec.validation import read_lines
from training.budget.spec import Jsonl
from training.budget.tasks.task import Model, Pair, Question, Questions, Scored
from training.recipe import problems_of

BATCH = 32  # pairs given at a time
Metric = Callable[[str, Mapping[str, Any]], float]


class _Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


def _text(answer: object) -> object:
    """TRL's conversational form of an answer is a list of one message."""
    match answer:
        case [{"content": content}]:
            return content
    return answer


def _form(prompt: object) -> str:
    return "messages" if isinstance(prompt, list) else "text"


FORMS = ("text", "messages")
Prompt = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[_Message], Field(min_length=1), Tag("messages")], Discriminator(_form)
]
Answer = Annotated[str, BeforeValidator(_text)]


class DemonstrationRow(BaseModel):
    """A prompt with its right answer; further keys are for the metric."""

    model_config = ConfigDict(extra="allow")

    prompt: Prompt
    completion: Answer


class PreferenceRow(BaseModel):
    """A prompt with a better and a worse answer."""

    prompt: Prompt
    chosen: Answer
    rejected: Answer

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected are the same")
        return self


AnyRow = TypeVar("AnyRow", DemonstrationRow, PreferenceRow)


class JsonlTask:
    """See `Task`."""

    shared = False
    pair_batch = BATCH

    def __init__(self, spec: Jsonl) -> None:
        """Raises InputError that names the file and the row, or GenRecError for a metric that does not work."""
        self._spec = spec
        self._rows: dict[str, Mapping[str, Any]] = {}  # by group, which names the row
        self._metric = metric(spec.metric)
        self.questions = Questions(*map(self._read, (spec.demonstrations, spec.validation, spec.test)))
        self._pairs = [
            Pair(_messages(row.prompt), row.chosen, row.rejected) for row in read_rows(spec.preferences, PreferenceRow)
        ]
        self.pair_pool = len(self._pairs)
        for first in (self.questions.validation[0], self.questions.test[0]):
            self._score(first.answer, first)  # what is wrong with a metric shows before anything is trained

    def facts(self) -> dict[str, Any]:
        """All that the questions and pairs depend on."""
        files = ("demonstrations", "preferences", "validation", "test")
        return {name: file_hash(getattr(self._spec, name)) for name in files}

    def pairs(self, order: Sequence[int], model: Model) -> Iterator[list[Pair]]:
        """The file's pairs."""
        for start in range(0, len(order), BATCH):
            yield [self._pairs[i] for i in order[start : start + BATCH]]

    def scores(self, model: Model, questions: Sequence[Question]) -> Scored:
        """The metric of what the model writes, decoded greedily."""
        prompts = [one.prompt for one in questions]
        written = model.generate(prompts, max_tokens=self._spec.max_tokens, stop=self._spec.stop)
        return Scored([self._score(made.text, one) for made, one in zip(written, questions, strict=True)])

    def template(self) -> None:
        """Files have none."""

    def _score(self, text: str, question: Question) -> float:
        """Raises GenRecError, whatever the metric does."""
        try:
            score = float(self._metric(text, self._rows[question.group]))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise GenRecError(f"task.metric {self._spec.metric}, of {question.group}: {what}") from error
        if not math.isfinite(score):
            raise GenRecError(f"task.metric {self._spec.metric}, of {question.group}: gives {score}, not a number")
        return score

    def _read(self, path: Path) -> tuple[Question, ...]:
        questions = []
        for number, row in enumerate(read_rows(path, DemonstrationRow), start=1):
            one = Question(_messages(row.prompt), row.completion, f"{path}:{number}")
            self._rows[one.group] = row.model_dump()
            questions.append(one)
        return tuple(questions)


def read_rows(path: Path, kind: "type[AnyRow]") -> "list[AnyRow]":
    """The rows of a JSON Lines file. Raises InputError for one of another form."""
    rows = [row for _, row in read_lines(path, kind, "a row", say=_first_problem)]
    if not rows:
        raise InputError("holds no rows.", file=path)
    return rows


def _first_problem(error: ValidationError) -> str:
    return problems_of(error, skip=FORMS)[0]


def metric(name: str) -> Metric:
    """`exact`, or what module:function names, also of a file where the command runs.

    Raises GenRecError if there is no such function.
    """
    if name == "exact":
        return lambda text, row: float(text.strip() == row["completion"].strip())
    module, _, function = name.partition(":")
    try:
        return cast("Metric", getattr(_module(module), function))
    except Exception as error:  # of the module, which is the user's
        what = f"{type(error).__name__}: {error}"
        where = "of a file where the command runs, or of an installed package"
        raise GenRecError(f"task.metric {name}: {what}; write exact or module:function, {where}") from None


def _module(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # where Python itself would look, but not an installed command
    return importlib.import_module(name)


def metric_source(name: str) -> str:
    """A hash of the code that a metric comes from: scores of other code are other scores."""
    file = None if name == "exact" else _module(name.partition(":")[0]).__file__
    return file_hash(Path(file)) if file else ""


def _messages(prompt: str | list[_Message]) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    return tuple({"role": one.role, "content": one.content} for one in prompt)
