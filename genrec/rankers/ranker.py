"""What a ranker is: it gives every place a score, from the evidence as of a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genrec.evidence import Evidence
from genrec.trajectories import Visit

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Query:
    """Who asks, at which local time (None: unknown), after which earlier visits of the current trajectory."""

    user_id: str
    at: datetime | None
    prefix: tuple[Visit, ...] = ()


class Ranker(Protocol):
    """Ranks the POIs of the evidence's catalogue. It sees nothing but the evidence and the query."""

    name: str

    def settings(self) -> dict[str, Any]:
        """All that its scores depend on beside evidence and queries, in plain types."""

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """Natural log-probability of each POI to be visited next; -inf where it has nothing to say.

        Shape: (queries, pois).
        """


class Voice(Protocol):
    """A ranker that others may listen to: it also scores a few places of each query, without looking at all."""

    name: str

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""

    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """Log-probabilities of some places, of all places or among these; -inf throughout a row: nothing to say.

        `pois` has a row of different places a query, -1 behind the last, where scores mean nothing. Shape: as `pois`.
        """


def best(scores: Floats, k: int) -> list[NDArray[np.intp]]:
    """The `k` POIs with the highest scores of each row, best first; of equal ones the first."""
    k = min(k, scores.shape[1])
    floors = np.partition(scores, -k, axis=1)[:, -k]
    found = []
    for row, floor in zip(scores, floors, strict=True):
        candidates = np.flatnonzero(row >= floor)
        found.append(candidates[np.argsort(-row[candidates], kind="stable")[:k]])
    return found


@dataclass(frozen=True)
class Pick:
    """How many places are named, and among which."""

    k: int
    among: Bools | None

    def of(self, scores: Floats) -> list[NDArray[np.intp]]:
        """The best of each row. Shape of `scores`: (rows, pois)."""
        if self.among is None:
            return best(scores, self.k)
        possible = np.flatnonzero(self.among)
        if not len(possible):
            return [possible] * len(scores)
        return [possible[chosen] for chosen in best(scores[:, possible], self.k)]
