"""Train the metric space of users and places: who went where stands closer than who did not.

The space is trained twice: on the first part of the check-ins, so that the weights of a ranking are fitted on visits
that it has not seen, places that opened since then among them; and on all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genrec.audience import calibrated
from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import POI, USER
from genrec.evidence import Evidence
from genrec.prepared import catalogue_hash
from genrec.rankers.cml import Cml, CmlSettings, Network, clipped, squared, terms
from genrec.rankers.metadata import describe, history, vocabulary_of
from genrec.rankers.place_network import PlaceInputs, place_inputs
from genrec.rankers.ranker import Query
from genrec.rankers.text import installed
from genrec.trajectories import training
from training.rankers.loop import Progress, Schedule, descend
from training.rankers.material import trained_on

MARGIN = 1.9  # between squared distances, which are at most 4
SAMPLED = 64  # places that a batch's users did not go to, to compare with
BATCH = 512
STEPS = 600
RATE = 1e-2
FEATURE, COVARIANCE = 1.0, 1.0  # weights of the losses
EARLY = 0.8  # share of the check-ins of the first training
WEEK = 7
ASKED, CELLS = 2000, 8_000_000  # visits that weights are fitted on; fewer where there are many places
FIT_STEPS = 60


@dataclass(frozen=True)
class Course:
    """How a space is trained: steps, and rates."""

    steps: int = STEPS
    seed: int = 0
    rate: float = RATE
    schedule: Schedule | None = None


@dataclass(frozen=True)
class Pairs:
    """Who went where, and how often. Shape of each: (pairs,)."""

    user: Tensor
    place: Tensor
    codes: NDArray[np.int64]  # user x places + place, ascending


def train_cml(
    checkins: Checkins,
    rows: int,
    *,
    seed: int = 0,
    steps: int = STEPS,
    sentences: bool | None = None,
    progress: Progress | None = None,
) -> Cml:
    """A space trained on the first `rows` check-ins; `sentences` (None: if installed) reads names by their encoder."""
    reads = installed() if sentences is None else sentences
    before = 0

    def onward(done: int, _: int) -> None:
        if progress:
            progress(before + done, 2 * steps)

    first = int(rows * EARLY)
    early = _space(checkins, first, seed, steps, sentences=reads, progress=onward)
    seen = replace(checkins, frame=checkins.frame[:rows])
    weights, reach = _fitted(early, seen, first, seed), calibrated(seen, first, early)
    before = steps
    space = _space(checkins, rows, seed, steps, sentences=reads, progress=onward)
    known: dict[str, object] = {"weights": tuple(weights.tolist())}
    if reach is not None:
        known |= {"audience": reach.weights, "audience_days": reach.days}
    return Cml(space.trained.model_copy(update=known), space.network)


def _space(checkins: Checkins, rows: int, seed: int, steps: int, *, sentences: bool, progress: Progress) -> Cml:
    """The space of the first `rows` check-ins; rankings by it have no weights yet."""
    seen = replace(checkins, frame=checkins.frame[:rows])
    users = tuple(seen.frame[USER].unique().sort().to_list())
    settings = CmlSettings(
        catalogue=catalogue_hash(checkins.pois),
        trained_on=trained_on(seen, seed),
        vocabulary=vocabulary_of(checkins.pois[seen.frame[POI].unique().sort()]),
        sentences=sentences,
        users=users,
        places=len(checkins.pois),
    )
    torch.manual_seed(seed)
    network = Network(settings)
    network.visited[torch.from_numpy(seen.frame[POI].unique().sort().to_numpy().astype(int))] = True
    for table in (network.users, network.places):
        nn.init.normal_(table.weight, std=0.5 / settings.width**0.5)
    pairs = pairs_of(seen, users)
    space = Cml(settings, network)
    learn(space, checkins, pairs, torch.arange(len(pairs.user)), Course(steps, seed), progress=progress)
    return space


def learn(
    space: Cml, checkins: Checkins, pairs: Pairs, lessons: Tensor, course: Course, *, progress: Progress | None = None
) -> None:
    """Train a space in place; `lessons`: the numbers of the pairs that it learns, of all that are known."""
    settings, network = space.trained, space.network
    places = place_inputs(describe(checkins.pois, settings.vocabulary), sentences=settings.sentences)
    open_places = network.visited.nonzero().squeeze(1)
    generator = torch.Generator().manual_seed(course.seed)

    def losses() -> Iterator[Tensor]:
        for _ in range(course.steps):
            batch = lessons[torch.randint(len(lessons), (BATCH,), generator=generator)]
            drawn = open_places[torch.randint(len(open_places), (SAMPLED,), generator=generator)]
            yield _loss(network, places, pairs, batch, drawn)

    def clip() -> None:
        with torch.no_grad():
            for table in (network.users, network.places):
                table.weight.copy_(clipped(table.weight))

    rate, schedule = course.rate, course.schedule
    descend(network, losses, 1, course.steps, rate=rate, schedule=schedule, after_step=clip, progress=progress)


def pairs_of(seen: Checkins, users: tuple[str, ...]) -> Pairs:
    """Who went where, by the numbers of users in `users`."""
    numbers = {user: number for number, user in enumerate(users)}
    distinct = seen.frame.select(USER, POI).unique()
    user = np.array([numbers[name] for name in distinct[USER]], np.int64)
    place = distinct[POI].to_numpy().astype(np.int64)
    codes = np.sort(user * len(seen.pois) + place)
    return Pairs(torch.from_numpy(codes // len(seen.pois)), torch.from_numpy(codes % len(seen.pois)), codes)


def _loss(
    network: Network,
    places: PlaceInputs,
    pairs: Pairs,
    batch: Tensor,
    drawn: Tensor,
) -> Tensor:
    """The weighted hinges, how far places stand from where their metadata put them, and the covariance.

    There is a hinge for where places stand, and one for where they belong by their metadata: what will be asked of
    those positions is not to be near the others, but to be nearer to those who come.
    """
    user, place = pairs.user[batch], pairs.place[batch]
    codes = user[:, None] * len(network.places.weight) + drawn
    been = torch.from_numpy(np.isin(codes.numpy(), pairs.codes))
    known, rows = torch.cat([place, drawn]).unique(return_inverse=True)  # type: ignore[no-untyped-call]
    who, stand, expected = network.users(user), network.places(known), network.expected(places.of(known))
    loss: Tensor = FEATURE * ((stand - expected) ** 2).sum(1).mean() + COVARIANCE * _covariance(torch.cat([who, stand]))
    for positions in (stand, expected):
        where, others = positions[rows].split([len(place), SAMPLED])
        loss = loss + _hinge(who, where, others, been, int(network.visited.sum()))
    return loss


def _hinge(who: Tensor, where: Tensor, others: Tensor, been: Tensor, places: int) -> Tensor:
    """How much closer than by the margin those are, on average, that should be further, weighted by the rank of that.

    The average, as by the closest alone positions that depend on metadata all fall into one point.
    """
    own = ((who - where) ** 2).sum(1, keepdim=True)
    violation = (MARGIN + own - squared(who, others)).clamp(min=0).masked_fill(been, 0)
    impostors = (violation > 0).sum(1)
    weight = torch.log1p(places * impostors / len(others))
    mean: Tensor = (weight * violation.sum(1) / impostors.clamp(min=1)).mean()
    return mean


def _covariance(vectors: Tensor) -> Tensor:
    """How much the dimensions of the space tell the same: the mean square of their covariances."""
    centred = vectors - vectors.mean(dim=0)
    matrix = centred.T @ centred / len(vectors)
    return (matrix - torch.diag(matrix.diagonal())).pow(2).sum()


def _fitted(space: Cml, seen: Checkins, rows: int, seed: int) -> Tensor:
    """The weights under which the visits after the first `rows`, which the space has seen, are likeliest."""
    frame = seen.frame
    first = local_span(frame[rows:])[0]
    cutoffs = [first + timedelta(days=day) for day in range(0, (local_span(frame)[1] - first).days + 1, WEEK)]
    examples = training(seen, len(frame), cutoffs).examples
    count = min(len(examples), ASKED, max(CELLS // len(seen.pois), 50))
    chosen = np.sort(np.random.default_rng(seed).choice(len(examples), count, replace=False))
    places = space.place_inputs(seen.pois)
    opened = torch.zeros(len(seen.pois), dtype=torch.bool)
    opened[torch.from_numpy(frame[POI].unique().to_numpy().astype(int))] = True
    inputs, targets = [], torch.tensor([examples[number].target for number in chosen])
    with torch.no_grad():
        positions = space.network.positions(places)
        for moment in dict.fromkeys(examples[number].as_of for number in chosen):
            evidence = Evidence(seen, moment)
            own = [examples[number] for number in chosen if examples[number].as_of == moment]
            asked = space.asked([Query(e.user_id, e.time, e.prefix) for e in own], evidence, positions)
            inputs.append(terms(asked, positions, torch.from_numpy(history(evidence)), places.km))
    return likeliest(torch.cat(inputs), targets, ~opened)


def likeliest(inputs: Tensor, targets: Tensor, closed: Tensor) -> Tensor:
    """Weights of the terms of scores, (examples, places, terms), that make the targets likeliest."""
    weights = torch.zeros(inputs.shape[2], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = (inputs @ weights).masked_fill(closed, -1e9)
        value = nn.functional.cross_entropy(scores, targets)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()
