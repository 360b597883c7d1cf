"""The stage that trains the fusion: it starts from the one that comes with GenRec, and goes on with a city's visits."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np

from genrec.errors import GenRecError
from genrec.prepared import catalogue_hash
from genrec.rankers.features import ABOUT, layout
from genrec.rankers.fusion import COUNTED, Fusion
from genrec.rankers.fusion_file import SHIPPED, FusionSettings, Learned, read_fusion, write_fusion
from genrec.rankers.ranker import Ranker
from genrec.rankers.simple import CountingRanker
from genrec.trajectories import Example
from training.rankers.fusion import Settings, answers, calibrate, fit
from training.rankers.lists import Lists, Progress, aged, lists_of, visits_to_learn
from training.rankers.material import Material
from training.recipe import RankersRecipe

LEAST_LISTS = 100
KEPT_ASIDE = 0.1  # the last visits: the calibration is fitted on them
AGED = 0.4  # of the visits are learned once more, with older evidence


def train_fusion(recipe: RankersRecipe, material: Material, out: Path, progress: Progress) -> Ranker:
    """Train, or read what is there already; raises GenRecError if that was made of something else.

    It weighs counting rankers only: networks that have seen its visits would look better than they are.
    """
    settings = FusionSettings(
        catalogue=catalogue_hash(material.checkins.pois),
        trained_on=material.trained_on,
        learned=Learned(
            layout=layout(),
            about=ABOUT,
            rankers=COUNTED,
            width=read_fusion(SHIPPED, layout())[0].learned.width,
        ),
    )
    if (out / "fusion.json").exists():
        if read_fusion(out, layout())[0] != settings:
            raise GenRecError(f"{out} holds a fusion that was trained on something else; name another --out")
        return Fusion(out)
    learned, kept = _parts(recipe, material)
    _, network = read_fusion(SHIPPED, layout())
    before = deepcopy(network)
    fit(
        network,
        learned,
        Settings(recipe.epochs, recipe.rate, recipe.decay, recipe.contrast, recipe.seed),
        progress,
    )
    for candidate in (network, before):
        calibrate(candidate, kept)
    better = answers(network, kept)[1].mean() > answers(before, kept)[1].mean()
    write_fusion(out, settings, network if better else before)
    return Fusion(out)


def _parts(recipe: RankersRecipe, material: Material) -> tuple[Lists, Lists]:
    """What is learned, and the visits kept aside."""
    checkins = material.checkins
    visits = sorted(visits_to_learn(checkins, len(checkins.frame)), key=lambda visit: visit.time)
    if len(visits) < LEAST_LISTS:
        raise GenRecError(
            f"{len(visits)} visits of people with a history are too few to learn from (at least {LEAST_LISTS}): go on "
            "with the rankers that come with GenRec"
        )
    cut = int(len(visits) * (1 - KEPT_ASIDE))
    learned = sample(visits[:cut], recipe.visits, recipe.seed)
    learned += aged(learned, checkins, AGED, recipe.seed)
    known: dict[str, Ranker] = {name: CountingRanker(name) for name in COUNTED}
    kept = sample(visits[cut:], recipe.visits // 5, recipe.seed)
    return lists_of(checkins, learned, known), lists_of(checkins, kept, known)


def sample(visits: Sequence[Example], most: int, seed: int) -> list[Example]:
    """As many visits as may be learned, drawn at random, in order."""
    chosen = np.random.default_rng(seed).permutation(len(visits))[:most]
    return [visits[i] for i in np.sort(chosen)]
