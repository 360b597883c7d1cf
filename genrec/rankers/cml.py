"""Collaborative metric learning (arXiv 1803.00202): users and places in one space, near each other where they belong.

A place that nobody has been to stands where its metadata put it, a user who is not known amid the places that they have
been to. So the space also tells who may come to a place that opens today (`genrec.audience`).

For a ranking, the squared distance in the space is weighed against what the moment says: the distance on the map from
where the user was last seen, and the hours at which a place, or its kind, is visited.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import polars as pl
import torch
from pydantic import Field
from torch import Tensor, nn

from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.metadata import Vocabulary, describe, history
from genrec.rankers.place_network import PlaceInputs, PlaceNetwork, place_inputs
from genrec.rankers.ranker import Floats, Ints, Query
from genrec.rankers.simple import visits_until
from genrec.rankers.trained import TrainedRanker, TrainedSettings, read_settings

NAME = "cml"
NEAR_KM = 0.1  # distances on the map count from here on
TERMS, TRAITS = 6, 6  # that are weighed for a ranking, see `terms`; for an audience, see `genrec.audience.traits`


class CmlSettings(TrainedSettings):
    """Its shapes, whom it knows, and which places."""

    vocabulary: Vocabulary
    sentences: bool  # whether names are read by the sentence encoder
    users: tuple[str, ...]
    places: int = Field(ge=1, description="the first places of a catalogue, whose hash `catalogue` is")
    width: int = Field(default=32, ge=2, le=1024)
    weights: tuple[float, ...] = Field(default=(0.0,) * TERMS, min_length=TERMS, max_length=TERMS)
    audience: tuple[float, ...] = Field(default=(0.0,) * TRAITS, min_length=TRAITS, max_length=TRAITS)
    audience_days: int = Field(default=0, ge=0, description="within which somebody comes; 0: not learned")


class Network(nn.Module):
    """The positions of users and places, none further than 1 from the origin, and the function of metadata."""

    visited: Tensor

    def __init__(self, settings: CmlSettings) -> None:
        super().__init__()
        self.users = nn.Embedding(len(settings.users), settings.width)
        self.places = nn.Embedding(settings.places, settings.width)
        self.feature = PlaceNetwork(settings.vocabulary, settings.width, sentences=settings.sentences)
        self.register_buffer("visited", torch.zeros(settings.places, dtype=torch.bool))

    def expected(self, places: PlaceInputs) -> Tensor:
        """Where places belong by their metadata alone. Shape: (places, width)."""
        return clipped(self.feature(places))

    def positions(self, places: PlaceInputs) -> Tensor:
        """Where places stand: those that were visited in training where it put them, others where they belong."""
        positions = self.expected(places)
        rows = self.visited.nonzero().squeeze(1)
        return positions.index_copy(0, rows, self.places.weight[rows])


class Asked(NamedTuple):
    """What a ranking depends on: who asks, from where, when."""

    who: Tensor  # (queries, width)
    last: Tensor  # (queries,) where they were last seen, -1 for nowhere
    hour: Tensor  # (queries,) -1 for an unknown one


def clipped(vectors: Tensor) -> Tensor:
    """Vectors inside the ball of radius 1."""
    shorter: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1)
    return shorter


def squared(users: Tensor, places: Tensor) -> Tensor:
    """Squared distances. Shape: (users, places)."""
    return (users**2).sum(1, keepdim=True) + (places**2).sum(1) - 2 * users @ places.T


def terms(asked: Asked, positions: Tensor, past: Tensor, km: Tensor) -> Tensor:
    """What a score is the weighted sum of, for all places. Shape: (queries, places, TERMS)."""
    away = torch.cdist(km[asked.last.clamp(min=0)], km)
    return _terms(asked, torch.arange(len(km))[None], squared(asked.who, positions), away, past)


def terms_at(asked: Asked, pois: Tensor, positions: Tensor, past: Tensor, km: Tensor) -> Tensor:
    """The same for some places of each query. Shape: (queries, places, TERMS)."""
    apart = ((asked.who[:, None] - positions[pois]) ** 2).sum(2)
    away = (km[asked.last.clamp(min=0)][:, None] - km[pois]).norm(dim=2)
    return _terms(asked, pois, apart, away, past)


def _terms(asked: Asked, pois: Tensor, apart: Tensor, away: Tensor, past: Tensor) -> Tensor:
    """Of places at distances in the space (squared) and on the map.

    Nearness in the space, apart for places where somebody has been and for the others, whose positions are less sure;
    nearness on the map (0 without a last place); whether a place is another than the last; how usual the hour is there
    (0 if unknown); and whether nobody has been there.
    """
    seen = (asked.last >= 0)[:, None]
    other = (pois != asked.last[:, None]) & seen
    hours = past[pois, asked.hour.clamp(min=0)[:, None]] * (asked.hour >= 0)[:, None]
    new = past[pois, 24].expand_as(apart)
    near = -torch.log1p(away / NEAR_KM) * seen
    return torch.stack([-apart * (1 - new), -apart * new, near, other.to(apart.dtype), hours, new], dim=2)


class Drawn(NamedTuple):
    """All places as the evidence shows them: positions in the space, history, and positions on the map."""

    positions: Tensor
    past: Tensor
    km: Tensor


class Cml(TrainedRanker[CmlSettings, Network, Drawn]):
    """A trained space as a ranker."""

    name = NAME
    unsaid: ClassVar = {"vocabulary", "users"}

    def __init__(self, settings: CmlSettings, network: Network) -> None:
        super().__init__(settings, network)
        self._numbers = {user: number for number, user in enumerate(settings.users)}

    @classmethod
    def described(cls, folder: Path) -> CmlSettings:
        """See `TrainedRanker`."""
        return read_settings(folder, NAME, CmlSettings)

    @classmethod
    def untrained(cls, settings: CmlSettings) -> Network:
        """See `TrainedRanker`."""
        return Network(settings)

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`; raises InputError for another catalogue than it was trained on."""
        drawn = self.drawn(evidence)
        scores = np.empty((len(queries), len(drawn.past)))
        weights = torch.tensor(self.trained.weights, dtype=torch.float64)
        if not queries:
            return scores
        with torch.inference_mode():
            asked = self.asked(queries, evidence, drawn.positions)
            for row in range(len(queries)):
                one = Asked(*(part[row : row + 1] for part in asked))
                score = terms(one, *drawn)[0].double() @ weights
                scores[row] = torch.log_softmax(score, dim=0).numpy()
        return scores

    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """See `Voice`: among these places."""
        drawn = self.drawn(evidence)
        weights = torch.tensor(self.trained.weights, dtype=torch.float64)
        there, none = torch.from_numpy(np.maximum(pois, 0)), torch.from_numpy(pois < 0)
        with torch.inference_mode():
            asked = self.asked(queries, evidence, drawn.positions)
            scores = terms_at(asked, there, *drawn).double() @ weights
            return np.asarray(scores.masked_fill(none, -torch.inf).log_softmax(dim=1))

    def asked(self, queries: Sequence[Query], evidence: Evidence, positions: Tensor) -> Asked:
        """Who asks, from where, when."""
        visits = [visits_until(evidence, query) for query in queries]
        places = [[poi for _, poi in own] for own in visits]
        who = [self.user(query.user_id, own, positions) for query, own in zip(queries, places, strict=True)]
        last = [own[-1] if own else -1 for own in places]
        tells_hours = evidence.city.tells_hours
        hours = [query.at.hour if query.at is not None and tells_hours else -1 for query in queries]
        return Asked(torch.stack(who), torch.tensor(last), torch.tensor(hours))

    def user(self, user_id: str, places: Sequence[int], positions: Tensor) -> Tensor:
        """Where a user stands: as trained, else amid the places of their visits, else amid all users."""
        number = self._numbers.get(user_id)
        if number is not None:
            return self.network.users.weight[number]
        return positions[list(places)].mean(dim=0) if places else self.network.users.weight.mean(dim=0)

    def nearness(self, visited: Mapping[str, Sequence[int]], evidence: Evidence, pois: pl.DataFrame) -> Floats:
        """How near users, of whom the visited places are given, stand to places that just opened.

        Minus the squared distance. Shape: (users, places).
        """
        positions = self.drawn(evidence).positions
        with torch.inference_mode():
            who = torch.stack([self.user(user, places, positions) for user, places in visited.items()])
            return -squared(who, self.network.expected(self.place_inputs(pois))).double().numpy()

    def place_inputs(self, pois: pl.DataFrame) -> PlaceInputs:
        """What the space's function of metadata reads of places, also of some of no catalogue."""
        return place_inputs(describe(pois, self.trained.vocabulary), sentences=self.trained.sentences)

    def require_catalogue(self, pois: pl.DataFrame) -> None:
        """Raise InputError unless a catalogue is the one that it was trained on, or has grown from it."""
        found = catalogue_hash(pois[: self.trained.places])
        if found != self.trained.catalogue:
            raise InputError(
                f"trained for another catalogue of places ({self.trained.catalogue}) than these check-ins have "
                f"({found}).",
                file="cml",
                fix="Train it on these check-ins.",
            )

    def draw(self, evidence: Evidence) -> Drawn:
        """See `TrainedRanker`."""
        self.require_catalogue(evidence.past.pois)
        inputs = self.place_inputs(evidence.past.pois)
        with torch.inference_mode():
            return Drawn(self.network.positions(inputs), torch.from_numpy(history(evidence)), inputs.km)
