"""Visits played back as a log of feedback, as a service would have gathered it with the version in use."""

from collections.abc import Sequence

import numpy as np

from genrec.checkins import Checkins
from genrec.columns import POI_ID
from genrec.trajectories import Example
from training.online.feedback import Feedback, Shown
from training.online.policy import named, plan, says
from training.online.rounds import Serving
from training.progress import Progress, nothing
from training.rankers.fusion import Batches
from training.rankers.lists import lists_of
from training.recipe import OnlineRecipe


def play_back(
    visits: Sequence[Example], checkins: Checkins, used: Serving, recipe: OnlineRecipe, bar: Progress = nothing
) -> list[Feedback]:
    """Name places for each visit: who is named the place that they went to visits it, who is not dislikes the first."""
    lists = lists_of(checkins, visits, used.voices, bar)
    rows, ids = np.argsort(lists.example), checkins.pois[POI_ID].to_list()
    made = plan(says(used.network, Batches(lists), rows), recipe.shown, recipe.even)
    log = []
    for number, line in enumerate(named(made, np.random.default_rng(recipe.seed))):
        visit, there = visits[number], line[line >= 0]
        places = [ids[poi] for poi in lists.poi[lists.start[rows[number]] + there]]
        chances = np.minimum(made.propensity[number, there], 1.0)
        visited = ids[visit.target] if ids[visit.target] in places else None
        log.append(
            Feedback(
                user_id=visit.user_id,
                time=visit.time,
                shown=tuple(Shown(poi_id=id_, propensity=chance) for id_, chance in zip(places, chances, strict=True)),
                visited=visited,
                disliked=() if visited else (places[0],),
            )
        )
    return log
