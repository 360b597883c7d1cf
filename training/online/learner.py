"""A contextual bandit on the fusion: it learns from feedback alone, and keeps nothing of what it was trained on before.

What a feedback teaches is a doubly robust target: the visited place where that is known; else what the frozen model
believes of the places that were not named, corrected, for the drawn place, by the propensity. Before the first update,
the frozen policy gathers feedback (warm-up; WSRL, arXiv 2412.07762), by which the estimate of the reward is calibrated.
"""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genrec.errors import NotNumbersError
from genrec.rankers.fusion_net import Fused, FusionNet
from training.online.buffer import Buffer
from training.online.policy import says
from training.rankers.fusion import MIXTURE, Batches
from training.rankers.loop import CLIP
from training.recipe import OnlineRecipe

MOST = 10.0  # what a drawn place's visit counts at most, in feedbacks
FAINT = 1e-6
SURE = 1 - 1e-9  # a propensity from which on a place is surely named
AVERAGED = 0.99  # of the weights' running mean, at each step
REPLAYED = 0.5  # of a batch, where offline data are replayed


class Learner:
    """A fusion that learns online.

    Attributes:
        network: what has been learned, as a running mean of the weights; the policy names places by it.
        estimate: the frozen model that says what is believed of places that were not named.

    """

    def __init__(self, network: FusionNet, recipe: OnlineRecipe, seed: int) -> None:
        self.network, self.estimate, self._latest = (deepcopy(network).eval() for _ in range(3))
        self._recipe = recipe
        weights = self._latest.parameters()
        self._optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
        self._draw = np.random.default_rng(seed)
        self._visits: list[Tensor] = []  # targets of the feedback so far
        self._rest: list[float] = []

    def recalibrate(self, data: Batches, log: Buffer) -> None:
        """Fit temperature and remainder of estimate and policy to what the frozen policy's feedback shows."""
        self._visits, self._rest = [], []
        fit_to_feedback(self.estimate, data, log)
        for network in (self.network, self._latest):
            network.temperature.copy_(self.estimate.temperature)
            network.rest_shift.copy_(self.estimate.rest_shift)

    def update(self, data: Batches, log: Buffer, times: int, offline: Batches | None = None) -> None:
        """Take this many steps on batches drawn from all feedback so far; half of each from `offline`, if given.

        `log` begins with the feedback of the last call, unless this is the first after `recalibrate` or `restore`.
        """
        self._learn_of(data, log)
        size = self._recipe.batch if offline is None else round(self._recipe.batch * (1 - REPLAYED))
        for _ in range(times):
            loss = self._loss(data, log, self._draw.integers(len(log), size=size))
            if offline is not None:
                known = self._draw.integers(len(offline.sizes), size=self._recipe.batch - size)
                loss = (1 - REPLAYED) * loss + REPLAYED * known_loss(self._latest, offline, known)
            if not torch.isfinite(loss):
                raise NotNumbersError("online learning has diverged: its loss is not a number")
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._latest.parameters(), CLIP)
            self._optimizer.step()
            self._follow()

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the policy's weights follow the latest ones: a step's noise is averaged out."""
        for own, latest in zip(self.network.parameters(), self._latest.parameters(), strict=True):
            own.lerp_(latest, 1 - AVERAGED)

    def _learn_of(self, data: Batches, log: Buffer) -> None:
        """Work out the targets of feedback that is new: the estimate is frozen, so they stay."""
        fresh = log[len(self._rest) :]
        if len(fresh):
            believed = says(self.estimate, data, fresh.row)
            visits, rest = targets(torch.from_numpy(believed.places), torch.from_numpy(believed.rest), fresh)
            self._visits += [row[:size].float() for row, size in zip(visits, data.sizes[fresh.row], strict=True)]
            self._rest += rest.float().tolist()

    def _loss(self, data: Batches, log: Buffer, chosen: np.ndarray) -> Tensor:
        x, about, mask, present, _ = data.take(log.row[chosen])
        visits = nn.utils.rnn.pad_sequence([self._visits[i] for i in chosen], batch_first=True)
        rest = torch.tensor([self._rest[i] for i in chosen])
        return expected_loss(self._latest, (x, about, mask, present), visits, rest)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on as if nothing had happened, in plain types and tensors."""
        return {
            "network": self.network.state_dict(),
            "latest": self._latest.state_dict(),
            "estimate": self.estimate.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "draw": self._draw.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self._latest.load_state_dict(state["latest"])
        self.estimate.load_state_dict(state["estimate"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._draw.bit_generator.state = state["draw"]


def targets(believed: Tensor, rest: Tensor, log: Buffer) -> tuple[Tensor, Tensor]:
    """How often each candidate was visited, and none of them, as far as feedback and the model's belief tell.

    Somebody goes to one place. So a visit to a surely named one says all; else those are ruled out, the others share
    what is believed of them, and the drawn one is corrected by its propensity, within 0 and MOST.
    """
    shown, reward, chance = (torch.from_numpy(array) for array in (log.shown, log.reward, log.propensity))
    there = shown >= 0
    sure = there & (chance >= SURE)
    at = shown.clamp_min(0)
    ruled_out = torch.zeros_like(believed).scatter_add_(1, at, sure.to(believed.dtype)) > 0
    left = believed.masked_fill(ruled_out, 0.0)
    total = (left.sum(dim=1) + rest).clamp_min(FAINT)
    left, rest = left / total[:, None], rest / total
    wrong = (reward - left.gather(1, at)) / chance
    drawn = left.scatter_add(1, at, torch.where(there & ~sure, wrong, 0.0).to(left.dtype)).clamp(0.0, MOST)
    visited = torch.zeros_like(left).scatter_add_(1, at, torch.where(sure, reward, 0.0).to(left.dtype))
    known = visited.sum(dim=1, keepdim=True) > 0
    anywhere = (torch.where(there, reward, 0.0).sum(dim=1) > 0).to(rest.dtype)
    return torch.where(known, visited, drawn), rest * (1 - anywhere)


def expected_loss(network: FusionNet, given: tuple[Tensor, ...], visits: Tensor, rest: Tensor) -> Tensor:
    """`training.rankers.fusion.list_loss` where it is not known for sure which candidate was visited."""
    fused: Fused = network(*given)
    whole = -(visits * fused.log).sum(dim=1).mean()
    mixture = -(visits * fused.mixture).sum(dim=1).mean()
    none = nn.functional.binary_cross_entropy_with_logits(fused.rest, rest.clamp(0, 1))
    return whole + MIXTURE * mixture + none


def known_loss(network: FusionNet, data: Batches, rows: np.ndarray) -> Tensor:
    """The loss of visits that are known."""
    x, about, mask, present, target = data.take(rows)
    visits = torch.zeros(mask.shape)
    visits.scatter_(1, target.clamp_min(0)[:, None], (target >= 0).float()[:, None])
    return expected_loss(network, (x, about, mask, present), visits, (target < 0).float())


@torch.no_grad()
def fit_to_feedback(network: FusionNet, data: Batches, log: Buffer) -> None:
    """Set the temperature and the level of the remainder to what was said of named places."""
    network.eval()
    network.temperature.fill_(1.0)
    network.rest_shift.fill_(0.0)
    x, about, mask, present, _ = data.take(log.row)
    fused = network(x, about, mask, present)
    there, at = torch.from_numpy(log.shown >= 0), torch.from_numpy(np.maximum(log.shown, 0))
    reward = torch.from_numpy(log.reward)
    weight = torch.from_numpy(np.minimum(1 / log.propensity, MOST)) * there

    def miss(temperature: float, shift: float) -> float:
        inside = torch.sigmoid(-(fused.rest + shift))[:, None]
        chance = ((fused.log / temperature).log_softmax(dim=1).exp() * inside).gather(1, at).clamp(FAINT, 1 - FAINT)
        loss = nn.functional.binary_cross_entropy(chance.double(), reward, reduction="none")
        return float((loss * weight).sum())

    temperature = 1.0
    for _ in range(2):  # one after the other, twice: each hardly depends on the other
        shift = min(np.linspace(-3, 3, 61).tolist(), key=lambda value: miss(temperature, value))
        temperature = min(np.linspace(0.6, 1.8, 49).tolist(), key=lambda value: miss(value, shift))
    network.temperature.fill_(temperature)
    network.rest_shift.fill_(shift)
