"""The weights of the habits ranker: what they mean, and how the ones in use were fitted."""

from datetime import datetime
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

FILE = "habit_weights.json"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HabitWeights(_Model):
    """How much each habit counts. The defaults are round numbers that nothing was fitted for."""

    hour_width: float = Field(
        default=1.5, ge=0.5, description="hours; standard deviation of the kernel around the time of day"
    )
    prior_visits: float = Field(default=3, gt=0, description="visits that a general rate weighs against the user's own")
    weekday_prior: float = Field(default=10, gt=0, description="the same for the days of the week, which say less")
    recency_half_life: float = Field(
        default=90, gt=0, description="days since the last visit that halve a place's weight"
    )
    transition: float = Field(
        default=0.5, ge=0, le=1, description="share of usual next steps against frequency, at most"
    )
    repeat: float = Field(default=0.5, gt=0, description="factor on the place the user is already at")
    novelty: float = Field(default=0.5, ge=0, lt=1, description="mass of new places per exploration so far")
    near_km: float = Field(default=1, gt=0, description="km at which nearness has halved")


class FitData(_Model):
    """Check-ins that weights were fitted on: which (hash of all of them), and up to when they were looked at."""

    name: str
    sha256: str
    examples: int
    first: datetime  # time of the first target
    last: datetime  # of the last: nothing later was looked at


class FittedWeights(_Model):
    """Weights with an account of where they come from. Scores are mean natural log-probabilities of the targets."""

    weights: HabitWeights
    command: str
    seed: int
    data: list[FitData]
    score_before: float  # of the default weights
    score: float


@cache
def fitted_weights() -> FittedWeights:
    """The weights in use."""
    return FittedWeights.model_validate_json(files("genrec.rankers").joinpath(FILE).read_bytes())
