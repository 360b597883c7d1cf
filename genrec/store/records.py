"""What a store keeps, as plain records: in a dump, each is a line of JSON."""

import re
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NaiveDatetime,
    ValidationError,
    model_validator,
)

from genrec.bounds import CLOCKS_APART, LONGEST_TEXT, MOST, Positive
from genrec.columns import MAX_YEAR, MIN_YEAR, UNKNOWN
from genrec.errors import GenRecError
from genrec.profiles.profile import Profile
from genrec.validation import first_problem

LONGEST_ID = 200  # letters
_NOT_STORED = re.compile("[\0\ud800-\udfff]")  # what databases or UTF-8 cannot hold


def _storable(text: str) -> str:
    if _NOT_STORED.search(text):
        raise ValueError("holds a character that cannot be stored (NUL, or half of a character)")
    return text


def _believed(time: datetime) -> datetime:
    if not MIN_YEAR <= time.year <= MAX_YEAR:
        raise ValueError(f"{time} is not between the years {MIN_YEAR} and {MAX_YEAR}")
    return time


STORABLE = {"pattern": r"^[^\x00]*$"}  # as a description of the API can say it
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, json_schema_extra=STORABLE), AfterValidator(_storable)]
IdPart = Annotated[str, Field(max_length=LONGEST_ID, json_schema_extra=STORABLE), AfterValidator(_storable)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT, json_schema_extra=STORABLE), AfterValidator(_storable)]
Clock = Annotated[NaiveDatetime, Field(strict=False), AfterValidator(_believed)]
Utc = Annotated[AwareDatetime, Field(json_schema_extra={"pattern": "Z$"})]


def now() -> datetime:
    """What time it is, in UTC."""
    return datetime.now(UTC)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=BaseModel)


def made(kind: type[Kind], **values: Any) -> Kind:
    """A record of values from outside; raises GenRecError that says which cannot be kept."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise GenRecError(f"this cannot be kept as a {kind.__name__.lower()}: {first_problem(error)}") from None


class Settings(_Record):
    """What a person has chosen: how much their words count, and whether profiles of them may be written."""

    strength: float = Field(default=1.0, ge=0, le=MOST, strict=True)
    consent: bool = Field(default=False, strict=True)


class Person(Settings):
    """Somebody that the store knows, with their settings."""

    record: Literal["person"] = "person"
    id: Id
    created: Utc = Field(default_factory=now)


class Place(_Record):
    """A row of the catalogue. `owner`: the person who has added it, and with whom it goes; None for public ones."""

    record: Literal["place"] = "place"
    poi_id: Id
    category: Text = UNKNOWN
    category_id: Text | None = None
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: Text | None = None
    region: Text | None = None
    owner: Id | None = None


class Checkin(_Record):
    """A visit. `id` is the sender's: of a person, the same id twice is one visit."""

    record: Literal["checkin"] = "checkin"
    person: Id
    id: Id
    poi_id: Id
    time: Clock
    utc_time: Clock | None = None

    @model_validator(mode="after")
    def _clocks_agree(self) -> Self:
        if self.utc_time is not None and abs(self.time - self.utc_time) > CLOCKS_APART:
            raise ValueError(f"utc_time ({self.utc_time}) is too far from the local time ({self.time})")
        return self


class Version(_Record):
    """A profile as it was from a moment on. `text` is its line of JSON, kept byte for byte.

    `number` counts a person's versions from 1 and names one of them to who edits it. `by` is who wrote it (a person's
    id, a model's name); `reverts` the version whose text this one brings back, if so.
    """

    record: Literal["profile"] = "profile"
    person: str
    number: Positive
    at: Utc
    by: Text
    text: str
    reverts: Positive | None = None

    @cached_property
    def profile(self) -> Profile:
        """The profile itself."""
        return Profile.model_validate_json(self.text)


class Answer(_Record):
    """An answer that was given: how it was made, what it used, which places it named (best first).

    `person` is None for somebody who is not in the store. Name no other people in `used`: they could not be erased.
    """

    record: Literal["answer"] = "answer"
    id: Id
    person: Id | None
    at: Utc = Field(default_factory=now)
    method: Text
    used: dict[str, JsonValue] = {}
    places: list[Id] = []


class Feedback(_Record):
    """What a person said of a place, perhaps of one in an answer; `id` is the sender's, as that of a check-in."""

    record: Literal["feedback"] = "feedback"
    person: Id
    id: Id
    kind: Literal["visited", "dislike", "hide"]
    poi_id: Id
    answer: Id | None = None
    at: Utc = Field(default_factory=now)


class Erased(_Record):
    """That somebody was erased, so that no file brings them back: a hash of their id, by the store's own salt."""

    record: Literal["erased"] = "erased"
    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    salt: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class ApiKey(_Record):
    """Who a key of the API stands for: one person, or an operator (None). Of its secret, only the hash is kept.

    It is not a `Record`: a backup holds no keys.
    """

    id: Id
    hash: Id
    person: Id | None = None
    made: Utc = Field(default_factory=now)


Record = Person | Place | Checkin | Version | Answer | Feedback | Erased
