"""What the JSON files of a run folder say: its configuration, the answers of a method, and the times."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime, RootModel, model_validator

from eval.protocol import SplitName, TimeKnown
from genrec.bounds import Count, PoiIndex, Positive
from genrec.filters import PresetName
from genrec.rankers.habit_weights import FitData
from genrec.trajectories import Part


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _DataSize(_Record):
    sha256: str
    catalogue: str
    check_ins: Positive
    users: Positive
    pois: Positive


class _Training(_Record):
    check_ins: Positive
    last: NaiveDatetime
    sha256: str


class _Method(BaseModel):
    """Of any method what readers of a run look at; the rest is the method's own."""

    model_config = ConfigDict(extra="allow")

    data: list[FitData] = []
    trained_on: _Training | None = None
    model: str | None = None
    server: str | None = None
    adapter: str | None = None
    ranking_prompt: str | None = None
    profiles: dict[str, Count] = {}

    @model_validator(mode="after")
    def _models_say_which(self) -> Self:
        needed = {"model", "server", "adapter", "profiles"}
        if "ranking_prompt" in self.model_fields_set and (missing := needed - self.model_fields_set):
            raise ValueError(f"{min(missing)} is missing")
        for name in ("trained_on", "ranking_prompt"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} is empty")
        return self


class RunConfig(BaseModel):
    """Of config.json what readers of a run look at; presets say more of how their examples were chosen."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str
    k: Positive
    data: _DataSize
    kept: _DataSize
    split: SplitName
    part: Part
    preset: PresetName | None
    refresh_days: Positive | None
    time: TimeKnown
    start: NaiveDatetime
    limit: Positive | None
    sample_seed: int
    train_rows: Positive
    examples: Positive
    sampled_from: Positive | None
    excluded: dict[str, Count]
    warnings: list[str]
    methods: dict[str, _Method] = Field(min_length=1)
    versions: dict[str, str]


class Answer(_Record):
    """A line of a method's part: `eval.methods.method.Ranked`."""

    example: PoiIndex
    evidence: str
    pois: list[PoiIndex]
    probabilities: list[float]
    in_prompt: bool | None
    failure: str | None
    profile_user: str | None
    profile_as_of: NaiveDatetime | None

    def problem(self, examples: int, pois: int) -> str | None:
        """What makes this no answer about one of so many examples at so many POIs, if anything."""
        if self.example >= examples:
            return f"example {self.example} of {examples:,}"
        if strange := [poi for poi in self.pois if poi >= pois]:
            return f"POI {strange[0]} of {pois:,}"
        if len(set(self.pois)) < len(self.pois) or len(self.pois) != len(self.probabilities):
            return "a POI is there twice, or without a probability"
        return None


class Spent(_Record):
    """Rankings made, and in what time."""

    rankings: Count
    seconds: float = Field(ge=0)


class Times(RootModel[dict[str, Spent]]):
    """The content of times.json, by method."""
