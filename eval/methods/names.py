"""The methods by their names on the command line."""

from collections.abc import Sequence
from pathlib import Path

from eval.methods.fusion import FusionSpec
from eval.methods.llm import LlmMethod, LlmSpec, Models
from eval.methods.method import Method
from eval.methods.rankers import RankerMethod
from eval.methods.sasrec import SasRec
from genrec.errors import GenRecError
from genrec.profiles.shelf import ProfileShelf
from genrec.rankers.crowd import CROWD, CrowdRanker
from genrec.rankers.fields import FIELDS
from genrec.rankers.simple import COUNTING, CountingRanker

NETWORKS = ("m2trec", "cml", "coder")  # of a folder of trained rankers
CARRIED = ("m2trec",)  # those that know no place by its number, and so rank in other cities, too
RANKERS = (*COUNTING, *CROWD, "fusion", "sasrec")  # what ranks without a language model and without --rankers
NAMES = (
    f"{', '.join(RANKERS)}; with --rankers {', '.join(NETWORKS)}; the fusion without a part: "
    f"fusion-without-FIELD ({', '.join(FIELDS)}, or a ranker that it weighs), fusion-mixture (no residual network), "
    "fusion-fixed-gate (its mean gate for everybody); the model: llm:none, llm:routines, llm:attributes, llm:full, and "
    "the controls llm:full-swapped (another user's profile) and llm:full-emptied, with -notable without the habit "
    "table; answering with names, llm:diary (profile and earlier visits), llm:diary-only, llm:profile-only and "
    "llm:neither, with the same controls; behind any llm: -adapted (with --adapter, or the one of 'embedded')"
)


def make_methods(
    names: Sequence[str], models: Models, shelf: ProfileShelf, *, seed: int = 0, rankers: Path | None = None
) -> list[Method]:
    """Methods in the order of their names; `rankers`: a folder of trained ones.

    Raises GenRecError for an unknown or repeated name, or a stray adapter or folder.
    """
    if len(set(names)) < len(names):
        raise GenRecError(f"--method names one twice: {', '.join(names)}")
    if joined := [name for name in names if "," in name]:
        apart = " ".join(f"--method {name.strip()}" for name in joined[0].split(","))
        raise GenRecError(f"--method takes one name: for {joined[0]!r} write {apart}")
    if rankers and not any(name in NETWORKS or FusionSpec.parse(name) for name in names):
        raise GenRecError(f"--rankers is for the methods fusion, {', '.join(NETWORKS)}, and none is named")
    methods = [_method(name, models, shelf, seed, rankers) for name in names]
    adapted = [spec for spec in map(LlmSpec.parse, names) if spec is not None and spec.adapted]
    for spec in adapted:
        if models.adapter("diary" if spec.shows else "genrec") is None:
            raise GenRecError(f"{spec.name} needs --adapter")
    if models.named and not adapted:
        raise GenRecError("--adapter is for methods whose names end in -adapted, and there are none")
    return methods


def _method(name: str, models: Models, shelf: ProfileShelf, seed: int, rankers: Path | None) -> Method:
    if name in COUNTING:
        return RankerMethod(CountingRanker(name))
    if name in CROWD:
        return RankerMethod(CrowdRanker(name))
    fusion = FusionSpec.parse(name)
    if fusion is not None:
        from eval.methods.fusion_parts import fusion_method  # deferred: loads torch

        return fusion_method(fusion, rankers)
    if name in NETWORKS:
        from eval.methods.trained import TrainedMethod  # deferred: loads torch

        return TrainedMethod(name, rankers)
    if name == "sasrec":
        return SasRec(seed=seed)
    spec = LlmSpec.parse(name)
    if spec is None:
        raise GenRecError(f"there is no method {name!r}; there are {NAMES}")
    return LlmMethod(name, spec, models, shelf)


def carried_methods(names: Sequence[str], folder: Path) -> list[Method]:
    """Those of the named networks, trained in another city, that rank the places of any."""
    from eval.methods.trained import TrainedMethod  # deferred: loads torch

    return [TrainedMethod(name, folder) for name in names if name in CARRIED]
