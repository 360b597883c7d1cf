"""A log of feedback, JSON Lines: who was named which places, when and with which chances, and what came of it.

    {"user_id": "ann", "time": "2024-03-05T08:00:00", "shown": [{"poi_id": "7", "propensity": 1.0},
     {"poi_id": "31", "propensity": 0.04}], "visited": "7"}

`visited` is one of the places shown, or null: none of them was visited. `disliked` may name some of the others.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import POI_ID, USER
from genrec.errors import GenRecError, InputError
from genrec.rankers.ranker import Voice
from genrec.recommender import trajectory_of
from genrec.store.records import Clock
from genrec.trajectories import Example
from genrec.validation import read_lines
from training.online.buffer import Buffer
from training.progress import Progress, nothing
from training.rankers.lists import Lists, lists_of

MOST_SHOWN = 100
FIX = "Correct or remove the line; nothing was learned from the file."
FIX_PLACE = "Name check-ins that have all places, or correct or remove the line; nothing was learned from the file."
NOWHERE = -2  # a target that is no place, and no padding either


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Shown(_Strict):
    """A place that was named, and the chance that it had to be."""

    poi_id: Annotated[str, Field(min_length=1)]
    propensity: float = Field(gt=0, le=1)


class Feedback(_Strict):
    """What came of one answer."""

    user_id: Annotated[str, Field(min_length=1)]
    time: Clock  # local, of the question
    shown: tuple[Shown, ...] = Field(min_length=1, max_length=MOST_SHOWN)
    visited: str | None
    disliked: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _of_places_shown(self) -> Self:
        shown = [one.poi_id for one in self.shown]
        if len(set(shown)) < len(shown):
            raise ValueError("shown: names a place twice")
        if self.visited is not None and self.visited not in shown:
            raise ValueError(f"visited: {self.visited!r} is not one of the places shown")
        if strange := set(self.disliked) - (set(shown) - {self.visited}):
            raise ValueError(f"disliked: {min(strange)!r} is not one of the places shown, or was visited")
        return self


def read_feedback(path: Path, checkins: Checkins, now: datetime) -> list[Feedback]:
    """A log, checked as a whole; raises InputError that names the first faulty row.

    What is later than `now` and than the check-ins is in the future.
    """
    latest = max(now, local_span(checkins.frame)[1])
    places = set(checkins.pois[POI_ID].to_list())
    feedback = []
    for row, line in read_lines(path, Feedback, "a line of feedback", fix=FIX):
        if unknown := [one.poi_id for one in line.shown if one.poi_id not in places]:
            problem = f"shown: there is no place {unknown[0]!r} in {checkins.source}."
            raise InputError(problem, file=path, row=row, fix=FIX_PLACE)
        if line.time > latest:
            raise InputError(f"time: {line.time} is in the future.", file=path, row=row, fix=FIX)
        feedback.append(line)
    if not feedback:
        raise InputError("holds no feedback.", file=path)
    return feedback


def hash_of(feedback: Sequence[Feedback]) -> str:
    """SHA-256 of what a log says, in hexadecimal digits."""
    return hashlib.sha256("\n".join(line.model_dump_json() for line in feedback).encode()).hexdigest()


def require_goes_on(feedback: Sequence[Feedback], done: int, sha256: str, path: Path) -> None:
    """Raise GenRecError unless a log begins with what was learned before, of which a file says the hash."""
    if len(feedback) < done or hash_of(feedback[:done]) != sha256:
        raise GenRecError(
            f"the first {done:,} lines of the feedback are not those that {path} knows: append to a log, and change "
            f"nothing in it. Or begin anew: remove that file"
        )


def questions_of(feedback: Sequence[Feedback], checkins: Checkins) -> list[Example]:
    """What was asked each time; evidence is that of the day's beginning, and the trajectory until the question."""
    index = {place: i for i, place in enumerate(checkins.pois[POI_ID])}
    asked = {line.user_id for line in feedback}
    frames = checkins.frame.filter(checkins.frame[USER].is_in(list(asked))).partition_by(USER, as_dict=True)
    empty = checkins.frame.clear()
    return [
        Example(
            line.user_id,
            datetime.combine(line.time, time()),
            trajectory_of(frames.get((line.user_id,), empty), line.time),
            NOWHERE if line.visited is None else index[line.visited],
            line.time,
        )
        for line in feedback
    ]


def learnable(
    feedback: Sequence[Feedback], checkins: Checkins, voices: Mapping[str, Voice], progress: Progress = nothing
) -> tuple[Lists, Buffer]:
    """The lists of candidates of each question, and what came of it, in the order of the log."""
    index = {place: i for i, place in enumerate(checkins.pois[POI_ID])}
    lists = lists_of(checkins, questions_of(feedback, checkins), voices, progress)
    most = max(len(line.shown) for line in feedback)
    shown, propensity = np.full((len(feedback), most), -1), np.ones((len(feedback), most))
    reward = np.zeros((len(feedback), most))
    row = np.argsort(lists.example)
    for number, line in enumerate(feedback):
        place = {
            int(poi): i for i, poi in enumerate(lists.poi[lists.start[row[number]] : lists.start[row[number] + 1]])
        }
        for position, one in enumerate(line.shown):
            if (at := place.get(index[one.poi_id])) is not None:
                shown[number, position], propensity[number, position] = at, one.propensity
                reward[number, position] = one.poi_id == line.visited
    return lists, Buffer(row, shown, propensity, reward)
