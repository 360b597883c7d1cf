"""What is played in a comparison, and what the models that it begins with were trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.rankers.features import ABOUT, layout
from genrec.rankers.fusion import COUNTED, counting
from genrec.rankers.fusion_file import Learned, read_fusion
from genrec.rankers.fusion_net import FusionNet
from genrec.rankers.trained import require_grown
from genrec.trajectories import Example, training
from training.data.cities import training_city
from training.progress import Progress, nothing
from training.rankers.fusion import Settings, calibrate, fit, new_network
from training.rankers.lists import REFRESH, Lists, Portions, joined, lists_of, shared_out, visits_to_learn

CITIES, VISITS, KEPT = (2100, 2101), 1_500, 150  # synthetic cities of an offline model, and visits of each
OFFLINE = Settings(epochs=4, rate=2e-3, contrast=0.0)
WIDTH = 96
UNSEEN = 0.1  # the last check-ins, which are for evaluation
PLAYED = 0.7  # of the visits between the first half and those; the others are ranked only


@dataclass(frozen=True)
class Material:
    """Lists of a city's visits: those that are played, in order, later ones, and those of the offline model.

    `users`: who made each played visit, and each later one.
    """

    played: Lists
    later: Lists
    offline: Lists
    users: tuple[list[str], list[str]]


def visits_between(checkins: Checkins) -> list[Example]:
    """The visits after the first half of the check-ins, without the last tenth; evidence is refreshed weekly."""
    rows = len(checkins.frame)
    frame = checkins.frame[: int(rows * (1 - UNSEEN))]
    if rows < 2:
        raise GenRecError(f"{rows} check-ins are too few to play back")
    begin, end = frame["time"][rows // 2], frame["time"].max()
    if not isinstance(end, datetime) or end <= begin:
        raise GenRecError("the second half of the check-ins has no two times: there is nothing to play back")
    moments = [begin + REFRESH * week for week in range((end - begin) // REFRESH + 1)]
    examples = training(replace(checkins, frame=frame), len(frame), moments).examples
    return sorted(examples, key=lambda example: example.time)


def material(checkins: Checkins, offline: Lists, played: int, later: int, seed: int) -> Material:
    """A sample of a city's visits; raises GenRecError if there are too few."""
    visits = visits_between(checkins)
    cut = int(len(visits) * PLAYED)
    first, last = sample(visits[:cut], played, seed), sample(visits[cut:], later, seed)
    if len(first) < played or not last:
        raise GenRecError(f"{len(first):,} visits can be played back, and {played:,} are asked for: name fewer")
    # `lists_of` goes by moments of evidence, which are in the order of the visits.
    lists = [lists_of(checkins, part, counting()) for part in (first, last)]
    users = [visit.user_id for visit in first], [visit.user_id for visit in last]
    return Material(lists[0], lists[1], offline, users)


def own_offline(checkins: Checkins, rankers: Path, seed: int) -> tuple[FusionNet, Lists]:
    """The fusion of a folder, and visits of the first half of the check-ins, as it may have been trained on."""
    settings, network = read_fusion(rankers, layout())
    require_grown(settings, checkins.pois)
    half = replace(checkins, frame=checkins.frame[: (len(checkins.frame) + 1) // 2])
    visits = sorted(visits_to_learn(half, len(half.frame)), key=lambda visit: visit.time)
    return network, lists_of(half, sample(visits, 2 * VISITS, seed), counting())


def synthetic_offline(progress: Progress = nothing) -> tuple[FusionNet, Lists]:
    """A fusion that has seen synthetic cities only, and the lists that it was trained on."""
    learned: list[Lists] = []
    kept: list[Lists] = []
    for seed in CITIES:
        city = training_city(seed)
        visits = sorted(visits_to_learn(city, len(city.frame)), key=lambda visit: visit.time)
        first, last = shared_out(city, visits, Portions(VISITS, 0.0, 0, 0.1, KEPT), seed)
        learned.append(lists_of(city, first, counting()))
        kept.append(lists_of(city, last, counting()))
    lists = joined(learned)
    looked_at = Learned(layout=layout(), about=ABOUT, rankers=COUNTED, width=WIDTH)
    network = fit(new_network(lists, looked_at, OFFLINE), lists, OFFLINE, progress)
    calibrate(network, joined(kept))
    return network, lists


def sample(visits: Sequence[Example], most: int, seed: int) -> list[Example]:
    """As many visits as wanted, drawn at random, in order."""
    chosen = np.random.default_rng(seed).permutation(len(visits))[:most]
    return [visits[i] for i in np.sort(chosen)]
