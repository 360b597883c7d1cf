"""Learning from a log of feedback, in rounds; a new version is put in use only if its estimate is not worse.

    RANKERS/                   the fusion, with versions as `genrec.versions` keeps them
    RANKERS/online/learner.pt  how far the learner is: one file, replaced at the end of each round

A round judges what was learned before it on feedback that is new to both versions, then learns from that, too. Killed
at any moment, the next call repeats the round that was not finished. Where another version was put in use meanwhile, by
an update or by taking one back, the learner begins anew from that, with all feedback: what it had is not put over it.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genrec.checkins import Checkins
from genrec.errors import GenRecError, InputError
from genrec.files import atomic_path
from genrec.rankers.features import layout
from genrec.rankers.fusion import counting
from genrec.rankers.fusion_file import FusionSettings, read_fusion, write_fusion
from genrec.rankers.fusion_net import FusionNet
from genrec.rankers.networks import networks_in
from genrec.rankers.ranker import Voice
from genrec.rankers.trained import require_grown
from genrec.versions import FIRST, current_version, discard_next, settled
from training.online.adoption import adopt, advantage, not_worse
from training.online.buffer import Buffer
from training.online.estimates import Estimate, mean_of
from training.online.feedback import Feedback, hash_of, learnable, require_goes_on
from training.online.learner import Learner
from training.progress import Progress, nothing
from training.rankers.fusion import Batches
from training.recipe import OnlineRecipe

STATE = Path("online", "learner.pt")
ANEW = "Remove it: the learner then begins anew, from the version in use."


@dataclass(frozen=True)
class Round:
    """What came of a round: the feedback known by its end, the new version's estimate, and its number if adopted."""

    feedback: int
    advantage: Estimate | None
    version: int | None


@dataclass(frozen=True)
class Serving:
    """The version in use."""

    settings: FusionSettings
    network: FusionNet
    voices: dict[str, Voice]


def serving(rankers: Path, checkins: Checkins) -> Serving:
    """The fusion in use, with what it listens to; raises InputError if it is for another catalogue."""
    folder = settled(rankers)
    settings, network = read_fusion(folder, layout())
    require_grown(settings, checkins.pois)
    heard = settings.learned.rankers
    return Serving(settings, network, {**counting(heard), **networks_in(folder, heard)})


def learn(
    rankers: Path, feedback: Sequence[Feedback], checkins: Checkins, recipe: OnlineRecipe, bar: Progress = nothing
) -> list[Round]:
    """Go on learning from a log of which a part may have been learned before; returns the rounds that were taken.

    Feedback that does not fill a round waits for more. Raises GenRecError if the part learned before has changed.
    """
    discard_next(rankers)
    used = serving(rankers, checkins)
    state = _state(rankers, feedback, recipe)
    done, ends = int(state["feedback"]), _ends(int(state["feedback"]), len(feedback), recipe)
    if not ends:
        return []
    known = list(feedback[: ends[-1]])
    lists, log = learnable(known, checkins, used.voices, bar)
    data, people = Batches(lists), np.unique([line.user_id for line in known], return_inverse=True)[1]
    learner = Learner(used.network, recipe, recipe.seed)
    if state["learner"] is not None:
        learner.restore(state["learner"])
        if state["version"] != current_version(rankers) and not _same(learner.network, used.network):
            learner, state["learner"] = Learner(used.network, recipe, recipe.seed), None
    rounds = []
    for end in ends:
        round_ = Round(end, None, None)
        if state["learner"] is not None and not _same(learner.network, used.network):
            gained = advantage(learner.network, used.network, data, log[done:end], recipe)
            round_ = Round(end, mean_of(gained, people[done:end]), None)
            if not_worse(gained):
                round_ = Round(end, round_.advantage, _adopt(rankers, used, learner.network, round_, known[:end]))
                used = serving(rankers, checkins)
        if end >= recipe.warm_up:
            _study(learner, data, log[:end], recipe.updates * (end - done), new=state["learner"] is None)
            state["learner"] = learner.state()
        state |= {"feedback": end, "sha256": hash_of(known[:end]), "version": current_version(rankers)}
        _save(rankers, state)
        rounds.append(round_)
        done = end
    return rounds


def _study(learner: Learner, data: Batches, log: Buffer, times: int, *, new: bool) -> None:
    if new:
        learner.recalibrate(data, log)
    learner.update(data, log, times)


def _ends(done: int, there: int, recipe: OnlineRecipe) -> list[int]:
    """Where rounds end: the warm-up is the first one."""
    first = [recipe.warm_up] if done < recipe.warm_up else []
    after = max(done, recipe.warm_up)
    ends = first + [after + recipe.adopt_every * n for n in range(1, (there - after) // recipe.adopt_every + 1)]
    return [end for end in ends if end <= there]


def _adopt(rankers: Path, used: Serving, network: FusionNet, round_: Round, known: list[Feedback]) -> int:
    """Put what was learned in use."""
    seen = used.settings.trained_on
    last = max(seen.last, *(line.time for line in known))
    settings = used.settings.model_copy(update={"trained_on": seen.model_copy(update={"last": last})})
    found = round_.advantage._asdict() if round_.advantage else None
    about = {"feedback": round_.feedback, "sha256": hash_of(known), "advantage": found}
    return adopt(rankers, lambda folder: write_fusion(folder, settings, network), about)


def _same(one: FusionNet, other: FusionNet) -> bool:
    """Whether it is in use already, as after a kill."""
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in one.state_dict().items())


def _state(rankers: Path, feedback: Sequence[Feedback], recipe: OnlineRecipe) -> dict[str, Any]:
    """What the last call left; raises GenRecError if it does not go with this log or recipe."""
    path = rankers / STATE
    settings = recipe.model_dump(mode="json")
    if not path.exists():
        return {"feedback": 0, "sha256": hash_of([]), "version": FIRST, "recipe": settings, "learner": None}
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        done, _ = int(state["feedback"]), int(state["version"])
    except (OSError, RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError):
        raise InputError("is damaged.", file=path, fix=ANEW) from None
    if state["recipe"] != settings:
        raise GenRecError(f"{path} was made with another recipe. {ANEW}")
    require_goes_on(feedback, done, state["sha256"], path)
    return state


def _save(rankers: Path, state: dict[str, Any]) -> None:
    with atomic_path(rankers / STATE, private=True) as temporary:
        torch.save(state, temporary)
