"""What rankers learn from: the train part of a city, and how it is shared out among them.

The fusion learns from all visits of the train part. A network that it weighs learns from the first two thirds only, and
what it says of a visit counts only where the evidence is later than all that it has seen (`training.rankers.lists`). So
no visit is seen by a network and, with what that says of it, by the fusion as well. The other networks learn from the
whole train part. The last tenth of the visits is kept aside: the fusion is calibrated on them.
"""

from dataclasses import dataclass, replace

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.rankers.trained import TrainedOn
from genrec.trajectories import Example
from training.rankers.lists import visits_to_learn
from training.recipe import RankersRecipe
from training.train_part import train_rows

LEAST_ROWS = 200  # check-ins to train on
LEAST_VISITS = 100  # that the fusion learns from


class TooFewError(GenRecError):
    """There is too little to learn from."""


@dataclass(frozen=True)
class Material:
    """What stages learn from.

    Attributes:
        checkins: those of the train part, with the whole catalogue.
        trained_on: what these are.
        early: what the first two thirds are, from which networks learn that the fusion weighs.
        visits: those that the fusion learns from, by time.

    """

    checkins: Checkins
    trained_on: TrainedOn
    early: TrainedOn
    visits: tuple[Example, ...]


def material(recipe: RankersRecipe, checkins: Checkins) -> Material:
    """The train part. Raises TooFewError if it is too small to learn anything from."""
    rows = train_rows(recipe.train, len(checkins.frame))
    if rows < LEAST_ROWS:
        raise TooFewError(f"{rows} check-ins are too few to learn from (at least {LEAST_ROWS})")
    part = replace(checkins, frame=checkins.frame[:rows])
    visits = sorted(visits_to_learn(part, rows), key=lambda visit: visit.time)
    if len(visits) < LEAST_VISITS:
        raise TooFewError(
            f"{len(visits)} visits of people with a history are too few to learn from (at least {LEAST_VISITS})"
        )
    early = replace(checkins, frame=checkins.frame[: rows * 2 // 3])
    return Material(part, trained_on(part, recipe.seed), trained_on(early, recipe.seed), tuple(visits))


def trained_on(checkins: Checkins, seed: int) -> TrainedOn:
    """What a ranker says that it was trained on."""
    return TrainedOn(
        fingerprint=fingerprint(checkins), rows=len(checkins.frame), last=local_span(checkins.frame)[1], seed=seed
    )
