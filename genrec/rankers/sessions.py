"""A person's latest visits as arrays, for rankers that read them in order."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrec.evidence import Evidence
from genrec.rankers.ranker import Query
from genrec.rankers.simple import visits_until
from genrec.trajectories import GAP_HOURS, Visit

MOMENT = 4 + 7 + 1  # numbers that tell a local time
STEP = MOMENT + 4  # numbers that tell a visit's time: of itself, and beside the others'
NEVER = 24 * 365.0  # hours: the gap before a first visit
_EPOCH = datetime(1970, 1, 1)


class Sessions(NamedTuple):
    """The latest visits of each query, then what is asked, so that the last step is the query's own.

    Attributes:
        places: (queries, length) the visits' places, the latest last; -1 where there are fewer.
        steps: (queries, length + 1, STEP) what is known of the time of each visit, and of the query.

    """

    places: NDArray[np.int64]
    steps: NDArray[np.float32]


def sessions_of(queries: Sequence[Query], evidence: Evidence, length: int) -> Sessions:
    """The sessions of queries: what each user did before them, as far as the evidence and the trajectory tell."""
    return sessions([visits_until(evidence, query)[-length:] for query in queries], [q.at for q in queries], length)


def sessions(visits: Sequence[Sequence[Visit]], times: Sequence[datetime | None], length: int) -> Sessions:
    """From up to `length` visits of each query, and its time."""
    places = np.full((len(visits), length), -1, np.int64)
    hours = np.full((len(visits), length + 1), np.nan)
    for row, (latest, at) in enumerate(zip(visits, times, strict=True)):
        if latest:
            places[row, -len(latest) :] = [poi for _, poi in latest]
            hours[row, -len(latest) - 1 : -1] = [_hours(time) for time, _ in latest]
        if at is not None:
            hours[row, -1] = _hours(at)
    return Sessions(places, _steps(hours))


def _hours(time: datetime) -> float:
    return (time - _EPOCH).total_seconds() / 3600


def _steps(hours: NDArray[np.float64]) -> NDArray[np.float32]:
    """What is known of each time (NaN: none). Shape: (queries, length + 1) -> (queries, length + 1, STEP)."""
    known = ~np.isnan(hours)
    angle = np.nan_to_num(hours % 24) * np.pi / 12
    weekday = np.nan_to_num(hours // 24 + 3).astype(np.intp) % 7  # 1 January 1970 was a Thursday
    moment = [
        np.sin(angle),
        np.cos(angle),
        np.sin(2 * angle),
        np.cos(2 * angle),
        *np.eye(7)[weekday].transpose(2, 0, 1),
    ]
    latest = np.where(known[:, -1], hours[:, -1], hours[:, -2])  # an unknown time of asking is that of the last visit
    ages = np.maximum(np.nan_to_num(latest[:, None] - hours), 0)
    gaps = np.full(hours.shape, np.nan)
    gaps[:, 1:] = np.diff(hours, axis=1)
    beginning = np.isnan(gaps)
    gaps = np.maximum(np.where(beginning, NEVER, gaps), 0)
    beside = [np.log1p(ages) / 9, np.log1p(gaps) / 9, gaps < GAP_HOURS, beginning]
    masked = np.stack([known * part for part in [*moment, known]], axis=-1)
    return np.asarray(np.concatenate([masked, np.stack(beside, axis=-1)], axis=-1), np.float32)
