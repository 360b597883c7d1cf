"""Training all rankers of a city, one stage after the other, into one folder.

OUT/NAME.safetensors, OUT/NAME.json    each trained ranker
A stage whose files are there already, made with the same settings, is not trained again.
"""

from collections.abc import Callable
from pathlib import Path

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import require_only
from genrec.rankers.cml import Cml
from genrec.rankers.coder import Coder
from genrec.rankers.m2trec import M2TRec
from genrec.rankers.ranker import Ranker
from training.rankers.cml import train_cml
from training.rankers.coder import train_coder
from training.rankers.fusion_stage import train_fusion
from training.rankers.lists import Progress
from training.rankers.m2trec import train_m2trec
from training.rankers.material import Material, material
from training.recipe import RankersRecipe

Stage = Callable[[RankersRecipe, Material, Path, Progress], Ranker]
Network = M2TRec | Cml | Coder


def _network(train: Callable[..., Network], load: Callable[[Path], Network], name: str) -> Stage:
    """The stage of a network that learns by itself from the whole train part."""

    def stage(recipe: RankersRecipe, material: Material, out: Path, progress: Progress) -> Ranker:
        if (out / f"{name}.json").exists():
            ranker = load(out)
            if ranker.trained.trained_on != material.trained_on:
                raise GenRecError(f"{out} holds a {name} that was trained on something else; name another --out")
            return ranker
        ranker = train(material.checkins, material.trained_on.rows, seed=recipe.seed, progress=progress)
        ranker.save(out)
        return ranker

    return stage


STAGES: dict[str, Stage] = {
    "fusion": train_fusion,
    "m2trec": _network(train_m2trec, M2TRec.load, "m2trec"),
    "cml": _network(train_cml, Cml.load, "cml"),
    "coder": _network(train_coder, Coder.load, "coder"),
}


def train_rankers(
    recipe: RankersRecipe, checkins: Checkins, out: Path, progress: Callable[[str], Progress]
) -> dict[str, Ranker]:
    """Train all stages into a folder; run again after a kill, it goes on with the first that is missing."""
    part = material(recipe, checkins)
    require_only(out, {f"{name}.{ending}" for name in STAGES for ending in ("json", "safetensors")})
    out.mkdir(parents=True, exist_ok=True)
    trained: dict[str, Ranker] = {}
    for name, stage in STAGES.items():
        trained[name] = stage(recipe, part, out, progress(f"{name}, steps"))
    return trained
