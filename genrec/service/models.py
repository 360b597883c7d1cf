"""What is sent, and what comes back."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from genrec.bounds import MOST, Positive
from genrec.profiles.changes import Change as Difference
from genrec.profiles.editing import Sheet
from genrec.profiles.profile import Level, Profile
from genrec.profiles.statements import Said
from genrec.ranking import By, Place
from genrec.steering import STRONGEST
from genrec.store.records import Clock, Id, Person, Settings, Text
from genrec.store.records import Place as StoredPlace

MOST_K = 100
MOST_CHECKINS = 5000  # of one request
MOST_WORDS = 20  # texts
LONGEST_WORDS = 2000  # characters of one


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


Words = Annotated[Text, Field(max_length=LONGEST_WORDS), AfterValidator(_words)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Version(BaseModel):
    """What runs."""

    genrec: str
    api: Literal["v1"] = "v1"


class Health(BaseModel):
    """Whether the service works."""

    status: Literal["live", "ready"]


class NewPerson(_Body):
    """A person to add; without an id, one is made up."""

    id: Id | None = None
    settings: Settings = Settings()


class ChangedSettings(_Body):
    """Settings to change; those left out stay."""

    strength: float | None = Field(default=None, ge=0, le=STRONGEST, description="How much their words count.")
    consent: bool | None = Field(default=None, description="Whether profiles of them may be written and used.")


class People(BaseModel):
    """A page of people; `next` goes into `after` for the page that follows."""

    people: list[Person]
    next: str | None


class NewCheckin(_Body):
    """A visit. `id` is the sender's: the same twice is one. Times are local; `utc_time` rules order if it is known."""

    id: Id
    place: Id
    time: Clock
    utc_time: Clock | None = None


class NewCheckins(_Body):
    """Visits to append: all of them or none."""

    checkins: list[NewCheckin] = Field(min_length=1, max_length=MOST_CHECKINS)


class Appended(BaseModel):
    """How many visits were new."""

    new: int
    known: int


class Checkins(BaseModel):
    """A page of a person's visits, by time; `next` goes into `after` for the page that follows."""

    checkins: list[NewCheckin]
    next: int | None


class NewPlace(_Body):
    """A place to add. One that a person adds is named to nobody else."""

    id: Id | None = None
    latitude: Latitude
    longitude: Longitude
    category: Annotated[Text, Field(min_length=1)] = "unknown"
    name: Text | None = None
    region: Text | None = None


class FoundPlace(StoredPlace):
    """A place; `km` is how far it is, where that was asked."""

    km: float | None = None


class Places(BaseModel):
    """Places."""

    places: list[FoundPlace]


class Position(_Body):
    """Where somebody is."""

    latitude: Latitude
    longitude: Longitude


class Visit(_Body):
    """A visit of a session."""

    place: Id
    time: Clock


class Ask(_Body):
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


class RecommendAsk(Ask):
    """Rank places."""

    k: int = Field(default=10, ge=1, le=MOST_K)


class ExplainAsk(Ask):
    """Why one place is as probable as it is; not by llm."""

    place: Id
    by: Literal["fusion", "habits"] = "fusion"


class Evidence(BaseModel):
    """What an answer rests on.

    `as_of`: what was before this local time; `counted_at`: when everybody's visits were counted, in UTC; `waiting`:
    whether more have come since, which are counted soon.
    """

    as_of: datetime
    counted_at: AwareDatetime
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
    not_looked_at: float | None = Field(description="Probability of all places that the fusion did not look at.")
    said: list[Said]
    seconds: float


class OpenedPlace(_Body):
    """A place that has just opened."""

    id: Id
    latitude: Latitude
    longitude: Longitude
    category: Text = "unknown"
    name: Text | None = None


class AudienceAsk(_Body):
    """New places, to which people may come."""

    places: list[OpenedPlace] = Field(min_length=1, max_length=20)
    top: int = Field(default=10, ge=1, le=1000)


class Guest(BaseModel):
    """Somebody who may come; `probability`: within the days that the answer names."""

    place: str
    rank: int
    person: str
    probability: float


class Audience(BaseModel):
    """Who may come, among people who have agreed to a profile."""

    days: int
    people: list[Guest]


class NewFeedback(_Body):
    """What a person says of a place, perhaps of one in an answer. What they dislike or hide is not named any more."""

    id: Id
    kind: Literal["visited", "dislike", "hide"]
    place: Id
    answer: Id | None = None


class GivenFeedback(NewFeedback):
    """What a person has said, and when."""

    at: AwareDatetime


class AllFeedback(BaseModel):
    """What a person has said, in order."""

    feedback: list[GivenFeedback]


class ProfileVersion(BaseModel):
    """A profile as it was from a moment on; `number` is its ETag, too."""

    number: int
    at: AwareDatetime
    by: str
    reverts: int | None
    profile: Profile
    sheet: Sheet = Field(description="What a person may change, as PUT takes it.")


class Change(BaseModel):
    """A version of a profile in its history: who made it, and what it has changed."""

    number: int
    at: AwareDatetime
    by: str
    reverts: int | None
    changes: list[Difference]


class History(BaseModel):
    """All versions of a profile, the oldest first."""

    versions: list[Change]


class Revert(_Body):
    """The version to bring back."""

    number: Positive = Field(le=MOST)


class Writing(_Body):
    """Who writes: the language model, or templates, at once."""

    by: Literal["llm", "habits"] = "llm"


class WritingMany(Writing):
    """Whose profiles to write: these people's, or all who want one and have none."""

    people: list[Id] | None = Field(default=None, max_length=10_000)


class Job(BaseModel):
    """How far the writing of profiles is."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    total: int
    done: int
    failed: int
    problem: str | None


class Erased(BaseModel):
    """What was erased, and which trained weights have seen the person and may remember something: train these again."""

    person: str
    seen_by: list[str]
