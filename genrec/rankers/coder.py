"""CODER (arXiv 2210.08332) for check-ins: graphs of users, places, categories and areas, and the trees over places.

A place is its own vector and those of what it lies in, weighed by attention up the trees. Light graph convolutions
carry vectors between users and places, users and categories, users and areas. What is trained is only what the graphs
start from: they are drawn anew from the evidence of each moment, so that users who were not there in training get a
vector from the places that they have been to, and new places one from their category and areas.

Added to the paper's scores: the place where the user was last seen, and what it lies in, count beside the user.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.coder_network import Network, Views, links_of
from genrec.rankers.graphs import LEVELS, Vocabulary, trees, visits_by_user
from genrec.rankers.ranker import Floats, Query
from genrec.rankers.trained import TrainedSettings, read_settings, read_weights, require_catalogue, write_trained

NAME = "coder"


class CoderSettings(TrainedSettings):
    """Its shapes, whom it knows, and which places."""

    users: tuple[str, ...]
    places: int = Field(ge=1, description="the first places of a catalogue, whose hash `catalogue` is")
    nodes: Vocabulary = Field(min_length=LEVELS, max_length=LEVELS)
    width: int = Field(default=32, ge=2, le=1024)
    layers: int = Field(default=4, ge=2, le=16)
    concentration: float = Field(default=0.0, ge=0, le=1, description="how far links are weighed by theirs")


def network_of(settings: CoderSettings) -> Network:
    """An untrained network of these shapes."""
    nodes = sum(map(len, settings.nodes))
    return Network(len(settings.users), settings.places, nodes, settings.width, settings.layers)


class Coder:
    """A trained network as a ranker."""

    name = NAME

    def __init__(self, settings: CoderSettings, network: Network) -> None:
        self.trained = settings
        self.network = network.eval()
        self._row = {user: row for row, user in enumerate(settings.users)}
        self._drawn: tuple[Evidence, dict[str, int], Views] | None = None

    @classmethod
    def load(cls, folder: Path) -> "Coder":
        """The ranker of a folder; raises GenRecError if it has none, or a faulty one."""
        settings = read_settings(folder, NAME, CoderSettings)
        network = network_of(settings)
        read_weights(folder, NAME, network)
        return cls(settings, network)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_trained(folder, NAME, self.trained, self.network)

    def settings(self) -> dict[str, Any]:
        """See `Ranker`; not whom it knows, nor the nodes."""
        return self.trained.model_dump(mode="json", exclude={"users", "nodes"})

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`: nothing for a user of whom no visit is known. Raises InputError for another catalogue."""
        users, views = self._views(evidence)
        rows = torch.tensor([users.get(query.user_id, -1) for query in queries])
        last = torch.tensor([_last_seen(query, evidence) for query in queries])
        with torch.inference_mode():
            asked = self.network.asked(views, rows, last).flatten(1)
            scores = asked @ views.places.flatten(1).T + self.network.bias(len(views.places))
            scores[last < 0] = -torch.inf
            return np.asarray(scores.double().log_softmax(dim=1).nan_to_num(nan=-torch.inf))

    def _views(self, evidence: Evidence) -> tuple[dict[str, int], Views]:
        """The graphs' vectors, and the row of each user; kept for the evidence that was asked about last."""
        if self._drawn is None or self._drawn[0] is not evidence:
            pois = evidence.past.pois
            require_catalogue(self.trained, catalogue_hash(pois[: self.trained.places]))
            rows, visits = visits_by_user(evidence.past)
            above = trees(pois, self.trained.nodes)
            known = torch.zeros(len(pois), dtype=torch.bool)
            known[: self.trained.places] = self.network.visited
            trained = torch.tensor([self._row.get(user, -1) for user in rows], dtype=torch.long)
            with torch.inference_mode():
                links = links_of(visits, above, self.trained.concentration)
                views = self.network(links, torch.from_numpy(above.above), trained, known)
            self._drawn = evidence, rows, views
        return self._drawn[1:]


def _last_seen(query: Query, evidence: Evidence) -> int:
    """The place of the user's last visit that is known, -1 without one."""
    visits = query.prefix or evidence.visits(query.user_id)
    return visits[-1][1] if visits else -1
