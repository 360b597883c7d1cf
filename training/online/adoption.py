"""Whether a new version may take the place of the one that names places: judged on feedback that it has not seen."""

import numpy as np

from genrec.rankers.fusion_net import FusionNet
from training.online.buffer import Buffer
from training.online.estimates import doubly_robust
from training.online.policy import Floats, plan, says
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe


def advantage(new: FusionNet, old: FusionNet, data: Batches, fresh: Buffer, recipe: OnlineRecipe) -> Floats:
    """How much more the new one would have earned than the old one, by the doubly robust estimate of each feedback.

    The old one's probabilities are what is believed, so nothing that the new one says of itself counts.
    """
    before, after = says(old, data, fresh.row), says(new, data, fresh.row)
    gains = [plan(said, recipe.shown, recipe.even).gain for said in (after, before)]
    earned, used = (doubly_robust(gain, before.places, fresh) for gain in gains)
    return np.asarray(earned - used)


def not_worse(advantages: Floats) -> bool:
    """Whether the new version is adopted: its estimate is not below the old one's."""
    return len(advantages) > 0 and float(advantages.mean()) >= 0
