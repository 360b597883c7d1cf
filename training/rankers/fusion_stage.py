"""The stage that trains the fusion: it starts from the one that comes with GenRec, and goes on with a city's visits."""

from collections.abc import Mapping
from copy import deepcopy

from genrec.prepared import catalogue_hash
from genrec.rankers.features import ABOUT, layout
from genrec.rankers.fusion import COUNTED, counting
from genrec.rankers.fusion_file import SHIPPED, FusionSettings, Learned, read_fusion
from genrec.rankers.fusion_net import FusionNet
from genrec.rankers.networks import Network
from genrec.rankers.ranker import Voice
from training.progress import Progress
from training.rankers.fusion import Settings, answers, calibrate, fit
from training.rankers.lists import Lists, Portions, lists_of, shared_out, without
from training.rankers.material import Material
from training.rankers.newcomers import introduce
from training.recipe import RankersRecipe

KEPT_ASIDE = 0.1  # the last visits: the calibration is fitted on them
AGED = 0.4  # of the visits are learned once more, with older evidence
LEAST_KEPT = 20


def train_fusion(
    recipe: RankersRecipe, part: Material, networks: Mapping[str, Network], progress: tuple[Progress, Progress]
) -> tuple[FusionSettings, FusionNet]:
    """Train it to weigh counting rankers and these networks; `progress`: of lists, and of steps."""
    portions = Portions(recipe.visits, AGED, recipe.visits, KEPT_ASIDE, max(recipe.visits // 5, LEAST_KEPT))
    learned, kept = shared_out(part.checkins, part.visits, portions, recipe.seed)
    voices: dict[str, Voice] = {**counting(), **networks}
    lists = lists_of(part.checkins, learned, voices, progress[0])
    heard, network = _better(recipe, lists, lists_of(part.checkins, kept, voices), tuple(networks), progress[1])
    width = network.shape.width
    settings = FusionSettings(
        catalogue=catalogue_hash(part.checkins.pois),
        trained_on=part.trained_on,
        learned=Learned(layout=layout(), about=ABOUT, rankers=(*COUNTED, *heard), width=width),
    )
    return settings, network


def _better(
    recipe: RankersRecipe, learned: Lists, kept: Lists, networks: tuple[str, ...], progress: Progress
) -> tuple[tuple[str, ...], FusionNet]:
    """The fusion that comes with GenRec after it has learned, or as it was if that ranks what was kept aside better.

    With it the networks that it has learned to weigh.
    """
    _, network = read_fusion(SHIPPED, layout())
    before, unheard = deepcopy(network), without(kept, networks)
    introduce(network, networks, learned)
    fit(network, learned, Settings(recipe.epochs, recipe.rate, recipe.decay, recipe.contrast, recipe.seed), progress)
    calibrate(network, kept)
    calibrate(before, unheard)
    if answers(network, kept)[1].mean() > answers(before, unheard)[1].mean():
        return networks, network
    return (), before
