"""What rankers are trained on: the train part of a city."""

from dataclasses import dataclass, replace

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.rankers.trained import TrainedOn
from training.recipe import RankersRecipe

LEAST_VISITS = 200  # check-ins to train on


@dataclass(frozen=True)
class Material:
    """What a stage learns from: the check-ins of the train part with the whole catalogue, and what that is."""

    checkins: Checkins
    trained_on: TrainedOn


def material(recipe: RankersRecipe, checkins: Checkins) -> Material:
    """The train part. Raises GenRecError if it is too small to learn anything from."""
    count = len(checkins.frame)
    rows = count * 8 // 10 if recipe.train == "llm4poi" else (count + 1) // 2
    if rows < LEAST_VISITS:
        raise GenRecError(
            f"{rows} check-ins to train on are too few to learn from (at least {LEAST_VISITS}): use the fusion "
            "that comes with GenRec (`genrec-eval run --method fusion`)"
        )
    part = replace(checkins, frame=checkins.frame[:rows])
    seen = TrainedOn(fingerprint=fingerprint(part), rows=rows, last=local_span(part.frame)[1], seed=recipe.seed)
    return Material(part, seen)
