"""Which places are named: the best ones surely, and in the last of the lines one that is drawn from all others.

So each candidate has a known chance above 0 to be named, its propensity, and what people say of the drawn places tells
what other policies would have earned.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from genrec.rankers.fusion_net import Fused, FusionNet
from training.rankers.fusion import BATCH, Batches

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Said:
    """What a network says of lists: the probability of each candidate, and of no candidate at all.

    Shapes: (lists, candidates), (lists,); `mask`: where there is a candidate.
    """

    places: Floats
    rest: Floats
    mask: Bools


@dataclass(frozen=True)
class Plan:
    """What a policy does with lists.

    Attributes:
        first: the candidates that are surely named, best first; -1 behind the last. Shape: (lists, shown - 1).
        drawn: the chance of each candidate to be the drawn one. Shape: (lists, candidates).
        propensity: the chance of each candidate to be named.
        gain: what each candidate's visit would earn on average: 1 / its line, as the reciprocal rank counts.

    """

    first: Ints
    drawn: Floats
    propensity: Floats
    gain: Floats


@torch.no_grad()
def says(network: FusionNet, data: Batches, rows: Ints) -> Said:
    """What a network says of some lists."""
    network.eval()
    most = int(data.sizes[rows].max(initial=1))
    places, rest = np.zeros((len(rows), most)), np.zeros(len(rows))
    mask = np.arange(most) < data.sizes[rows][:, None]
    for first in range(0, len(rows), BATCH):
        x, about, there, present, _ = data.take(rows[first : first + BATCH])
        given, left = probabilities(network(x, about, there, present), there)
        places[first : first + len(x), : given.shape[1]] = given.numpy()
        rest[first : first + len(x)] = left.numpy()
    return Said(places, rest, mask)


def probabilities(fused: Fused, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The probability of each candidate, and of none of them."""
    rest = torch.sigmoid(fused.rest)
    return fused.log.exp() * mask * (1 - rest)[:, None], rest


def plan(said: Said, shown: int, even: float) -> Plan:
    """Name `shown` places; the drawn one by its probability, or with the chance `even` by none at all."""
    lists, most = said.places.shape
    order = np.argsort(np.where(said.mask, -said.places, np.inf), axis=1, kind="stable")
    line = np.empty_like(order)
    np.put_along_axis(line, order, np.broadcast_to(np.arange(most), (lists, most)), axis=1)
    sure = said.mask & (line < shown - 1)
    left = said.mask & ~sure
    weight = np.where(left, said.places, 0.0)
    count = left.sum(axis=1, keepdims=True)
    mass = weight.sum(axis=1, keepdims=True)
    flat = left / np.maximum(count, 1)
    drawn = np.where(mass > 0, (1 - even) * weight / np.where(mass > 0, mass, 1) + even * flat, flat)
    first = np.full((lists, shown - 1), -1)
    ahead = order[:, : shown - 1]
    first[:, : ahead.shape[1]] = np.where(np.take_along_axis(said.mask, ahead, axis=1), ahead, -1)
    return Plan(first, drawn, sure + drawn, np.where(sure, 1 / (line + 1), drawn / shown))


def named(plan: Plan, draw: np.random.Generator) -> Ints:
    """The candidates that are named, the drawn one last; -1 where there is none. Shape: (lists, shown)."""
    edges = plan.drawn.cumsum(axis=1)
    at = draw.random(len(edges))[:, None] * edges[:, -1:]
    last = np.where(edges[:, -1] > 0, (edges <= at).sum(axis=1), -1)
    return np.concatenate([plan.first, last[:, None]], axis=1)
