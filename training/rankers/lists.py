"""What the fusion learns from: visits, each with the list of candidates and their features as of an earlier moment.

A network that has seen a visit ranks it better than it will rank others. So it says nothing of a list unless the
evidence is later than all that it was trained on.
"""

from collections.abc import Mapping, Sequence
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
from genrec.rankers.features import ALL_FIELDS, features, heard
from genrec.rankers.places import places_of
from genrec.rankers.ranker import Query, Voice
from genrec.rankers.tables import Tables
from genrec.rankers.trained import TrainedRanker
from genrec.trajectories import Example, training
from training.progress import Progress, nothing

BATCH = 256
REFRESH = timedelta(days=7)
FIRST = 0.1  # of the check-ins, before which nothing is asked: evidence is too thin
AGES = (1, 2, 4, 8, 16)  # refreshes that evidence is older by, when it is made to look old


@dataclass(frozen=True)
class Lists:
    """Lists of candidates of several visits, one behind the other.

    Attributes:
        x: features of all candidates, in half precision. Shape: (candidates, features).
        poi: the candidates. Shape: (candidates,).
        start: where each visit's list begins, and where the last ends. Shape: (visits + 1,).
        about, present: as in `Features`. Shape: (visits, ...).
        target: the place's number in the list; -1 if it is not a candidate.
        repeat: whether the person had been there before.
        example: the number of the example that each list is of.

    """

    x: NDArray[np.float16]
    poi: NDArray[np.int32]
    start: NDArray[np.int64]
    about: NDArray[np.float32]
    present: NDArray[np.bool_]
    target: NDArray[np.int64]
    repeat: NDArray[np.bool_]
    example: NDArray[np.int64]

    def __len__(self) -> int:
        """How many visits there are."""
        return len(self.target)


@dataclass(frozen=True)
class Portions:
    """How many visits of a city are learned, of those up to the last `aside`, and how many of these are kept aside.

    `old`: how many at most are learned once more with older evidence, of a share of `old_share`.
    """

    most: int
    old_share: float
    old: int
    aside: float
    kept: int


def visits_to_learn(checkins: Checkins, rows: int) -> tuple[Example, ...]:
    """The visits of the first `rows` check-ins, evidence refreshed weekly, once a tenth of them is known."""
    frame = checkins.frame[:rows]
    begin, end = frame[int(rows * FIRST), TIME], frame[TIME].max()
    if not isinstance(begin, datetime) or not isinstance(end, datetime):
        return ()
    moments = [begin + REFRESH * week for week in range((end - begin) // REFRESH + 1)]
    return training(replace(checkins, frame=frame), rows, moments).examples


def aged(
    examples: Sequence[Example], checkins: Checkins, share: float, seed: int, earlier: Sequence[Example] = ()
) -> list[Example]:
    """Some of the examples again, with evidence as it was some weeks earlier, where the person was known by then.

    Moments are those of the examples, and of some that are earlier.
    """
    draw = np.random.default_rng(seed)
    moments = sorted({example.as_of for example in (*examples, *earlier)})
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


def shared_out(
    checkins: Checkins, visits: Sequence[Example], portions: Portions, seed: int
) -> tuple[list[Example], list[Example]]:
    """Of visits in order of time, those that are learned, some of them twice, and those that are kept aside."""
    cut = int(len(visits) * (1 - portions.aside))
    learned = sample(visits[:cut], portions.most, seed)
    older = sample(aged(learned, checkins, portions.old_share, seed), portions.old, seed)
    return learned + older, sample(visits[cut:], portions.kept, seed)


def sample(visits: Sequence[Example], most: int, seed: int) -> list[Example]:
    """As many visits as may be learned, drawn at random, in order."""
    chosen = np.random.default_rng(seed).permutation(len(visits))[:most]
    return [visits[i] for i in np.sort(chosen)]


def lists_of(
    checkins: Checkins, examples: Sequence[Example], voices: Mapping[str, Voice], progress: Progress = nothing
) -> Lists:
    """The lists of examples, as they would be asked about; what other rankers say goes in as features."""
    places = places_of(checkins.pois)
    order = sorted(range(len(examples)), key=lambda i: examples[i].as_of)
    parts: list[Lists] = []
    done = 0
    for as_of, group in groupby(order, key=lambda i: examples[i].as_of):
        evidence = Evidence(checkins, as_of)
        tables = Tables(evidence, places)
        numbers = list(group)
        speaking = {name: voice for name, voice in voices.items() if _unseen(voice, as_of)}
        for first in range(0, len(numbers), BATCH):
            batch = numbers[first : first + BATCH]
            parts.append(_lists(batch, examples, evidence, tables, speaking))
            done += len(batch)
            progress(done, len(examples))
    return joined(parts)


def _unseen(voice: Voice, as_of: datetime) -> bool:
    """Whether a ranker has seen nothing from a moment on."""
    return not isinstance(voice, TrainedRanker) or voice.trained.trained_on.last < as_of


def _lists(
    numbers: Sequence[int], examples: Sequence[Example], evidence: Evidence, tables: Tables, voices: Mapping[str, Voice]
) -> Lists:
    batch = [examples[number] for number in numbers]
    queries = [Query(example.user_id, example.time, example.prefix) for example in batch]
    questions = asked(queries, tables, evidence.as_of)
    found = candidates(tables, questions)
    made = features(tables, questions, found, heard(voices, queries, evidence, found))
    target = np.array([example.target for example in batch])
    hit = found.poi == target[:, None]
    before = np.isin(questions.user * tables.places.count + target, tables.own.keys)
    before |= [any(poi == example.target for _, poi in example.prefix) for example in batch]
    return Lists(
        x=made.x[found.mask].astype(np.float16),
        poi=found.poi[found.mask].astype(np.int32),
        start=np.concatenate([[0], np.cumsum(found.mask.sum(axis=1))]),
        about=made.about,
        present=made.present,
        target=np.where(hit.any(axis=1), hit.argmax(axis=1), -1),
        repeat=before,
        example=np.array(numbers),
    )


def without(lists: Lists, rankers: Sequence[str]) -> Lists:
    """The lists as they are where some rankers say nothing."""
    present = lists.present.copy()
    present[:, [ALL_FIELDS.index(name) for name in rankers]] = False
    return replace(lists, present=present)


def joined(parts: Sequence[Lists]) -> Lists:
    """Several lists as one; the numbers of examples stay those of each part."""
    sizes = np.concatenate([np.diff(part.start) for part in parts])
    return Lists(
        x=np.concatenate([part.x for part in parts]),
        poi=np.concatenate([part.poi for part in parts]),
        start=np.concatenate([[0], np.cumsum(sizes)]),
        about=np.concatenate([part.about for part in parts]),
        present=np.concatenate([part.present for part in parts]),
        target=np.concatenate([part.target for part in parts]),
        repeat=np.concatenate([part.repeat for part in parts]),
        example=np.concatenate([part.example for part in parts]),
    )
