"""What may be asked of the rankers, and their answers."""

import re
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from genrec.profiles.profile import Level
from genrec.profiles.statements import Said
from genrec.ranking import By, Place
from genrec.service.models import Body, Latitude, Longitude, Whole
from genrec.steering import STRONGEST
from genrec.store.records import Clock, Id, Text, Utc

MOST_K = 100
MOST_WORDS = 20  # texts
LONGEST_WORDS = 2000  # characters of one


SAID = r"[^\s\x00-\x20]"  # a letter or a sign at least


def _words(text: str) -> str:
    if not re.search(SAID, text):
        raise ValueError("is empty")
    return text


Words = Annotated[
    Text,
    Field(max_length=LONGEST_WORDS, json_schema_extra={"pattern": rf"^[^\x00]*{SAID}[^\x00]*$"}),
    AfterValidator(_words),
]


class Position(Body):
    """Where somebody is."""

    latitude: Latitude
    longitude: Longitude


class Visit(Body):
    """A visit of a session."""

    poi_id: Id
    time: Clock


class Ask(Body):
    """Who is to be ranked for: a person of the store, or somebody of whom only words or visits are told."""

    person: Id | None = None
    says: list[Words] = Field(
        default=[], max_length=MOST_WORDS, description="What they say of themselves; counts with the fusion."
    )
    visits: list[Visit] = Field(default=[], max_length=200, description="Their visits so far, if they are not stored.")
    time: Clock | None = Field(default=None, description="Local time of the next visit; left out, it is unknown.")
    as_of: Clock | None = Field(
        default=None,
        description="Answer as of this local time, from what was before; left out: from all.",
    )
    by: By = "fusion"
    level: Level = Field(default="full", description="By llm: how much of the profile the model sees.")
    steer: float | None = Field(
        default=None, ge=0, le=STRONGEST, description="How much words count; left out, as the person has set it."
    )
    exclude: list[Id] = Field(default=[], max_length=1000, description="Places not to be named.")
    near: Position | None = Field(default=None, description="Where they are; counts where no profile may.")

    @property
    def contradiction(self) -> str | None:
        """What in it does not go together, if something does not."""
        idle = {"says": self.says and self.by == "habits", "steer": self.steer is not None and self.by != "fusion"}
        idle["level"] = self.level != "full" and self.by != "llm"
        for name, given in idle.items():
            if given:
                return f"{name} has no effect by {self.by}: leave it out"
        if self.as_of is not None and self.time is not None and self.as_of > self.time:
            return "as_of is later than time: what comes after a visit cannot be known before it"
        times = [*(visit.time for visit in self.visits), *([self.time] if self.time else [])]
        if any(later < earlier for earlier, later in pairwise(times)):
            return "visits are not in the order of time, or later than `time`"
        if self.person is not None and self.visits:
            return "visits of a stored person are in the store: append them there, or leave out `person`"
        return None


class RecommendAsk(Ask):
    """Rank places."""

    k: Whole = Field(default=10, ge=1, le=MOST_K)


class ExplainAsk(Ask):
    """Why one place is as probable as it is; not by llm."""

    poi_id: Id
    by: Literal["fusion", "habits"] = "fusion"


class Evidence(BaseModel):
    """What an answer rests on.

    `as_of`: what was before this local time; `counted_at`: when everybody's visits were counted, in UTC; `waiting`:
    whether more have come since, which are counted soon.
    """

    as_of: datetime
    counted_at: Utc
    waiting: bool


class Answer(BaseModel):
    """A ranking. Feedback may refer to its id.

    `method`: fusion, habits, llm, or popularity, where no profile may be used; "+words" if words moved it.
    `cold_start`: what was lacking, if little is known of the person. `used`: what it was made from.
    """

    id: str
    person: str | None
    time: datetime | None
    method: str
    cold_start: str | None
    used: dict[str, JsonValue]
    evidence: Evidence
    places: list[Place]
    by_habits: list[Place]
    gate: dict[str, float] | None = Field(description="By the fusion: the weight of each field in this situation.")
    not_looked_at: float | None = Field(
        description="The fusion looks closely at some hundred places only. This is the probability that the next visit "
        "is to any of the others; they share it by how many people go there and how near they are. Null by others."
    )
    said: list[Said]
    seconds: float


class OpenedPlace(Body):
    """A place that has just opened."""

    poi_id: Id
    latitude: Latitude
    longitude: Longitude
    category: Text = "unknown"
    name: Text | None = None


class AudienceAsk(Body):
    """New places, to which people may come."""

    places: list[OpenedPlace] = Field(min_length=1, max_length=20)
    top: Whole = Field(default=10, ge=1, le=1000)


class Guest(BaseModel):
    """Somebody who may come; `probability`: within the days that the answer names."""

    poi_id: str
    rank: int
    person: str
    probability: float


class Audience(BaseModel):
    """Who may come, among people who have agreed to a profile."""

    days: int
    people: list[Guest]
