"""The weights of the habits ranker: what they mean, and how the ones in use were fitted."""

from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime

from genrec.bounds import Positive

FILE = "habit_weights.json"

Amount = Annotated[float, Field(ge=1e-6, le=1e6)]  # beyond, sums of weighted habits are 0, or not finite


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HabitWeights(_Model):
    """How much each habit counts. The defaults are round numbers that nothing was fitted for."""

    hour_width: Amount = Field(
        default=1.5, ge=0.5, description="hours; standard deviation of the kernel around the time of day"
    )
    prior_visits: Amount = Field(default=3, description="visits that a general rate weighs against the user's own")
    weekday_prior: Amount = Field(default=10, description="the same for the days of the week, which say less")
    recency_half_life: Amount = Field(default=90, description="days since the last visit that halve a place's weight")
    transition: float = Field(
        default=0.5, ge=0, le=1, description="share of usual next steps against frequency, at most"
    )
    repeat: Amount = Field(default=0.5, description="factor on the place the user is already at")
    novelty: float = Field(default=0.5, ge=0, lt=1, description="mass of new places per exploration so far")
    near_km: Amount = Field(default=1, description="km at which nearness has halved")


class FitData(_Model):
    """Check-ins that weights were fitted on: which (hash of all of them), and up to when they were looked at."""

    name: str
    sha256: str
    examples: Positive
    first: NaiveDatetime  # time of the first target
    last: NaiveDatetime  # of the last: nothing later was looked at


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
