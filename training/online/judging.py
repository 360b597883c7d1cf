"""What each version of a fusion would have earned on a log of feedback."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genrec.checkins import Checkins
from genrec.rankers.features import layout
from genrec.rankers.fusion_file import read_fusion
from genrec.versions import version_folder, versions_of
from training.online.estimates import Estimate, doubly_robust, ips, mean_of
from training.online.feedback import Feedback, learnable
from training.online.policy import plan, says
from training.online.rounds import serving
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe

EVEN = OnlineRecipe(kind="online").even  # as recipes have it, unless they say something else


def judge(rankers: Path, feedback: Sequence[Feedback], checkins: Checkins) -> dict[int, tuple[Estimate, Estimate]]:
    """For each version the estimates by inverse propensity and doubly robust, where the best places are named.

    What is believed is what the version in use says; the last place is named by its probability, as in learning.
    """
    used = serving(rankers, checkins)
    lists, log = learnable(feedback, checkins, used.voices)
    data, people = Batches(lists), np.unique([line.user_id for line in feedback], return_inverse=True)[1]
    believed = says(used.network, data, log.row).places
    found = {}
    for version in versions_of(rankers):
        _, network = read_fusion(version_folder(rankers, version), layout())
        gain = plan(says(network, data, log.row), log.shown.shape[1], EVEN).gain
        found[version] = tuple(
            mean_of(values, people) for values in (ips(gain, log), doubly_robust(gain, believed, log))
        )
    return {version: (inverse, robust) for version, (inverse, robust) in found.items()}
