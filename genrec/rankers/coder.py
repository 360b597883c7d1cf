"""CODER (arXiv 2210.08332) for check-ins: graphs of users, places, categories and areas, and the trees over places.

A place is its own vector and those of what it lies in, weighed by attention up the trees. Light graph convolutions
carry vectors between users and places, users and categories, users and areas. What is trained is only what the graphs
start from: they are drawn anew from the evidence of each moment, so that users who were not there in training get a
vector from the places that they have been to, and new places one from their category and areas.

Added to the paper's scores: the place where the user was last seen, and what it lies in, count beside the user.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.coder_network import Network, Views, links_of
from genrec.rankers.graphs import LEVELS, Vocabulary, trees, visits_by_user
from genrec.rankers.ranker import Floats, Ints, Query
from genrec.rankers.trained import TrainedRanker, TrainedSettings, read_settings, require_catalogue

NAME = "coder"


class CoderSettings(TrainedSettings):
    """Its shapes, whom it knows, and which places."""

    users: tuple[str, ...]
    places: int = Field(ge=1, description="the first places of a catalogue, whose hash `catalogue` is")
    nodes: Vocabulary = Field(min_length=LEVELS, max_length=LEVELS)
    width: int = Field(default=32, ge=2, le=1024)
    layers: int = Field(default=4, ge=2, le=16)
    concentration: float = Field(default=0.0, ge=0, le=1, description="how far links are weighed by theirs")


class Coder(TrainedRanker[CoderSettings, Network, tuple[dict[str, int], Views]]):
    """A trained network as a ranker."""

    name = NAME
    unsaid: ClassVar = {"users", "nodes"}

    def __init__(self, settings: CoderSettings, network: Network) -> None:
        super().__init__(settings, network)
        self._row = {user: row for row, user in enumerate(settings.users)}

    @classmethod
    def described(cls, folder: Path) -> CoderSettings:
        """See `TrainedRanker`."""
        return read_settings(folder, NAME, CoderSettings)

    @classmethod
    def untrained(cls, settings: CoderSettings) -> Network:
        """See `TrainedRanker`."""
        nodes = sum(map(len, settings.nodes))
        return Network(len(settings.users), settings.places, nodes, settings.width, settings.layers)

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`: nothing for a user of whom no visit is known. Raises InputError for another catalogue."""
        _, views = self.drawn(evidence)
        with torch.inference_mode():
            asked, last = self._asked(queries, evidence)
            scores = asked.flatten(1) @ views.places.flatten(1).T + self.network.bias(len(views.places))
            return _shares(scores.masked_fill((last < 0)[:, None], -torch.inf))

    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """See `Voice`: among these places."""
        _, views = self.drawn(evidence)
        with torch.inference_mode():
            asked, last = self._asked(queries, evidence)
            there, none = torch.from_numpy(np.maximum(pois, 0)), torch.from_numpy(pois < 0)
            scores = (views.places[there].flatten(2) @ asked.flatten(1)[:, :, None]).squeeze(2)
            scores += self.network.bias(len(views.places))[there]
            return _shares(scores.masked_fill((last < 0)[:, None] | none, -torch.inf))

    def _asked(self, queries: Sequence[Query], evidence: Evidence) -> tuple[Tensor, Tensor]:
        """The vectors of those who ask, (queries, FIELDS, width), and where each was seen last, -1 for nowhere."""
        users, views = self.drawn(evidence)
        rows = torch.tensor([users.get(query.user_id, -1) for query in queries], dtype=torch.long)
        last = torch.tensor([_last_seen(query, evidence) for query in queries], dtype=torch.long)
        return self.network.asked(views, rows, last), last

    def draw(self, evidence: Evidence) -> tuple[dict[str, int], Views]:
        """The row of each user, and the graphs' vectors."""
        pois = evidence.past.pois
        require_catalogue(self.trained, catalogue_hash(pois[: self.trained.places]))
        rows, visits = visits_by_user(evidence.past)
        above = trees(pois, self.trained.nodes)
        known = torch.zeros(len(pois), dtype=torch.bool)
        known[: self.trained.places] = self.network.visited
        trained = torch.tensor([self._row.get(user, -1) for user in rows], dtype=torch.long)
        with torch.inference_mode():
            links = links_of(visits, above, self.trained.concentration)
            return rows, self.network(links, torch.from_numpy(above.above), trained, known)


def _shares(scores: Tensor) -> Floats:
    """Log-probabilities; -inf throughout where all scores are."""
    return np.asarray(scores.double().log_softmax(dim=1).nan_to_num(nan=-torch.inf))


def _last_seen(query: Query, evidence: Evidence) -> int:
    """The place of the user's last visit that is known, -1 without one."""
    visits = query.prefix or evidence.visits(query.user_id)
    return visits[-1][1] if visits else -1
