"""What the fusion sees of each candidate: relative features, never ids, so that what is learned of them can travel.

They come in fields. A field can be missing: of a stranger, of a catalogue without categories or names, of a ranker that
was not asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrec.evidence import Evidence
from genrec.rankers.asked import Asked
from genrec.rankers.batch import Situation
from genrec.rankers.candidates import Candidates
from genrec.rankers.fields import FIELDS, NAMES, RANKERS, SCORE_FEATURES
from genrec.rankers.ranker import Query, Voice
from genrec.rankers.steps import DAY
from genrec.rankers.tables import NEVER, SEASON, Tables

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Layout = dict[str, tuple[str, ...]]  # field -> its features, in order

FAINTEST = -16.0  # a log-probability that counts as none
LONGEST = 400.0  # days since a visit that count
ALL_FIELDS = (*FIELDS, *RANKERS)
ABOUT = (
    "gap", "visits", "explores", "places", "favourite", "age", "length", "sin1", "cos1", "sin2", "cos2", "weekend",
    "timed", "unheard",
)  # fmt: skip


@dataclass(frozen=True)
class Features:
    """Features of a batch.

    Attributes:
        poi: the candidates; -1 behind the last. Shape: (queries, candidates).
        x: of the candidates, in the order of `layout()`. Shape: (queries, candidates, features).
        about: of person and situation, in the order of ABOUT. Shape: (queries, len(ABOUT)).
        present: which of ALL_FIELDS say something. Shape: (queries, fields).

    """

    poi: NDArray[np.int64]
    x: NDArray[np.float32]
    about: NDArray[np.float32]
    present: Bools


def layout() -> Layout:
    """The names of the features of each field, in order."""
    return NAMES | dict.fromkeys(RANKERS, SCORE_FEATURES)


def heard(
    voices: Mapping[str, Voice], queries: Sequence[Query], evidence: Evidence, found: Candidates
) -> dict[str, Floats]:
    """What other rankers say of the candidates, by their names."""
    return {name: voice.score_at(queries, evidence, found.poi) for name, voice in voices.items()}


def features(tables: Tables, asked: Asked, found: Candidates, scores: Mapping[str, Floats] | None = None) -> Features:
    """Features of candidates; `scores`: log-probabilities of the candidates by other rankers, see `heard`.

    A ranker without scores, or with -inf throughout a row, has nothing to say of it.
    """
    situation = Situation.of(tables, asked, found)
    columns, present = [], []
    for field, make in FIELDS.items():
        made = make(situation)
        columns += [made[name] for name in NAMES[field]]
        present.append(_present(situation, field))
    for ranker in RANKERS:
        values, said = _score_features((scores or {}).get(ranker), found)
        columns += values
        present.append(said)
    x = np.empty((*found.poi.shape, len(columns)), dtype=np.float32)
    for number, column in enumerate(columns):
        x[..., number] = column
    x[~found.mask] = 0
    return Features(found.poi, x, _about(situation).astype(np.float32), np.stack(present, axis=1))


def _score_features(scores: Floats | None, found: Candidates) -> tuple[list[Floats], Bools]:
    if scores is None:
        return [np.zeros((1, 1))] * len(SCORE_FEATURES), np.zeros(len(found.poi), dtype=np.bool_)
    own = np.where(found.mask, np.maximum(scores, FAINTEST), FAINTEST)
    return [own, own - own.max(axis=1, keepdims=True)], np.asarray((np.isfinite(scores) & found.mask).any(axis=1))


def _present(situation: Situation, field: str) -> Bools:
    tables, asked = situation.tables, situation.asked
    if field == "own":
        return (tables.own.distinct[asked.user] > 0) | (asked.length > 0)
    if field in ("sequence", "geography"):
        return asked.last >= 0
    catalogue = {"category": tables.places.categories > 1, "words": tables.places.named}
    return np.full(len(asked), catalogue.get(field, len(tables.visits.user) > 0))


def _about(situation: Situation) -> Floats:
    tables, asked, own = situation.tables, situation.asked, situation.tables.own
    favourite = np.where(situation.found.mask, situation.shares[SEASON], 0).max(axis=1)
    turn = 2 * np.pi * asked.hour / 24
    timed = asked.timed & tables.tells_hours
    last = own.last_time[asked.user]
    unheard = np.where(last > NEVER, (asked.time - last) / DAY, LONGEST)
    columns = [
        np.log1p(situation.gap),
        np.log1p(own.visits[asked.user]),
        own.explores[asked.user],
        np.log1p(own.distinct[asked.user]),
        favourite,
        np.log1p(np.maximum(asked.time - tables.as_of, 0) / DAY),
        np.log1p(asked.length),
        *(np.where(timed, wave(n * turn), 0) for n in (1, 2) for wave in (np.sin, np.cos)),
        asked.day >= 5,
        timed,
        np.log1p(np.clip(unheard, 0, LONGEST)),
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
