"""Whether a new version may take the place of the one in use, judged on feedback that it has not seen; and how."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genrec.files import write_text
from genrec.rankers.fusion_net import FusionNet
from genrec.versions import current_version, next_folder, put_in_use, settled
from training.online.buffer import Buffer
from training.online.estimates import doubly_robust
from training.online.policy import Floats, plan, says
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe
from training.updates.account import ONLINE


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


def adopt(run: Path, write: Callable[[Path], None], about: Mapping[str, Any]) -> int:
    """Make a version, whole, and put it in use: the one before, with what `write` puts over it; returns its number.

    `about`: what is said of it. What it was trained with at first stays beside it, so that it can be updated as well.
    """
    before, folder = settled(run), next_folder(run)
    for path in before.iterdir():
        if path.is_file() and path.name[0] != ".":
            shutil.copy2(path, folder / path.name)
    write(folder)
    write_text(folder / ONLINE, json.dumps({"after": current_version(run), **about}, indent=1) + "\n")
    return put_in_use(run)
