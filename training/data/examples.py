"""What a model learns from: the conversations that rank in service, with the answers that were right."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from genrec.checkins import Checkins
from genrec.columns import TIME
from genrec.errors import GenRecError, InputError
from genrec.evidence import Evidence
from genrec.filters import PRESETS, frequent
from genrec.profiles.shelf import ProfileShelf, read_given, shown
from genrec.rankers.llm import ask
from genrec.rankers.ranking_prompt import RankingPrompt, first_told
from genrec.reading.reader import read_checkins
from genrec.trajectories import Example, training
from training.data.cities import training_city
from training.data.conversation import TrainingExample
from training.data.diaries import diaries, in_other_words
from training.data.portraits import Written, portraits
from training.progress import Progress, nothing
from training.recipe import Data
from training.train_part import train_rows

CountTokens = Callable[[str], int]
Made = TypeVar("Made")  # of check-ins, to learn from

# Where a message names POIs: an assistant's whole answer, before a probability, or after "POI".
NAMED = {"assistant": r"^\d+$", "user": r"\d+(?= \d+%)", "system": r"(?<=\bPOI )\d+"}

# Ids are drawn from as many numbers as catalogues have places.
LEAST_LABELS, MOST_LABELS = 300, 6000


def training_examples(
    data: Data, seed: int, count_tokens: CountTokens, progress: Progress = nothing
) -> list[TrainingExample]:
    """The examples of a recipe, in an order that depends on nothing but the seed; errors as in `learnable`."""
    if data.prompt == "portrait":
        return [written.example() for written in paragraphs(data, seed, progress)]

    def make(checkins: Checkins, limit: int | None, seed: int) -> list[TrainingExample]:
        return _examples_of(checkins, data, limit, seed, count_tokens)

    return _of_each_city(data, seed, make, progress)


def paragraphs(data: Data, seed: int, progress: Progress = nothing) -> list[Written]:
    """The paragraphs of a recipe that learns to write, in an order that depends on nothing but the seed."""

    def make(checkins: Checkins, limit: int | None, seed: int) -> list[Written]:
        return portraits(seen(checkins, data), limit, random.Random(seed), relabel=data.relabel)

    return _of_each_city(data, seed, make, progress)


def _of_each_city(
    data: Data, seed: int, make: Callable[[Checkins, int | None, int], list[Made]], progress: Progress
) -> list[Made]:
    """What is made of a recipe's check-ins, or of about as many of each of its cities."""
    if data.cities is None:
        return make(read(data), data.limit, seed)
    share = None if data.limit is None else -(-data.limit // data.cities.count)
    examples: list[Made] = []
    for number in range(data.cities.count):
        city_seed = data.cities.first_seed + number
        examples += make(training_city(city_seed), share, city_seed)
        progress(number + 1, data.cities.count)
    random.Random(seed).shuffle(examples)
    return examples[: data.limit]


@lru_cache(maxsize=1)
def read(data: Data) -> Checkins:
    """The check-ins that a recipe names, after its preset's filters; read once."""
    try:
        checkins = read_checkins(Path(data.checkins or ""))
    except InputError as error:
        if "--" not in str(error):
            raise
        remedy = "A recipe has no such options: give them to `genrec data prepare`, and name its folder here."
        raise GenRecError(f"{error} {remedy}") from error
    return frequent(checkins, PRESETS[data.preset].rounds) if data.preset else checkins


def learnable(checkins: Checkins, data: Data) -> tuple[Checkins, tuple[Example, ...]]:
    """The check-ins that training may see, with the whole catalogue, and the visits to learn, in time order.

    Evidence is frozen at `data.moments` moments that cut the check-ins into parts of the same size.
    """
    part = seen(checkins, data)
    rows = len(part.frame)
    moments = {checkins.frame[rows * part // (data.moments + 1), TIME] for part in range(1, data.moments + 1)}
    found = training(checkins, rows, moments, last_only=data.targets == "final").examples
    return part, found


def seen(checkins: Checkins, data: Data) -> Checkins:
    """The check-ins that training may see: those of the split's train part, or all of a synthetic city."""
    count = len(checkins.frame)
    rows = count if data.cities else train_rows(data.train, count)
    return replace(checkins, frame=checkins.frame[:rows])


class Prompter:
    """Puts the question of an example as serving and evaluation do. Ask in the order of the moments."""

    def __init__(self, checkins: Checkins, data: Data, count_tokens: CountTokens) -> None:
        """Raises GenRecError if profiles were given that do not fit the check-ins."""
        self._checkins, self._data, self._count_tokens = checkins, data, count_tokens
        self._shelf = ProfileShelf(read_given(data.profiles), checkins)
        self._evidence: Evidence | None = None  # of the last moment

    def evidence(self, example: Example) -> Evidence:
        """What is known as of the example's moment."""
        if self._evidence is None or self._evidence.as_of != example.as_of:
            self._evidence = Evidence(self._checkins, example.as_of)
        return self._evidence

    def ask(self, example: Example) -> RankingPrompt:
        """The prompt that the example's visit is the answer to."""
        if self._data.prompt == "portrait":
            raise GenRecError("data.prompt: portraits rank nothing")
        evidence = self.evidence(example)
        profile = shown(self._shelf.source(example.user_id, evidence), example.user_id, evidence)
        return ask(
            self._data.prompt,
            profile,
            evidence.city,
            self._checkins.pois,
            at=example.time,
            prefix=example.prefix,
            level=self._data.level,
            count_tokens=self._count_tokens,
            budget=self._data.budget,
            most_visits=self._data.visits,
        )


def _examples_of(
    checkins: Checkins, data: Data, limit: int | None, seed: int, count_tokens: CountTokens
) -> list[TrainingExample]:
    if data.prompt == "diary":
        draw = random.Random(seed)
        part = in_other_words(checkins, draw) if data.cities else seen(checkins, data)
        return diaries(part, data.visits, limit=limit, relabel=data.relabel, draw=draw)
    return conversations(*learnable(checkins, data), data, limit=limit, seed=seed, count_tokens=count_tokens)


def conversations(
    seen: Checkins,
    visits: Sequence[Example],
    data: Data,
    *,
    limit: int | None = None,
    seed: int,
    count_tokens: CountTokens,
) -> list[TrainingExample]:
    """What a recipe makes of visits to learn; `seen`: the check-ins that evidence may come from."""
    questions = list(_questions(visits, data.visits))
    draw = random.Random(seed)
    if limit is not None and limit < len(questions):
        # Weighted by answers (Efraimidis and Spirakis 2006): a conversation with many costs little more than with one.
        keys = [draw.random() ** (1 / answers) for _, answers in questions]
        best = sorted(range(len(keys)), key=keys.__getitem__)[-limit:]
        questions = [questions[i] for i in sorted(best)]
    prompter = Prompter(seen, data, count_tokens)
    examples = [_example(prompter.ask(visit), visit.target, new) for visit, new in questions]
    if data.named:
        examples = [named for example in examples if (named := only_named(example)).supervised]
    draw.shuffle(examples)
    return [relabelled(example, draw, len(seen.pois)) for example in examples] if data.relabel else examples


def _questions(visits: Sequence[Example], most: int) -> Iterator[tuple[Example, int]]:
    """Which visits to ask about so that each is learned once, and how many are learned with it.

    A conversation tells the trajectory's last visits, at most `most`; what it tells of the time since the evidence
    was frozen are answers to learn, too.
    """

    def trajectory(visit: Example) -> tuple[object, ...]:
        return visit.as_of, visit.user_id, visit.prefix[0] if visit.prefix else (visit.time, visit.target)

    for _, group in groupby(sorted(visits, key=trajectory), key=trajectory):
        together, learned = sorted(group, key=lambda visit: len(visit.prefix)), 0
        for number, visit in enumerate(together):
            last_of_window = first_told(number + 1, most) > first_told(number, most)
            if last_of_window or number == len(together) - 1:
                yield visit, number + 1 - learned
                learned = number + 1


def _example(prompt: RankingPrompt, target: int, learned: int) -> TrainingExample:
    messages = (*prompt.messages, {"role": "assistant", "content": str(target)})
    last = len(messages) - 1
    answers = min(learned, prompt.answered + 1)
    return TrainingExample(messages, frozenset(last - 2 * i for i in range(answers)), prompt.dropped)


def only_named(example: TrainingExample) -> TrainingExample:
    """The example without loss on answers that are told nowhere before: their ids could only be guessed."""
    named: set[str] = set()
    supervised = set()
    for turn, message in enumerate(example.messages):
        found = re.findall(NAMED[message["role"]], message["content"])
        if turn in example.supervised and named.issuperset(found):
            supervised.add(turn)
        named.update(found)
    return replace(example, supervised=frozenset(supervised))


def relabelled(example: TrainingExample, draw: random.Random, pois: int) -> TrainingExample:
    """The example with other ids for its POIs, drawn at random, so that only their meaning can be learned."""
    labels: dict[str, str] = {}
    numbers = iter(draw.sample(range(most := max(pois, _most_labels(draw))), most))

    def label(found: re.Match[str]) -> str:
        return labels.setdefault(found[0], str(next(numbers)))

    messages = tuple(
        message | {"content": re.sub(NAMED[message["role"]], label, message["content"])} for message in example.messages
    )
    return replace(example, messages=messages)


def _most_labels(draw: random.Random) -> int:
    """Small catalogues as often as large ones, so that ids of three digits are as familiar as those of four."""
    return int(LEAST_LABELS * (MOST_LABELS / LEAST_LABELS) ** draw.random())
