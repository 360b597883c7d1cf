"""The small model, pre-taught on diaries of other synthetic cities, and the diaries of the city that it is to learn."""

import random
from dataclasses import replace
from pathlib import Path

import polars as pl

from genrec.checkins import Checkins
from genrec.columns import USER
from training.bench.optimizers.variants import Diaries, Settings
from training.budget.tasks.small_model import Conversation, kept_model
from training.data.cities import training_city
from training.data.conversation import TrainingExample
from training.data.diaries import diaries
from training.data.examples import training_examples
from training.progress import Progress
from training.recipe import Cities, Data


def base_model(settings: Settings, progress: Progress) -> Path:
    """The folder of the pre-taught model, made once and kept in GenRec's cache."""
    small = settings.small
    data = Data(
        prompt="diary",
        cities=Cities(count=small.cities, first_seed=small.first_seed),
        visits=settings.lines,
        relabel=True,
        limit=small.examples,
    )

    def texts() -> list[Conversation]:
        return [_told(example) for example in training_examples(data, small.seed, len)]

    return kept_model(small, ["diaries", settings.lines], texts, progress)


def city_diaries(settings: Settings) -> Diaries:
    """The diaries of the city, in the words that it has."""
    city = training_city(settings.city)
    rows = len(city.frame)
    draw = random.Random(settings.city)

    def part(first: int, last: int) -> Checkins:
        return replace(city, frame=city.frame[rows * first // 10 : rows * last // 10])

    def by_person(held: Checkins) -> list[list[TrainingExample]]:
        people = held.frame[USER].unique().sort()
        own = (replace(held, frame=held.frame.filter(pl.col(USER) == person)) for person in people)
        return [made for one in own if (made := diaries(one, settings.lines, limit=None, relabel=False, draw=draw))]

    train = diaries(part(0, 8), settings.lines, limit=None, relabel=False, draw=draw)
    return Diaries(train, by_person(part(8, 9)), by_person(part(9, 10)))


def _told(example: TrainingExample) -> Conversation:
    """A diary as one conversation, all of which is read."""
    lines = "".join(asked + answer for asked, answer in example.diary)
    return [*example.messages, {"role": "assistant", "content": lines}]
