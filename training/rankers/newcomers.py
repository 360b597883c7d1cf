"""Lets a fusion listen to rankers that it has never heard: it begins with what it knew, and learns their worth."""

from collections.abc import Collection

import numpy as np
import torch

from genrec.rankers.features import ABOUT, ALL_FIELDS, layout
from genrec.rankers.fusion_net import FusionNet
from training.rankers.lists import Lists

QUIET = -2.0  # where a newcomer's weight in the gate begins, as a logit; about even would be 0


@torch.no_grad()
def introduce(network: FusionNet, names: Collection[str], lists: Lists) -> None:
    """Make ready for rankers that the network has not heard, normalising what they say as it is in the lists.

    No weight that belongs to them has been learned. Where they say nothing, the network's answers stay the same.
    """
    sizes = [len(features) for features in layout().values()]
    for name in names:
        field = ALL_FIELDS.index(name)
        columns = slice(sum(sizes[:field]), sum(sizes[: field + 1]))
        said = np.repeat(lists.present[:, field], np.diff(lists.start))
        if said.any():
            values = lists.x[said, columns].astype(np.float32)
            network.mean[columns] = torch.from_numpy(values.mean(axis=0))
            network.scale[columns] = torch.from_numpy(np.maximum(values.std(axis=0), 0.05))
        _unlearn(network, field, columns)


def _unlearn(network: FusionNet, field: int, columns: slice) -> None:
    """Let nothing depend on what a field says, whether it speaks, or how sure it is; the gate hardly hears it."""
    about, fields, pooled = len(ABOUT), len(ALL_FIELDS), 2 * network.shape.width
    weights = network.state_dict()  # shares its memory with the network
    for name in ("each", "linear"):
        weights[f"{name}.weight"][:, columns] = 0
    for name in ("situation", *(f"voices.{number}.situation" for number in range(len(network.voices)))):
        weights[f"{name}.weight"][:, about + field] = 0
    for name in ("rest", "view"):
        weights[f"{name}.weight"][:, pooled + about + field] = 0
    for part in range(3):  # whether it speaks, how sure of the best place, how spread
        weights["gate.0.weight"][:, about + part * fields + field] = 0
    weights["gate.2.weight"][field] = 0
    weights["gate.2.bias"][field] = QUIET
    weights["trust"][field - len(network.voices)] = 1
