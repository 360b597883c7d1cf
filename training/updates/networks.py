"""Updates of the networks of places: they go on from their weights, with the visits that came since.

Who and what is new gets a place before the learning starts: M2TRec knows places by their metadata alone; in the metric
space a new place begins where its metadata put it, and a new person amid the places that they have been to.
"""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from genrec.checkins import Checkins
from genrec.columns import POI, USER
from genrec.prepared import catalogue_hash
from genrec.rankers.cml import Cml
from genrec.rankers.cml import Network as Space
from genrec.rankers.m2trec import M2TRec
from training.progress import Progress
from training.rankers import cml, m2trec
from training.rankers.material import trained_on
from training.recipe import UpdateRecipe
from training.updates.schedule import Rates

LEAST_STEPS = 50


def updated_m2trec(ranker: M2TRec, seen: Checkins, recipe: UpdateRecipe, rates: Rates, progress: Progress) -> M2TRec:
    """The ranker after it has learned what came, of all check-ins that may be seen."""
    first = ranker.trained.trained_on.rows
    length = ranker.trained.length
    new = m2trec.lessons_of(seen, length, first)
    count = sum(len(lesson.targets) for lesson in new)
    old: Sequence[m2trec.Lessons] = ()
    if recipe.replay:
        before = replace(seen, frame=seen.frame[:first])
        draw = np.random.default_rng(recipe.seed)
        old = m2trec.sample_of(m2trec.lessons_of(before, length, first // 10), round(recipe.replay * count), draw)
    network = deepcopy(ranker.network)
    settings = ranker.trained.model_copy(update={"trained_on": trained_on(seen, recipe.seed)})
    torch.manual_seed(recipe.seed)
    after = M2TRec(settings, network)
    course = m2trec.Course(recipe.epochs or m2trec.EPOCHS, recipe.seed, rates.rate.highest, rates.schedule)
    m2trec.learn(after, seen, [*new, *old], course, progress)
    return after


def updated_cml(ranker: Cml, seen: Checkins, recipe: UpdateRecipe, rates: Rates, progress: Progress) -> Cml:
    """As `updated_m2trec`; the weights of its rankings stay."""
    first = ranker.trained.trained_on.rows
    space = _grown(ranker, seen, recipe.seed)
    pairs = cml.pairs_of(seen, space.trained.users)
    latest = cml.pairs_of(replace(seen, frame=seen.frame[first:]), space.trained.users)
    came = np.isin(pairs.codes, latest.codes)
    new, before = np.flatnonzero(came), np.flatnonzero(~came)
    draw = np.random.default_rng(recipe.seed)
    old = draw.permutation(before)[: round(recipe.replay * len(new))]
    share = (len(new) + len(old)) / len(pairs.codes)
    times = recipe.epochs or 1
    steps = max(math.ceil(cml.STEPS * share) * times, LEAST_STEPS)
    torch.manual_seed(recipe.seed)
    course = cml.Course(steps, recipe.seed, rates.rate.highest, rates.schedule)
    cml.learn(space, seen, pairs, torch.from_numpy(np.concatenate([new, old])), course, progress=progress)
    return space


@torch.no_grad()
def _grown(ranker: Cml, seen: Checkins, seed: int) -> Cml:
    """The space with room for the people and places that came, who stand where they belong."""
    known = ranker.trained
    frame = seen.frame
    came = sorted(set(frame[USER]) - set(known.users))
    update = {
        "catalogue": catalogue_hash(seen.pois),
        "trained_on": trained_on(seen, seed),
        "users": (*known.users, *came),
        "places": len(seen.pois),
    }
    settings = known.model_copy(update=update)
    network = Space(settings)
    positions = ranker.network.positions(ranker.place_inputs(seen.pois))
    own = dict(frame.group_by(USER).agg(POI).iter_rows())
    people = [ranker.user(user, own[user], positions) for user in came]
    tables = {"users.weight": torch.stack([*ranker.network.users.weight, *people]), "places.weight": positions}
    visited = torch.zeros(len(seen.pois), dtype=torch.bool)
    visited[torch.from_numpy(frame[POI].unique().to_numpy().astype(int))] = True
    network.load_state_dict({**ranker.network.state_dict(), **tables, "visited": visited})
    return Cml(settings, network)
