"""Train CODER: the graphs of the train part, and each of its visits before places where the user may not have gone.

Besides the order of places, the losses are that of categories and areas, and the contrast of what the graphs carry with
what they start from.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl
import torch
from torch import Tensor, nn

from genrec.checkins import Checkins
from genrec.columns import POI, USER
from genrec.errors import GenRecError
from genrec.prepared import catalogue_hash
from genrec.rankers.coder import Coder, CoderSettings
from genrec.rankers.coder_network import FIELDS, Network, Views, links_of
from genrec.rankers.graphs import trees, visit_counts, vocabulary_of
from genrec.trajectories import sessionise
from training.rankers.loop import Progress, descend
from training.rankers.material import trained_on

FEWEST = 200  # visits that can be learned from
BATCH = 4096  # visits, at most
BATCHES = 8  # an epoch, at least
STEPS = 800
NEGATIVES = 8  # places a visit
RATE = 0.02
FORGET = 0.1  # share of users and of places whose own vectors do not count in a step: graphs and trees speak for them
TEMPERATURE = 0.1


@dataclass(frozen=True)
class Weights:
    """What counts how much beside the order of places."""

    groups: float = 0.5  # l1: the order of categories and areas
    contrast: float = 0.1  # l2: InfoNCE of layer 2 against layer 0
    decay: float = 1e-3  # l3


class Lessons(NamedTuple):
    """The visits: whose, where they were before on the same trajectory (-1: nowhere), and where they went."""

    users: Tensor
    before: Tensor
    targets: Tensor


def train_coder(
    checkins: Checkins,
    rows: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    weights: Weights | None = None,
    concentration: float = 0.0,
    progress: Progress | None = None,
) -> Coder:
    """A ranker trained on the first `rows` check-ins; raises GenRecError if they are too few.

    `concentration`: how far links are weighed by their topological concentration, from 0 to 1.
    """
    weights = weights or Weights()
    seen = replace(checkins, frame=checkins.frame[:rows])
    if rows < FEWEST:
        raise GenRecError(f"{rows} visits are too few to train on; at least {FEWEST} are needed")
    settings = CoderSettings(
        catalogue=catalogue_hash(checkins.pois),
        trained_on=trained_on(seen, seed),
        users=tuple(seen.frame[USER].unique().sort()),
        places=len(checkins.pois),
        nodes=vocabulary_of(checkins.pois[seen.frame[POI].unique().sort()]),
        concentration=concentration,
    )
    lessons = _lessons(seen, settings)
    torch.manual_seed(seed)
    network = Coder.untrained(settings)
    network.visited[lessons.targets] = True
    teacher = _Teacher(network, settings, checkins, lessons, weights)
    batch = min(BATCH, -(-rows // BATCHES))
    batches = -(-rows // batch)

    def losses() -> Iterator[Tensor]:
        for chosen in torch.split(torch.randperm(rows), batch):
            yield teacher.loss(Lessons(*(column[chosen] for column in lessons)))

    descend(network, losses, -(-steps // batches), batches, rate=RATE, decay=weights.decay, progress=progress)
    return Coder(settings, network)


def _lessons(seen: Checkins, settings: CoderSettings) -> Lessons:
    numbers = {user: number for number, user in enumerate(settings.users)}
    columns = seen.frame.with_columns(sessionise(seen.frame)).select(
        pl.col(USER).replace_strict(numbers, return_dtype=pl.Int64),
        pl.col(POI).cast(pl.Int64).shift(1).over("trajectory").fill_null(-1).alias("before"),
        pl.col(POI).cast(pl.Int64),
    )
    return Lessons(*(torch.from_numpy(column.to_numpy().copy()) for column in columns))


class _Teacher:
    """Asks a network about visits, and says how wrong it is."""

    def __init__(
        self, network: Network, settings: CoderSettings, checkins: Checkins, lessons: Lessons, weights: Weights
    ) -> None:
        above = trees(checkins.pois, settings.nodes)
        shape = (len(settings.users), settings.places)
        visits = visit_counts(lessons.users.numpy(), lessons.targets.numpy(), shape)
        self._links = links_of(visits, above, settings.concentration)
        self._network, self._weights = network, weights
        self._above, self._places = torch.from_numpy(above.above), network.visited.nonzero()[:, 0]

    def loss(self, lessons: Lessons) -> Tensor:
        """The loss of some visits."""
        network, (users, before, targets) = self._network, lessons
        people, places = len(network.users.weight), len(network.places.weight)
        everybody = torch.where(_kept(people), torch.arange(people), -1)
        views: Views = network(self._links, self._above, everybody, network.visited & _kept(places))
        wrong = self._places[torch.randint(len(self._places), (len(targets), NEGATIVES))]
        pois = torch.cat([targets[:, None], wrong], dim=1)
        asked = network.asked(views, users, before)
        fields = torch.einsum("bfw,bkfw->bkf", asked, views.places[pois])
        loss = _ranked(fields.sum(-1) + network.bias(places)[pois])
        loss = loss + self._weights.groups * _ranked(fields[..., 1:]) * (FIELDS - 1)
        ends = torch.cat([torch.unique(users), people + torch.unique(targets)])
        return loss + self._weights.contrast * _contrast(views.layers[2][ends], views.layers[0][ends])


def _kept(size: int) -> Tensor:
    return torch.rand(size) >= FORGET


def _ranked(scores: Tensor) -> Tensor:
    """Bayesian personalised ranking: the first of each row before the others."""
    return -nn.functional.logsigmoid(scores[:, :1] - scores[:, 1:]).mean()


def _contrast(a: Tensor, b: Tensor) -> Tensor:
    """InfoNCE: the row of `a` that belongs to each row of `b`, among all."""
    a, b = nn.functional.normalize(a, dim=1), nn.functional.normalize(b, dim=1)
    return nn.functional.cross_entropy(a @ b.T / TEMPERATURE, torch.arange(len(a)))
