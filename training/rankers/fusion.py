"""Trains the fusion: a loss on whole lists, views with fields left out, and a calibration on visits kept aside."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from genrec.rankers.fusion_file import Learned, shape_of
from genrec.rankers.fusion_net import Fused, FusionNet
from training.rankers.lists import Lists
from training.rankers.loop import Progress, Schedule, descend

BATCH: Final = 128
SPARED: Final = 0.5  # examples whose view leaves no field out
DROPPED: Final = 0.3  # of the fields of any other view
MIXTURE: Final = 0.5  # weight of the loss of the mixture alone, so that the gate means something by itself
TAU: Final = 0.1
AVERAGED: Final = 0.998  # of the weights' running mean, at each step


Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class Settings:
    """How the fusion is trained."""

    epochs: int = 8
    rate: float = 2e-3
    decay: float = 0.01
    contrast: float = 0.1
    seed: int = 0


class Batches:
    """Lists as tensors, from which batches are drawn."""

    def __init__(self, lists: Lists) -> None:
        self.x, self.start, self.target, self.about, self.present = (
            torch.from_numpy(array) for array in (lists.x, lists.start, lists.target, lists.about, lists.present)
        )
        self.sizes = np.diff(lists.start)

    def take(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Features, about, mask, present and target of some visits."""
        chosen = torch.from_numpy(rows)
        start, end = self.start[chosen], self.start[chosen + 1]
        most = int(self.sizes[rows].max())
        place = start[:, None] + torch.arange(most)
        mask = place < end[:, None]
        x = self.x[place.clamp_max(len(self.x) - 1)].float()
        return x, self.about[chosen], mask, self.present[chosen], self.target[chosen]

    def shuffled(self, draw: np.random.Generator) -> list[np.ndarray]:
        """All visits in batches of lists of like length, in a random order."""
        order = draw.permutation(len(self.sizes))
        # Lists of one batch are padded to the longest: neighbours in length go together, within random windows.
        windows = np.array_split(order, max(len(order) // (BATCH * 16), 1))
        batches = [
            window[np.argsort(self.sizes[window], kind="stable")][first : first + BATCH]
            for window in windows
            for first in range(0, len(window), BATCH)
        ]
        draw.shuffle(batches)
        return batches


def new_network(lists: Lists, learned: Learned, settings: Settings) -> FusionNet:
    """An untrained network that normalises features as they are in the lists."""
    torch.manual_seed(settings.seed)
    network = FusionNet(shape_of(learned))
    draw = np.random.default_rng(settings.seed)
    rows = draw.choice(len(lists.x), min(len(lists.x), 200_000), replace=False)
    sample = lists.x[np.sort(rows)].astype(np.float32)
    network.mean.copy_(torch.from_numpy(sample.mean(axis=0)))
    network.scale.copy_(torch.from_numpy(np.maximum(sample.std(axis=0), 0.05)))
    network.about_mean.copy_(torch.from_numpy(lists.about.mean(axis=0)))
    network.about_scale.copy_(torch.from_numpy(np.maximum(lists.about.std(axis=0), 0.05)))
    return network


def fit(
    network: FusionNet,
    lists: Lists,
    settings: Settings,
    progress: Progress | None = None,
    schedule: Schedule | None = None,
) -> FusionNet:
    """Train a network in place; what it is left with is the running mean of its weights."""
    torch.manual_seed(settings.seed)
    draw = np.random.default_rng(settings.seed)
    data = Batches(lists)
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=_running_mean)

    def losses() -> Iterator[Tensor]:
        for rows in data.shuffled(draw):
            yield loss_of(network, data.take(rows), settings.contrast)

    descend(
        network,
        losses,
        settings.epochs,
        len(data.shuffled(np.random.default_rng(0))),
        rate=settings.rate,
        decay=settings.decay,
        schedule=schedule,
        after_step=lambda: average.update_parameters(network),
        progress=progress,
    )
    network.load_state_dict(average.module.state_dict())
    return network.eval()


def _running_mean(averages: Tensors, current: Tensors, steps: Tensor | int) -> None:
    """An exponential mean that forgets the first steps fast."""
    keep = min(AVERAGED, (1 + float(steps)) / (10 + float(steps)))
    with torch.no_grad():
        torch._foreach_lerp_(list(averages), list(current), 1 - keep)


def loss_of(network: FusionNet, batch: tuple[Tensor, ...], contrast: float) -> Tensor:
    """The loss of a batch: of the list with some fields left out, and how far two such views are from each other."""
    x, about, mask, present, target = batch
    fused = network(x, about, mask, thinned(present))
    loss = list_loss(fused, target)
    if not contrast or len(target) < 2:
        return loss
    other = network(x, about, mask, thinned(present))
    alike = fused.view @ other.view.T / TAU
    same = torch.arange(len(target))
    return (loss + list_loss(other, target)) / 2 + contrast * nn.functional.cross_entropy(alike, same)


def list_loss(fused: Fused, target: Tensor) -> Tensor:
    """Of the visited place among the candidates, by the whole and by the mixture; and whether it is one at all."""
    hit = target >= 0
    place = target.clamp_min(0)[:, None]
    count = hit.sum().clamp_min(1)
    whole = -(fused.log.gather(1, place).squeeze(1) * hit).sum() / count
    mixture = -(fused.mixture.gather(1, place).squeeze(1) * hit).sum() / count
    rest = nn.functional.binary_cross_entropy_with_logits(fused.rest, (~hit).float())
    return whole + MIXTURE * mixture + rest


def thinned(present: Tensor) -> Tensor:
    """Fields, some of them left out at random, of half of the examples."""
    spared = torch.rand(len(present), 1) < SPARED
    kept = torch.rand(present.shape) >= DROPPED
    left = present & (kept | spared)
    return torch.where(left.any(dim=1, keepdim=True), left, present)


@torch.no_grad()
def answers(network: FusionNet, lists: Lists) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank of each visit's place (a large number if it is no candidate), log-probability, and that of the best."""
    network.eval()
    data = Batches(lists)
    ranks, own, best = (np.zeros(len(lists)) for _ in range(3))
    for first in range(0, len(lists), BATCH):
        rows = np.arange(first, min(first + BATCH, len(lists)))
        x, about, mask, present, target = data.take(rows)
        fused = network(x, about, mask, present)
        inside = nn.functional.logsigmoid(-fused.rest)
        place = target.clamp_min(0)[:, None]
        log = fused.log.gather(1, place)
        hit = target >= 0
        rank = torch.where(hit, 1 + (fused.log > log).sum(dim=1), 1_000_000)
        stated = torch.where(hit, log.squeeze(1) + inside, nn.functional.logsigmoid(fused.rest))
        for array, values in ((ranks, rank), (own, stated), (best, fused.log.amax(dim=1) + inside)):
            array[rows] = values.numpy()
    return ranks, own, best


@torch.no_grad()
def calibrate(network: FusionNet, lists: Lists) -> None:
    """Set the temperature and the level of the remainder to what visits kept aside show."""
    network.temperature.fill_(1.0)
    network.rest_shift.fill_(0.0)
    data = Batches(lists)
    parts = [network(*data.take(rows)[:4]) for rows in _runs(len(lists))]
    targets = [data.take(rows)[4] for rows in _runs(len(lists))]

    def miss(temperature: float) -> float:
        total = 0.0
        for fused, target in zip(parts, targets, strict=True):
            log = (fused.log / temperature).log_softmax(dim=1).gather(1, target.clamp_min(0)[:, None]).squeeze(1)
            total -= float((log * (target >= 0)).sum())
        return total

    rest, missed = torch.cat([fused.rest for fused in parts]), torch.cat(targets) < 0
    shifts = np.linspace(-3, 3, 121)
    level = [abs(float(torch.sigmoid(rest + shift).mean() - missed.float().mean())) for shift in shifts]
    network.temperature.fill_(min(np.linspace(0.6, 1.8, 61).tolist(), key=miss))
    network.rest_shift.fill_(float(shifts[int(np.argmin(level))]))


def _runs(count: int) -> list[np.ndarray]:
    return [np.arange(first, min(first + BATCH, count)) for first in range(0, count, BATCH)]


def calibration_error(right: np.ndarray, stated: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the best places' probabilities."""
    cell = np.minimum((stated * bins).astype(int), bins - 1)
    gaps = np.bincount(cell, right - stated, minlength=bins)
    return float(np.abs(gaps).sum() / len(right))
