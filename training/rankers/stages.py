"""Training all rankers of a city, one stage after the other, into one folder: the networks, then the fusion.

OUT/NAME.safetensors, OUT/NAME.json    each trained ranker
OUT/recipe.yaml                        the recipe, with all defaults and overrides
A stage that is finished is not trained again; one that was killed begins anew.
"""

from collections.abc import Callable
from pathlib import Path

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import require_only, write_text
from genrec.prepared import catalogue_hash
from genrec.rankers.features import layout
from genrec.rankers.fusion_file import NAME, SHIPPED, read_fusion, write_fusion
from genrec.rankers.networks import NETWORKS, Network
from genrec.rankers.trained import is_written
from training.progress import Progress
from training.rankers.cml import train_cml
from training.rankers.coder import train_coder
from training.rankers.fusion_stage import train_fusion
from training.rankers.m2trec import train_m2trec
from training.rankers.material import LEAST_ROWS, Material, TooFewError, material
from training.recipe import RankersRecipe, dump_recipe, load_recipe
from training.record import RECIPE, writing

Note = Callable[[str], None]
Bars = Callable[[str], Progress]
TRAINERS: dict[str, Callable[..., Network]] = {"m2trec": train_m2trec, "cml": train_cml, "coder": train_coder}


def train_rankers(recipe: RankersRecipe, checkins: Checkins, out: Path, bars: Bars, note: Note) -> list[str]:
    """Train all stages into a folder; run again after a kill, it goes on with the first that is missing.

    Returns the names of the rankers that the folder has. Where there is too little to learn from, it gets the fusion
    that comes with GenRec. Raises GenRecError if it holds something else, or was made with another recipe.
    """
    names = (*NETWORKS, NAME)
    require_only(out, {RECIPE, *(f"{name}.{ending}" for name in names for ending in ("json", "safetensors"))})
    with writing(out):
        _same_recipe(recipe, out)
        try:
            part = material(recipe, checkins)
        except TooFewError as few:
            note(f"{few}: the fusion that comes with GenRec takes the place of one of your own")
            return _shipped(out)
        finished = _finished(part, out)
        networks = _networks(recipe, part, out, bars, note)
        if finished:
            note(f"{NAME}: finished before, skipped")
        else:
            heard: dict[str, Network] = {name: network for name, network in networks.items() if name in recipe.weighed}
            progress = bars(f"{NAME}, visits"), bars(f"{NAME}, steps")
            write_fusion(out, *train_fusion(recipe, part, heard, progress))
    return [*networks, NAME]


def _finished(part: Material, out: Path) -> bool:
    """Whether a folder has the fusion; raises GenRecError if it is one that was made of something else."""
    if not is_written(out, NAME):
        return False
    found, _ = read_fusion(out, layout())
    if (found.catalogue, found.trained_on) != (catalogue_hash(part.checkins.pois), part.trained_on):
        raise GenRecError(f"{out} holds a {NAME} that was trained on something else; name another --out")
    return True


def _shipped(out: Path) -> list[str]:
    """Put the fusion that comes with GenRec into a folder."""
    settings, network = read_fusion(SHIPPED, layout())
    if not is_written(out, NAME):
        write_fusion(out, settings, network)
    elif read_fusion(out, layout())[0] != settings:
        raise GenRecError(f"{out} holds a {NAME} that was trained on something else; name another --out")
    return [NAME]


def _networks(recipe: RankersRecipe, part: Material, out: Path, bars: Bars, note: Note) -> dict[str, Network]:
    """The networks, trained or read; without those that there is too little for."""
    networks: dict[str, Network] = {}
    for name in recipe.networks:
        train = TRAINERS[name]
        seen = part.early if name in recipe.weighed else part.trained_on
        if seen.rows < LEAST_ROWS:
            note(f"{name}: skipped, {seen.rows} check-ins are too few to learn from (at least {LEAST_ROWS})")
        elif is_written(out, name):
            networks[name] = NETWORKS[name].load(out)
            if networks[name].trained.trained_on != seen:
                raise GenRecError(f"{out} holds a {name} that was trained on something else; name another --out")
            note(f"{name}: finished before, skipped")
        else:
            progress = bars(f"{name}, steps")
            networks[name] = train(part.checkins, seen.rows, seed=recipe.seed, progress=progress)
            networks[name].save(out)
    return networks


def _same_recipe(recipe: RankersRecipe, out: Path) -> None:
    """Write the recipe into a folder; raises GenRecError if it was made with another one."""
    path = out / RECIPE
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_text(path, dump_recipe(recipe))
        return
    before, now = (said.model_dump(mode="json", exclude={"checkins"}) for said in (load_recipe(path), recipe))
    if before != now:
        changed = [f"{key} {before.get(key)}, not {value}" for key, value in now.items() if before.get(key) != value]
        raise GenRecError(f"{out} was made with {'; '.join(changed)} (see its {RECIPE}); name another --out")
