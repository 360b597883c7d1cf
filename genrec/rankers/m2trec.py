"""M2TRec (arXiv 2209.11824): a session-based ranker that knows places by their metadata alone.

A Transformer reads the user's latest visits with their times; each place enters as a function of what is known of it
(`PlaceNetwork`), and so do the places that are ranked: a place that opened today has a vector, too. During training the
same session vector has to tell the category of the next place and its parent.

Added to the paper's score, the product of session and place: the distance from where the user was last seen, at several
scales that the session weighs; and a share of the mass goes to the places of the session, since people return.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from genrec.evidence import Evidence
from genrec.rankers.metadata import HISTORY, Vocabulary, describe, history
from genrec.rankers.place_network import PlaceInputs, PlaceNetwork, place_inputs
from genrec.rankers.ranker import Floats, Ints, Query
from genrec.rankers.sessions import STEP, sessions_of
from genrec.rankers.trained import TrainedRanker, TrainedSettings, read_settings

NAME = "m2trec"
SCALES_KM = (0.1, 0.5, 2.0)
CELLS = 4_000_000  # scores computed at a time
FLOOR, CLOSED = 1e-9, -1e9


class M2TRecSettings(TrainedSettings):
    """Its shapes, and the words it knows. It is for any catalogue, as it knows no place by its number."""

    catalogue: Literal["any"] = "any"
    vocabulary: Vocabulary
    sentences: bool  # whether names are read by the sentence encoder
    tasks: Literal["single", "multi"] = "multi"
    width: int = Field(default=64, ge=8, le=1024, multiple_of=8)
    layers: int = Field(default=2, ge=1, le=16)
    heads: int = Field(default=4, ge=1, le=8)
    length: int = Field(default=32, ge=1, le=1000)


class Outputs(NamedTuple):
    """Log-probabilities of the next place, and scores of its category and parent."""

    places: Tensor
    category: Tensor
    parent: Tensor


class Network(nn.Module):
    """The network."""

    def __init__(self, settings: M2TRecSettings) -> None:
        super().__init__()
        width, vocabulary = settings.width, settings.vocabulary
        self.place = PlaceNetwork(vocabulary, width, sentences=settings.sentences, extra=HISTORY)
        self.step = nn.Linear(STEP, width)
        self.query = nn.Parameter(torch.zeros(width))
        layer = nn.TransformerEncoderLayer(
            width, settings.heads, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.session = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width), nn.GELU())
        self.next = nn.Linear(width, width)
        self.near = nn.Linear(width, len(SCALES_KM) + 1)
        self.again = nn.Linear(width, 1)  # how much of the mass stays with the session's places
        self.return_to = nn.Linear(width, 1)  # how it is shared among their visits
        self.category = nn.Linear(width, len(vocabulary.categories) + 1)
        with torch.no_grad():  # to begin with, near places are likelier
            self.near.bias.copy_(torch.tensor([1.0] + [0.0] * len(SCALES_KM)))
        self.parent = nn.Linear(width, len(vocabulary.parents) + 1)

    def forward(
        self, places: PlaceInputs, past: Tensor, visited: Tensor, steps: Tensor, closed: Tensor | None = None
    ) -> Outputs:
        """Arguments: all places with their history, the sessions (see `Sessions`), and which places are no answers."""
        vectors = self.place(places, past)
        last = visited[:, -1]
        session, states = self._read(vectors, visited, steps)
        away = torch.cdist(places.km[last.clamp(min=0)], places.km)
        scores = self.next(session) @ vectors.T + self._nearness(session, away, last)
        if closed is not None:
            scores = scores.masked_fill(closed, CLOSED)
        share, attention = self._stays(session, states, visited)
        returns = torch.zeros_like(scores).scatter_add(1, visited.clamp(min=0), attention)
        ranked = _mixed(scores, share, returns)
        return Outputs(ranked, self.category(session), self.parent(session))

    def among(self, vectors: Tensor, km: Tensor, visited: Tensor, steps: Tensor, pois: Tensor) -> Tensor:
        """Log-probabilities among some places of each query, -1 for none, from vectors and positions of all."""
        last, there, none = visited[:, -1], pois.clamp(min=0), pois < 0
        session, states = self._read(vectors, visited, steps)
        away = (km[there] - km[last.clamp(min=0)][:, None]).norm(dim=2)
        scores = (vectors[there] @ self.next(session)[:, :, None]).squeeze(2) + self._nearness(session, away, last)
        share, attention = self._stays(session, states, visited)
        returns = ((pois[:, :, None] == visited[:, None]) * attention[:, None]).sum(2)
        return _mixed(scores.masked_fill(none, CLOSED), share, returns).masked_fill(none, CLOSED).log_softmax(dim=1)

    def _read(self, vectors: Tensor, visited: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The vector of each session, and the states of its visits."""
        given = visited >= 0
        read = vectors[visited.clamp(min=0)] * given[:, :, None]
        tokens = torch.cat([read, self.query.expand(len(read), 1, -1)], dim=1) + self.step(steps)
        mask = torch.cat([given, given.new_ones(len(given), 1)], dim=1)
        states = self.encoder(tokens, src_key_padding_mask=~mask)
        pooled = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return self.session(torch.cat([pooled, states[:, -1]], dim=1)), states[:, :-1]

    def _nearness(self, session: Tensor, away: Tensor, last: Tensor) -> Tensor:
        """What the distance from the last place adds to scores; nothing without one."""
        near = [-torch.log1p(away / SCALES_KM[0]), *(1 / (1 + away / scale) for scale in SCALES_KM)]
        weights = self.near(session) * (last >= 0)[:, None]
        nearness: Tensor = (torch.stack(near, dim=2) @ weights[:, :, None]).squeeze(2)
        return nearness

    def _stays(self, session: Tensor, states: Tensor, visited: Tensor) -> tuple[Tensor, Tensor]:
        """The share of the mass that stays with the session's places, and how it is shared among their visits."""
        given = visited >= 0
        attention = self.return_to(states).squeeze(-1).masked_fill(~given, CLOSED).softmax(dim=1) * given
        return torch.sigmoid(self.again(session)) * given.any(dim=1, keepdim=True), attention


def _mixed(scores: Tensor, share: Tensor, returns: Tensor) -> Tensor:
    """Log-probabilities, a share of the mass given to the places of the session."""
    return torch.log((1 - share) * torch.log_softmax(scores, dim=1).exp() + share * returns + FLOOR)


class Drawn(NamedTuple):
    """All places as the evidence shows them; `vectors` are what the network makes of them."""

    places: PlaceInputs
    past: Tensor
    vectors: Tensor


class M2TRec(TrainedRanker[M2TRecSettings, Network, Drawn]):
    """A trained network as a ranker."""

    name = NAME
    unsaid: ClassVar = {"vocabulary"}

    @classmethod
    def described(cls, folder: Path) -> M2TRecSettings:
        """See `TrainedRanker`."""
        return read_settings(folder, NAME, M2TRecSettings)

    @classmethod
    def untrained(cls, settings: M2TRecSettings) -> Network:
        """See `TrainedRanker`."""
        return Network(settings)

    def draw(self, evidence: Evidence) -> Drawn:
        """See `TrainedRanker`."""
        described = describe(evidence.past.pois, self.trained.vocabulary)
        inputs, past = place_inputs(described, sentences=self.trained.sentences), torch.from_numpy(history(evidence))
        with torch.inference_mode():
            return Drawn(inputs, past, self.network.place(inputs, past))

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        places, past, _ = self.drawn(evidence)
        block = max(1, CELLS // max(len(past), 1))
        read = sessions_of(queries, evidence, self.trained.length)
        scores = np.empty((len(queries), len(past)))
        with torch.inference_mode():
            for start in range(0, len(queries), block):
                part = [torch.from_numpy(array[start : start + block]) for array in read]
                outputs = self.network(places, past, *part)
                scores[start : start + block] = torch.log_softmax(outputs.places.double(), dim=1).numpy()
        return scores

    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """See `Voice`: among these places."""
        drawn = self.drawn(evidence)
        visited, steps = map(torch.from_numpy, sessions_of(queries, evidence, self.trained.length))
        asked = visited, steps, torch.from_numpy(pois)
        with torch.inference_mode():
            return np.asarray(self.network.among(drawn.vectors, drawn.places.km, *asked).double())
