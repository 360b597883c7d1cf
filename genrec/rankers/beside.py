"""A language model beside the fusion: how much of an answer is the model's, and where it is asked at all.

p(place) = (1 - g) * p(place | fusion) + g * p(place | model). The gate g depends on what is known before the model is
asked: how unsure the fusion is, how long the person's history is, whether a trajectory is going on.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from genrec.rankers.ranker import Floats, Query

SITUATION: Final = ("constant", "entropy", "visits", "going")


Weight = Annotated[float, Field(ge=-1000, le=1000)]


class Gate(BaseModel):
    """The weight of each of SITUATION, and the entropy in nats from which on the model is asked; None: never."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: tuple[Weight, Weight, Weight, Weight]
    ask_from: float | None

    def asks(self, situations: Floats) -> NDArray[np.bool_]:
        """Whether the model is asked. Shape: (queries,)."""
        if self.ask_from is None:
            return np.zeros(len(situations), dtype=np.bool_)
        return np.asarray(self.entropy(situations) >= self.ask_from)

    def entropy(self, situations: Floats) -> Floats:
        """How unsure the fusion is, in nats. Shape: (queries,)."""
        return np.asarray(situations[:, SITUATION.index("entropy")])

    def share(self, situations: Floats) -> Floats:
        """The model's share of each answer, if it is asked. Shape: (queries,)."""
        return np.asarray(np.exp(-np.logaddexp(0, -situations @ np.array(self.weights))))


def situations(scores: Floats, queries: Sequence[Query], visits: Sequence[int]) -> Floats:
    """What the gate looks at. Args: the fusion's log-probabilities, and how many visits of each person are known.

    Shape: (queries, len(SITUATION)).
    """
    probabilities = np.exp(scores)
    entropy = -(probabilities * np.where(np.isfinite(scores), scores, 0)).sum(axis=1)
    known = np.log1p(np.asarray(visits, dtype=np.float64))
    going = np.array([float(bool(query.prefix)) for query in queries])
    return np.stack([np.ones(len(queries)), entropy, known, going], axis=1)


def completed(scores: Floats, pois: Sequence[int], probabilities: Sequence[float]) -> Floats:
    """Probabilities of all places by a model that gave its best ones; the rest is shared as the fusion would.

    Args: the fusion's log-probabilities of all places; the model's places. Shape: (pois,).
    """
    rest = np.exp(scores)
    rest[list(pois)] = 0
    whole = rest * max(1 - sum(probabilities), 0.0) / max(float(rest.sum()), 1e-12)
    whole[list(pois)] = probabilities
    return whole


def mixed(scores: Floats, model: Floats, share: float) -> Floats:
    """Log-probabilities of all places when a share of the answer is the model's. Shape: (pois,)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((1 - share) * np.exp(scores) + share * model))
