"""The recipe of a budget study: a YAML file that says all of it.

Protocol after "Balancing the Budget" (arXiv 2502.11284), with nested subsets, several seeds and prices.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from genrec.bounds import MOST, Count, Positive, Seed
from genrec.errors import GenRecError
from training.recipe import Cities, Data, Lora, change, problems_of, read_yaml
from training.trainer_keys import checked_trainer

StageName = Literal["sft", "dpo", "kto"]
PAPER_SHARES = (1.0, 0.75, 0.5, 0.25, 0.1, 0.01, 0.0)
SOUND_SEEDS = 3
# How prompts about synthetic cities are put: short ones, as a study trains on them many thousand times.
SHORT_PROMPTS: dict[str, Any] = {"moments": 8, "level": "none", "budget": 60, "visits": 1, "targets": "every"}
# Trainer keys that the study sets itself: with them, the run on fewer examples is the beginning of the run on more.
OWNED = (
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "lr_scheduler_type",
    "warmup_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "train_sampling_strategy",
    "save_strategy",
    "save_steps",
    "save_total_limit",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Amount = Annotated[float, Field(gt=0, le=MOST)]


class SmallModel(_Strict):
    """A small language model with a vocabulary of its own, pre-trained on the text of synthetic cities.

    It may also read the past of the city that the study asks about, as a large model has read of the real world.
    """

    vocabulary: int = Field(default=2048, ge=1300, le=1 << 20)  # bytes and the numbers below 1,000 are in it anyway
    hidden: int = Field(default=128, ge=32, le=1 << 14, multiple_of=32)
    layers: int = Field(default=6, ge=1, le=1000)
    cities: int = Field(default=8, ge=0, le=1_000_000)  # whose places are numbered anew in every conversation
    first_seed: Seed = 2000
    examples: Positive = 2000  # conversations about them, each read once
    past: float = Field(default=0, ge=0, lt=0.8)  # share of the task's check-ins, the earliest, to read under their ids
    passes: Positive = 1  # over the past
    batch: Positive = 8
    learning_rate: Amount = 2e-3
    seed: Seed = 0

    @model_validator(mode="after")
    def _something_to_read(self) -> Self:
        if not self.cities and not self.past:
            raise ValueError("nothing to pre-train on: give cities or past")
        return self


class NextPoi(_Strict):
    """Next places of check-ins. A pair is two places that the model proposes, judged by a rule."""

    kind: Literal["next-poi"]
    data: Data | None = None  # check-ins, and how a prompt is put
    city: Seed | None = None  # instead of check-ins: a synthetic city, by its seed
    rule: Literal["judged", "truth"] = "judged"  # truth: the true place always wins; a variant
    metric: Literal["acc@1", "mrr"] = "acc@1"  # mrr is MRR@20
    train_limit: Positive | None = None  # samples of the examples
    test_limit: Positive | None = None
    validation_limit: Positive | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.data is None) == (self.city is None):
            raise ValueError("give either data or city")
        if self.data is not None and (self.data.cities is not None or self.data.relabel):
            raise ValueError("data: name check-ins whose POIs keep their ids (no cities, no relabel)")
        if self.data is not None and self.data.limit is not None:
            raise ValueError("data.limit: set train_limit of the task")
        if self.data is not None and self.data.named:
            raise ValueError("data.named: a study buys examples whether their answers were named before or not")
        if self.data is not None and self.data.train == "all":
            raise ValueError("data.train: all leaves nothing to test with")
        return self


class ProfileWriting(_Strict):
    """Paragraphs about synthetic people, behind notes. A pair is such a paragraph and a worse one.

    Examples to learn from, to choose learning rates with and to test with are of different cities.
    """

    kind: Literal["profile-writing"]
    cities: Cities  # to learn from
    validation_cities: Cities
    test_cities: Cities
    sentences: Positive = 6  # of a paragraph at most; longer ones are left out
    metric: Literal["portrait"] = "portrait"
    max_tokens: Positive = 256  # of what a model writes
    train_limit: Positive | None = None  # samples of the paragraphs
    test_limit: Positive | None = None
    validation_limit: Positive | None = None

    @model_validator(mode="after")
    def _nothing_leaks(self) -> Self:
        named = {"cities": self.cities, "validation_cities": self.validation_cities, "test_cities": self.test_cities}
        for (name, one), (other_name, other) in combinations(named.items(), 2):
            if max(one.first_seed, other.first_seed) < min(one.first_seed + one.count, other.first_seed + other.count):
                raise ValueError(f"{name} and {other_name} share cities: give them seeds that are far apart")
        return self


class Jsonl(_Strict):
    """Any task: JSON Lines of prompt/completion and of prompt/chosen/rejected, and a metric for what is generated."""

    kind: Literal["jsonl"]
    demonstrations: Path
    preferences: Path
    validation: Path
    test: Path
    metric: str = "exact"  # or module:function, called with (generated text, row) -> score, the higher the better
    max_tokens: Positive = 64
    stop: str = Field(default="\n", min_length=1)

    @model_validator(mode="after")
    def _nothing_leaks(self) -> Self:
        learned = {self.demonstrations, self.preferences}
        if self.test in learned | {self.validation} or self.validation in learned:
            raise ValueError("test and validation need files of their own, that nothing is learned from")
        return self


class Stage(_Strict):
    """How a stage trains: one pass over the examples in the study's order, at a constant rate after warm-up."""

    learning_rates: tuple[Amount, ...] = Field(min_length=1)  # several: the best on validation
    batch: Positive = 4  # examples a step
    at_once: Positive | None = None  # examples in memory at a time; without: the whole batch
    warmup_steps: Count = 5
    save_steps: Positive = 50  # between checkpoints to resume from
    trainer: dict[str, Any] = {}  # further keys of TRL's SFTConfig, DPOConfig or KTOConfig

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.at_once and self.batch % self.at_once:
            raise ValueError("at_once must divide batch")
        if owned := sorted(set(OWNED) & self.trainer.keys()):
            raise ValueError(f"trainer: not to be set here: {', '.join(owned)}")
        return self


def _model_kind(model: object) -> str:
    return "small" if isinstance(model, dict | SmallModel) else "name"


class Study(_Strict):
    """A budget B buys n_s demonstrations and n_p pairs: B = c_s n_s + c_p n_p. A share is that of B for SFT."""

    model: Annotated[Annotated[str, Tag("name")] | Annotated[SmallModel, Tag("small")], Discriminator(_model_kind)] = (
        "embedded"
    )
    method: Literal["lora", "full"] = "lora"
    lora: Lora = Lora()
    max_length: Positive = 1024
    task: Annotated[NextPoi | ProfileWriting | Jsonl, Field(discriminator="kind")]
    budgets: tuple[Amount, ...] = Field(min_length=1)
    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=PAPER_SHARES, min_length=2)
    price: Amount = 1.0  # c_s: of a demonstration, in the currency of the budgets
    currency: str = "demonstrations"
    price_ratios: tuple[Amount, ...] = Field(default=(1.0,), min_length=1)  # c_p / c_s
    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    sft: Stage
    dpo: Stage
    kto: Stage | None = None  # beside DPO, for the same money: one answer judged good or bad, at the price of a pair
    sweep_examples: Positive = 100  # of each stage, in the sweep of learning rates

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name in ("budgets", "shares", "price_ratios", "seeds"):
            values: Sequence[float] = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: each value once")
        return self

    @model_validator(mode="after")
    def _past_of_checkins(self) -> Self:
        if self.past and not isinstance(self.task, NextPoi):
            raise ValueError("model.past: only next-poi has check-ins to read")
        return self

    @model_validator(mode="after")
    def _judgements_for_pairs(self) -> Self:
        if self.kto and self.kto.batch != self.dpo.batch:
            raise ValueError("kto.batch must be that of dpo, so that both are scored after as many judgements")
        if self.kto and (self.kto.at_once or self.kto.batch) < 2:
            raise ValueError("kto: at least two examples must be in memory together: raise batch, or at_once")
        return self

    @property
    def by_preference(self) -> tuple[StageName, ...]:
        """The stages that learn from judgements."""
        return ("dpo", "kto") if self.kto else ("dpo",)

    @property
    def past(self) -> float:
        """The share of the check-ins, the earliest, that the small model has read; no example is of that time."""
        return self.model.past if isinstance(self.model, SmallModel) else 0.0


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study's recipe; `overrides` as in `load_recipe`.

    Raises InputError if there is no such file or it is no YAML, and else one GenRecError.
    """
    values = read_yaml(path)
    problems = [problem for override in overrides if (problem := change(values, override))]
    for stage in get_args(StageName):
        settings = values.get(stage)
        if isinstance(settings, dict) and isinstance(trainer := settings.get("trainer"), dict):
            own = {key: value for key, value in trainer.items() if key not in OWNED}  # these have a check of their own
            checked, faulty = checked_trainer(stage, own)
            values[stage] = settings | {"trainer": trainer | checked}
            problems += [f"{stage}.{problem}" for problem in faulty]
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, skip=("name", "small", "next-poi", "profile-writing", "jsonl"))
    if problems:
        raise GenRecError("\n  ".join([f"{path}: the study cannot be run:", *problems]))
    return study
