"""Train M2TRec: the next place, and beside it its category and that one's parent.

Each visit of the train part is an example, after evidence of the week before it, or of up to `OLD_DAYS` before, as
rankers meet it. Places look as they did then, so that the first visits to a place teach what new places are like; those
that had not opened yet are not among the answers, else all new places would seem unlikely.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from genrec.checkins import Checkins
from genrec.clock import local_span, rows_before
from genrec.columns import POI
from genrec.evidence import Evidence
from genrec.rankers.m2trec import M2TRec, M2TRecSettings, Network, Outputs
from genrec.rankers.metadata import describe, history, vocabulary_of
from genrec.rankers.place_network import PlaceInputs, place_inputs
from genrec.rankers.ranker import Query
from genrec.rankers.sessions import Sessions, sessions_of
from genrec.rankers.text import installed
from genrec.trajectories import training
from training.rankers.loop import Progress, Schedule, descend
from training.rankers.material import trained_on

WEEK, OLD_DAYS = 7, 42  # days between the moments of evidence
BATCH, MANY = 128, 20_000  # examples at a time; twice as many where there are more lessons than this
EPOCHS = 6
RATE, DECAY = 3e-3, 1e-4
TASKS = (0.3, 0.1)  # weights of the losses of category and parent
FORGET = 0.15  # share of examples that lose their earliest visits, so that short histories are learned, too


@dataclass(frozen=True)
class Course:
    """How a network is trained: passes over the visits, and rates."""

    epochs: int = EPOCHS
    seed: int = 0
    rate: float = RATE
    schedule: Schedule | None = None


@dataclass(frozen=True)
class Lessons:
    """Examples that share their evidence."""

    past: Tensor  # (places, HISTORY)
    sessions: Sessions
    targets: Tensor
    closed: Tensor  # (places,) whether a place opened only after all of them, as far as the train part tells


def train_m2trec(
    checkins: Checkins,
    rows: int,
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    tasks: Literal["single", "multi"] = "multi",
    sentences: bool | None = None,
    progress: Progress | None = None,
) -> M2TRec:
    """A ranker trained on the first `rows` check-ins; `sentences` (None: if installed) reads names by their encoder."""
    seen = replace(checkins, frame=checkins.frame[:rows])
    vocabulary = vocabulary_of(checkins.pois[seen.frame[POI].unique().sort()])
    settings = M2TRecSettings(
        trained_on=trained_on(seen, seed),
        vocabulary=vocabulary,
        sentences=installed() if sentences is None else sentences,
        tasks=tasks,
    )
    lessons = lessons_of(seen, settings.length, len(seen.frame) // 10)
    torch.manual_seed(seed)
    network = Network(settings)
    learn(M2TRec(settings, network), checkins, lessons, Course(epochs, seed), progress)
    return M2TRec(settings, network)


def learn(
    ranker: M2TRec, checkins: Checkins, lessons: Sequence[Lessons], course: Course, progress: Progress | None = None
) -> None:
    """Train a ranker's network in place."""
    settings, network = ranker.trained, ranker.network
    places = place_inputs(describe(checkins.pois, settings.vocabulary), sentences=settings.sentences)
    weights = TASKS if settings.tasks == "multi" else (0.0, 0.0)
    generator = np.random.default_rng(course.seed)

    size = BATCH if sum(len(lesson.targets) for lesson in lessons) < MANY else 2 * BATCH

    def losses() -> Iterator[Tensor]:
        for lesson, chosen in _batches(lessons, size, generator):
            visited, steps = (torch.from_numpy(array[chosen]) for array in lesson.sessions)
            visited = _forgetful(visited, generator)
            outputs = network(places, lesson.past, visited, steps, lesson.closed)
            yield _loss(outputs, lesson.targets[chosen], places, weights)

    batches = max(sum(-(-len(lesson.targets) // size) for lesson in lessons) // 2, 1)
    rate, schedule = course.rate, course.schedule
    descend(network, losses, course.epochs, batches, rate=rate, decay=DECAY, schedule=schedule, progress=progress)


def lessons_of(seen: Checkins, length: int, first_row: int) -> list[Lessons]:
    """The visits from a row on, each twice: after newer and after older evidence."""
    return [*_lessons(seen, WEEK, length, first_row), *_lessons(seen, OLD_DAYS, length, first_row)]


def sample_of(lessons: Sequence[Lessons], count: int, generator: np.random.Generator) -> list[Lessons]:
    """So many of their examples, drawn at random."""
    sizes = [len(lesson.targets) for lesson in lessons]
    chosen = np.zeros(sum(sizes), dtype=bool)
    chosen[generator.permutation(len(chosen))[:count]] = True
    parts = np.split(chosen, np.cumsum(sizes)[:-1])
    return [
        replace(
            lesson,
            sessions=Sessions(*(array[part] for array in lesson.sessions)),
            targets=lesson.targets[np.flatnonzero(part)],
        )
        for lesson, part in zip(lessons, parts, strict=True)
        if part.any()
    ]


def _lessons(seen: Checkins, days: int, length: int, first_row: int) -> list[Lessons]:
    """The visits from a row on by the moment of their evidence, one every so many days."""
    frame = seen.frame
    first, last = frame["time"][first_row], local_span(frame)[1]
    cutoffs = [first + timedelta(days=day) for day in range(0, max((last - first).days, 0) + 1, days)]
    groups: dict[object, list[int]] = {}
    examples = training(seen, len(frame), cutoffs).examples
    for number, example in enumerate(examples):
        groups.setdefault(example.as_of, []).append(number)
    opened = np.full(len(seen.pois), len(frame))
    np.minimum.at(opened, frame[POI].to_numpy(), np.arange(len(frame)))
    lessons = []
    for numbers in groups.values():
        asked = [examples[number] for number in numbers]
        evidence = Evidence(seen, asked[0].as_of)
        queries = [Query(example.user_id, example.time, example.prefix) for example in asked]
        targets = torch.tensor([example.target for example in asked])
        closed = torch.from_numpy(opened >= rows_before(frame, asked[0].as_of + timedelta(days=days)))
        past = torch.from_numpy(history(evidence))
        lessons.append(Lessons(past, sessions_of(queries, evidence, length), targets, closed))
    return lessons


def _batches(
    lessons: Sequence[Lessons], size: int, generator: np.random.Generator
) -> Iterator[tuple[Lessons, np.ndarray[tuple[int], np.dtype[np.intp]]]]:
    """Half of all batches, in random order: each visit is there twice, after newer and after older evidence."""
    batches = []
    for lesson in lessons:
        order = generator.permutation(len(lesson.targets))
        batches += [(lesson, order[start : start + size]) for start in range(0, len(order), size)]
    for number in generator.permutation(len(batches))[: len(batches) // 2]:
        yield batches[number]


def _forgetful(visited: Tensor, generator: np.random.Generator) -> Tensor:
    """Sessions of which some begin later than they did, or are empty."""
    length = visited.shape[1]
    kept = np.where(generator.random(len(visited)) < FORGET, generator.integers(0, length, len(visited)), length)
    early = torch.arange(length)[None] < length - torch.from_numpy(kept)[:, None]
    return visited.masked_fill(early, -1)


def _loss(outputs: Outputs, targets: Tensor, places: PlaceInputs, weights: tuple[float, float]) -> Tensor:
    """Of the next place; and, where its category is known, of this and its parent."""
    loss = nn.functional.nll_loss(outputs.places, targets)
    for scores, truth, weight in (
        (outputs.category, places.category[targets], weights[0]),
        (outputs.parent, places.parent[targets], weights[1]),
    ):
        if weight and bool((truth > 0).any()):
            loss = loss + weight * nn.functional.cross_entropy(scores, truth, ignore_index=0)
    return loss
