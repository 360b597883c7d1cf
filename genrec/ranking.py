"""What a ranking of next places is, whoever made it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from genrec.llm.backend import Over
from genrec.profiles.profile import Level
from genrec.profiles.statements import Said

By = Literal["fusion", "habits", "llm"]


@dataclass(frozen=True)
class Place:
    """One row of a ranking. `distance_km` is from the user's last known place, None if there is none.

    `fields`: of the fusion, which part of the probability each field brought, the largest first; they sum to 1. Beside
    them, `model` is the part of a language model that was asked.
    `rank_before`: where it stood before the person's words counted; None if nothing was said.
    """

    poi: int
    poi_id: str
    name: str | None
    category: str
    distance_km: float | None
    probability: float
    habits_probability: float
    reasons: list[str]
    fields: dict[str, float] = field(default_factory=dict)
    rank_before: int | None = None


@dataclass(frozen=True)
class Consulted:
    """Whether a model beside the fusion was asked, and how much of the answer is the model's: 0 if it was not.

    `entropy`: of the fusion's answer, in nats; `ask_from`: from which one on the model is asked, None: never.
    `profile_by`: who wrote the profile that it has read.
    """

    asked: bool
    share: float
    entropy: float
    ask_from: float | None
    profile_by: str | None


@dataclass(frozen=True)
class Fused:
    """How the fusion made a ranking: the weight of each field in this situation, and what it left to other places.

    `beside`: of a model beside it, if there is one.
    """

    gate: dict[str, float]
    not_looked_at: float  # probability of all places that were not looked at, together
    beside: Consulted | None = None


@dataclass(frozen=True)
class Prompted:
    """How a model made a ranking."""

    model: str
    level: Level
    prompt_tokens: int
    dropped_lines: int
    over: Over  # of what probabilities are shares


@dataclass(frozen=True)
class Ranking:
    """The k most probable next places, and those by habits alone.

    Attributes:
        user_id: who.
        at: local time of the visit; None if unknown.
        by: who ranked.
        as_of: what was known is before this local time.
        checkins: of the user, before it.
        places: the ranking, best first.
        by_habits: the one by habits alone.
        seconds: it took; of rankings made side by side, each one's share.
        how: how it was made, where more is to be said.
        said: what the person said, as it was read.

    """

    user_id: str
    at: datetime | None
    by: By
    as_of: datetime
    checkins: int
    places: list[Place]
    by_habits: list[Place]
    seconds: float
    how: Fused | Prompted | None = None
    said: tuple[Said, ...] = ()
