"""A batch of queries as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from genrec.rankers.ranker import Query
from genrec.rankers.tables import NEVER, RECENT, Tables, clock, seconds
from genrec.trajectories import since

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LATER = 60  # visits of a trajectory that are looked back on at most


@dataclass(frozen=True)
class Asked:
    """Queries, together with what happened since the tables were counted.

    Attributes:
        user: the person's number in the tables. Shape: (queries,), as all that follow up to `recent`.
        timed: whether the time is told; if not, `time` is when the person was last heard of.
        time: seconds of the local clock.
        hour: of the day, 0 to 24.
        day: of the week, 0 for Monday.
        last: where the person was seen last; -1 for nowhere.
        last_time: when.
        length: visits of the trajectory since the tables were counted.
        recent: the places visited last, the latest first; -1 for none. Shape: (queries, RECENT).
        later: number of the query, place and time of each visit since the tables were counted. Shape: (visits,) each.

    """

    user: Ints
    timed: NDArray[np.bool_]
    time: Floats
    hour: Floats
    day: Ints
    last: Ints
    last_time: Floats
    length: Ints
    recent: Ints
    later: tuple[Ints, Ints, Floats]

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.user)


def asked(queries: Sequence[Query], tables: Tables, as_of: datetime) -> Asked:
    """The queries as arrays; `as_of` is that of the tables."""
    user = np.array([tables.users.get(query.user_id, tables.stranger) for query in queries], dtype=np.int64)
    last, last_time = tables.own.recent[user, 0], tables.own.last_time[user]
    recent = tables.own.recent[user]
    length = np.zeros(len(queries), dtype=np.int64)
    later: list[tuple[int, int, float]] = []
    for number, query in enumerate(queries):
        if not query.prefix:
            continue
        last[number], last_time[number] = query.prefix[-1][1], seconds(query.prefix[-1][0])
        visits = since(query.prefix, as_of)[-LATER:]
        length[number] = len(visits)
        later += [(number, poi, seconds(time)) for time, poi in visits]
        order = dict.fromkeys([poi for _, poi in reversed(query.prefix[-LATER:])] + recent[number].tolist())
        order.pop(-1, None)
        known = list(order)[:RECENT]
        recent[number] = known + [-1] * (RECENT - len(known))
    timed = np.array([query.at is not None for query in queries], dtype=np.bool_)
    now = np.where(last_time > NEVER, np.maximum(last_time, tables.as_of), tables.as_of)
    time = np.array([seconds(query.at) if query.at else now[i] for i, query in enumerate(queries)], dtype=np.float64)
    hour, day = clock(time)
    columns = np.array(later, dtype=np.float64).reshape(-1, 3).T
    return Asked(
        user, timed, time, hour, day, last, last_time, length, recent,
        (columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2]),
    )  # fmt: skip
