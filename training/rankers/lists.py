"""What the fusion learns from: visits, each with the list of candidates and their features as of an earlier moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.checkins import Checkins
from genrec.clock import rows_before
from genrec.columns import TIME, USER
from genrec.evidence import Evidence
from genrec.rankers.asked import asked
from genrec.rankers.candidates import candidates
from genrec.rankers.features import features
from genrec.rankers.places import places_of
from genrec.rankers.ranker import Query, Ranker
from genrec.rankers.tables import Tables
from genrec.trajectories import Example, training

Progress = Callable[[int, int], None]  # (done, in all)

BATCH = 256
REFRESH = timedelta(days=7)
FIRST = 0.1  # of the check-ins, before which nothing is asked: evidence is too thin
AGES = (1, 2, 4, 8, 16)  # refreshes that evidence is older by, when it is made to look old


@dataclass(frozen=True)
class Lists:
    """Lists of candidates of several visits, one behind the other.

    Attributes:
        x: features of all candidates, in half precision. Shape: (candidates, features).
        start: where each visit's list begins, and where the last ends. Shape: (visits + 1,).
        about, present: as in `Features`. Shape: (visits, ...).
        target: the place's number in the list; -1 if it is not a candidate.
        repeat: whether the person had been there before.
        example: the number of the example that each list is of.

    """

    x: NDArray[np.float16]
    start: NDArray[np.int64]
    about: NDArray[np.float32]
    present: NDArray[np.bool_]
    target: NDArray[np.int64]
    repeat: NDArray[np.bool_]
    example: NDArray[np.int64]

    def __len__(self) -> int:
        """How many visits there are."""
        return len(self.target)


def visits_to_learn(checkins: Checkins, rows: int) -> tuple[Example, ...]:
    """The visits of the first `rows` check-ins, evidence refreshed weekly, once a tenth of them is known."""
    frame = checkins.frame[:rows]
    begin, end = frame[int(rows * FIRST), TIME], frame[TIME].max()
    if not isinstance(begin, datetime) or not isinstance(end, datetime):
        return ()
    moments = [begin + REFRESH * week for week in range((end - begin) // REFRESH + 1)]
    return training(replace(checkins, frame=frame), rows, moments).examples


def aged(examples: Sequence[Example], checkins: Checkins, share: float, seed: int) -> list[Example]:
    """Some of the examples again, with evidence as it was some weeks earlier, where the person was known by then."""
    draw = np.random.default_rng(seed)
    moments = sorted({example.as_of for example in examples})
    number = {moment: i for i, moment in enumerate(moments)}
    first = dict(checkins.frame.with_row_index("row").group_by(USER).agg(pl.col("row").min()).iter_rows())
    known = {moment: rows_before(checkins.frame, moment) for moment in moments}
    older = []
    for example, age, chosen in zip(
        examples, draw.choice(AGES, len(examples)).tolist(), draw.random(len(examples)) < share, strict=True
    ):
        moment = moments[max(number[example.as_of] - age, 0)]
        if chosen and moment < example.as_of and first[example.user_id] < known[moment]:
            older.append(replace(example, as_of=moment))
    return older


def lists_of(
    checkins: Checkins,
    examples: Sequence[Example],
    rankers: Mapping[str, Ranker],
    progress: Progress = lambda done, total: None,
) -> Lists:
    """The lists of examples, as they would be asked about; the other rankers' scores go in as features."""
    places = places_of(checkins.pois)
    order = sorted(range(len(examples)), key=lambda i: examples[i].as_of)
    parts: list[Lists] = []
    done = 0
    for as_of, group in groupby(order, key=lambda i: examples[i].as_of):
        evidence = Evidence(checkins, as_of)
        tables = Tables(evidence, places)
        numbers = list(group)
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            parts.append(_lists(batch, examples, evidence, tables, rankers))
            done += len(batch)
            progress(done, len(examples))
    return joined(parts)


def _lists(
    numbers: Sequence[int], examples: Sequence[Example], evidence: Evidence, tables: Tables,
    rankers: Mapping[str, Ranker],
) -> Lists:  # fmt: skip
    batch = [examples[number] for number in numbers]
    queries = [Query(example.user_id, example.time, example.prefix) for example in batch]
    questions = asked(queries, tables, evidence.as_of)
    found = candidates(tables, questions)
    scores = {name: ranker.score(queries, evidence) for name, ranker in rankers.items()}
    made = features(tables, questions, found, scores)
    target = np.array([example.target for example in batch])
    hit = found.poi == target[:, None]
    before = np.isin(questions.user * tables.places.count + target, tables.own.keys)
    before |= [any(poi == example.target for _, poi in example.prefix) for example in batch]
    return Lists(
        x=made.x[found.mask].astype(np.float16),
        start=np.concatenate([[0], np.cumsum(found.mask.sum(axis=1))]),
        about=made.about,
        present=made.present,
        target=np.where(hit.any(axis=1), hit.argmax(axis=1), -1),
        repeat=before,
        example=np.array(numbers),
    )


def joined(parts: Sequence[Lists]) -> Lists:
    """Several lists as one; the numbers of examples stay those of each part."""
    sizes = np.concatenate([np.diff(part.start) for part in parts])
    return Lists(
        x=np.concatenate([part.x for part in parts]),
        start=np.concatenate([[0], np.cumsum(sizes)]),
        about=np.concatenate([part.about for part in parts]),
        present=np.concatenate([part.present for part in parts]),
        target=np.concatenate([part.target for part in parts]),
        repeat=np.concatenate([part.repeat for part in parts]),
        example=np.concatenate([part.example for part in parts]),
    )
