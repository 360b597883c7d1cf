"""What a task gives a study: demonstrations, candidate pairs with a judgement, and test examples with a score each."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from genrec.files import write_text
from genrec.llm.backend import AnswerScorer, Generator, Message
from training.data.conversation import TrainingExample

Taken = TypeVar("Taken")


@dataclass(frozen=True)
class Question:
    """A prompt with its right answer; `group` says whose it is: examples of one group are alike."""

    prompt: tuple[Message, ...]
    answer: str
    group: str

    def demonstration(self) -> TrainingExample:
        """What SFT learns from."""
        messages = (*self.prompt, {"role": "assistant", "content": self.answer})
        return TrainingExample(messages, frozenset({len(messages) - 1}), 0)


@dataclass(frozen=True)
class Pair:
    """What DPO learns from: to one prompt, a better and a worse answer."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Questions:
    """The examples of a task, by what they are for."""

    train: tuple[Question, ...]
    validation: tuple[Question, ...]
    test: tuple[Question, ...]


@dataclass(frozen=True)
class Scored:
    """By question: the metric and, if the task has one, another figure to look at beside it."""

    scores: list[float]
    beside: list[float] = field(default_factory=list)


class Model(Generator, AnswerScorer, Protocol):
    """What is asked: it writes, and it ranks."""


class Task(Protocol):
    """A task. `pair_pool`: of how many examples pairs can be made; `shared`: they are those of the demonstrations."""

    questions: Questions
    pair_pool: int
    shared: bool
    pair_batch: int  # examples that `pairs` takes at a time

    def pairs(self, order: Sequence[int], model: Model) -> Iterator[list[Pair]]:
        """Pairs of the pool's examples in this order, `pair_batch` examples at a time; one may give none."""

    def scores(self, model: Model, questions: Sequence[Question]) -> Scored:
        """How good the model's answer to each question is."""

    def template(self) -> Scored | None:
        """The same of what answers the test's questions without any language model, if there is something."""


def sample(examples: Sequence[Taken], limit: int | None) -> tuple[Taken, ...]:
    """At most `limit` of the examples, the same in every study, in their order."""
    if limit is None or limit >= len(examples):
        return tuple(examples)
    return tuple(examples[i] for i in sorted(random.Random(0).sample(range(len(examples)), limit)))


def demonstration_order(task: Task, seed: int) -> list[int]:
    """The training examples in the order that demonstrations are bought in; a smaller budget buys the first of them."""
    order = list(range(len(task.questions.train)))
    random.Random(seed).shuffle(order)
    return order


def pair_order(task: Task, seed: int) -> list[int]:
    """The same for pairs: from the other end, where both come from one pool, so that they meet as late as possible."""
    if task.shared:
        return demonstration_order(task, seed)[::-1]
    order = list(range(task.pair_pool))
    random.Random(seed).shuffle(order)
    return order


class _Saved(BaseModel):
    """Questions in their file: prompt, answer and group of each."""

    train: list[tuple[tuple[Message, ...], str, str]]
    validation: list[tuple[tuple[Message, ...], str, str]]
    test: list[tuple[tuple[Message, ...], str, str]]


def save_questions(path: Path, questions: Questions) -> None:
    """Write the questions, so that each process need not make them anew."""
    parts = {
        part: [(one.prompt, one.answer, one.group) for one in getattr(questions, part)]
        for part in ("train", "validation", "test")
    }
    write_text(path, json.dumps(parts, ensure_ascii=False), private=True)


def read_questions(path: Path) -> Questions | None:
    """What `save_questions` wrote; None if it is not there, or damaged."""
    try:
        saved = _Saved.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return Questions(*(tuple(Question(*row) for row in rows) for rows in (saved.train, saved.validation, saved.test)))
