"""Later visits played back as feedback: who is named the place that they went to visits it.

Nothing else is told: not where those went who were not named it. All policies meet the same visits in the same order;
chance decides only which places are drawn, and what a learner draws from its buffer.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genrec.rankers.fusion_net import FusionNet
from training.online.adoption import advantage, not_worse
from training.online.buffer import Buffer, answered, joined
from training.online.learner import Learner
from training.online.policy import Floats, Ints, named, plan, says
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe

Arm = Literal["offline only", "warm-up", "no warm-up", "replay", "safe"]
ARMS: tuple[Arm, ...] = ("offline only", "warm-up", "no warm-up", "replay", "safe")
LOOKS = (0, 100, 200)  # feedbacks after which later visits are ranked, beside every second `adopt_every`


@dataclass(frozen=True)
class Stage:
    """What is played: visits in the order of time, and later ones that are only ranked.

    `offline`: what the model was trained on, to be replayed.
    """

    played: Batches
    later: Batches
    offline: Batches


@dataclass(frozen=True)
class Run:
    """What one policy did.

    Attributes:
        earned: 1 / line of the visited place, 0 where it was not named. Shape: (feedbacks,).
        looks: after how many feedbacks the later visits were ranked -> 1 / rank of each visit's place by then.
        adopted: after how many feedbacks a new version was adopted.

    """

    earned: Floats
    looks: dict[int, Floats]
    adopted: tuple[int, ...]


def play(arm: Arm, stage: Stage, network: FusionNet, recipe: OnlineRecipe, seed: int) -> Run:
    """Let a policy name places for the visits, one after the other, and learn as `arm` says."""
    draw, total = np.random.default_rng((seed, 1)), len(stage.played.sizes)
    learner, serving, learned = Learner(network, recipe, seed), network, False
    offline = stage.offline if arm == "replay" else None
    wait = 0 if arm in ("no warm-up", "replay") else recipe.warm_up
    step = recipe.adopt_every if arm == "safe" else recipe.every
    parts: list[Buffer] = []
    looks: dict[int, Floats] = {}
    adopted: list[int] = []
    for first in range(0, total, step):
        if first in LOOKS or first % (2 * recipe.adopt_every) == 0:
            looks[first] = later_ranks(serving, stage.later) if learned or not looks else looks[0]
        rows = np.arange(first, min(first + step, total))
        parts.append(serve(serving, stage.played, rows, recipe, draw))
        if arm == "safe" and learned:
            gained = advantage(learner.network, serving, stage.played, parts[-1], recipe)
            if not_worse(gained):
                serving = deepcopy(learner.network)
                adopted.append(first + len(rows))
        if arm == "offline only" or first + len(rows) < wait:
            continue
        log = joined(parts)
        if wait and not learned:
            learner.recalibrate(stage.played, log)
        learner.update(stage.played, log, recipe.updates * len(rows), offline)
        learned = True
        if arm != "safe":
            serving = learner.network
    looks[total] = later_ranks(serving, stage.later) if learned else looks[0]
    earned = np.concatenate([part.reward @ (1 / np.arange(1, part.shown.shape[1] + 1)) for part in parts])
    return Run(earned, looks, tuple(adopted))


def serve(network: FusionNet, data: Batches, rows: Ints, recipe: OnlineRecipe, draw: np.random.Generator) -> Buffer:
    """Name places for some visits, and hear what people say."""
    done = plan(says(network, data, rows), recipe.shown, recipe.even)
    return answered(rows, named(done, draw), done.propensity, data.target[rows].numpy())


def later_ranks(network: FusionNet, data: Batches) -> Floats:
    """1 / rank of each visit's place, 0 where it is not a candidate. Shape: (visits,)."""
    rows = np.arange(len(data.sizes))
    said, target = says(network, data, rows), data.target.numpy()
    own = said.places[rows, np.maximum(target, 0)]
    rank = 1 + (said.places > own[:, None]).sum(axis=1)
    return np.where(target >= 0, 1 / rank, 0.0)
