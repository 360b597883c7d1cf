"""What is sent, and what comes back."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from genrec.bounds import MOST
from genrec.profiles.changes import Change as Difference
from genrec.profiles.editing import Sheet
from genrec.profiles.profile import Profile
from genrec.service.jobs import Loading
from genrec.service.metrics import Latency
from genrec.steering import STRONGEST
from genrec.store.records import Clock, Id, Person, Settings, Text, Utc
from genrec.store.records import Place as StoredPlace

MOST_CHECKINS = 5000  # of one request

Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


def _whole(sent: object) -> object:
    return int(sent) if isinstance(sent, float) and sent.is_integer() else sent


Whole = Annotated[int, BeforeValidator(_whole)]  # 3.0 is one in JSON


class Body(BaseModel):
    """What is sent: nothing in it is passed over."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Version(BaseModel):
    """What runs."""

    genrec: str
    api: Literal["v1"] = "v1"


class Health(BaseModel):
    """Whether the service works."""

    status: Literal["live", "ready"]


class Counting(BaseModel):
    """The count of check-ins that rankings come from: how many seconds ago it was made, and whether more have come."""

    ready: bool
    age_seconds: float
    waiting: bool


class Status(BaseModel):
    """How the service does: what is in the store, what waits for the language model, how long each route takes."""

    store: dict[str, int]
    model: Loading = Field(description='Of the language model; "not loaded" until somebody needs it.')
    questions_waiting: int
    profiles_waiting: int
    count: Counting
    latency: list[Latency]


class NewPerson(Body):
    """A person to add; without an id, one is made up."""

    id: Id | None = None
    settings: Settings = Settings()


class ChangedSettings(Body):
    """Settings to change; those left out stay."""

    strength: float | None = Field(default=None, ge=0, le=STRONGEST, description="How much their words count.")
    consent: bool | None = Field(default=None, description="Whether profiles of them may be written and used.")


class People(BaseModel):
    """A page of people; `next` goes into `after` for the page that follows."""

    people: list[Person]
    next: str | None


class NewCheckin(Body):
    """A visit. `id` is the sender's: the same twice is one. Times are local; `utc_time` rules order if it is known."""

    id: Id
    poi_id: Id
    time: Clock
    utc_time: Clock | None = None


class NewCheckins(Body):
    """Visits to append: all of them or none."""

    checkins: list[NewCheckin] = Field(min_length=1, max_length=MOST_CHECKINS)


class Appended(BaseModel):
    """How many visits were new."""

    new: int
    known: int


class Taken(BaseModel):
    """How much of a file was new, and what its reader noted: what it recognised, guessed and repaired.

    `erased`: people in it who were erased here, and are left out.
    """

    people: int
    places: int
    checkins: int
    erased: int
    notes: list[str]


class Checkins(BaseModel):
    """A page of a person's visits, by time; `next` goes into `after` for the page that follows."""

    checkins: list[NewCheckin]
    next: int | None


class NewPlace(Body):
    """A place to add; without an id, one is made up. One that a person adds is named to nobody else."""

    poi_id: Id | None = None
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


class NewFeedback(Body):
    """What a person says of a place, perhaps of one in an answer. What they dislike or hide is not named any more."""

    id: Id
    kind: Literal["visited", "dislike", "hide"]
    poi_id: Id
    answer: Id | None = None


class GivenFeedback(NewFeedback):
    """What a person has said, and when."""

    at: Utc


class AllFeedback(BaseModel):
    """What a person has said, in order."""

    feedback: list[GivenFeedback]


class ProfileVersion(BaseModel):
    """A profile as it was from a moment on; `number` is its ETag, too."""

    number: int
    at: Utc
    by: str
    reverts: int | None
    profile: Profile
    sheet: Sheet = Field(description="What a person may change, as PUT takes it.")


class Change(BaseModel):
    """A version of a profile in its history: who made it, and what it has changed."""

    number: int
    at: Utc
    by: str
    reverts: int | None
    changes: list[Difference]


class History(BaseModel):
    """All versions of a profile, the oldest first."""

    versions: list[Change]


class Revert(Body):
    """The version to bring back."""

    number: Whole = Field(ge=1, le=MOST)


class Writing(Body):
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
    kept: str = Field(description="What is kept, so that no file brings the person back.")
