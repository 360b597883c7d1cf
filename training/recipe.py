"""Recipes: YAML files that say what a training run does, all of it.

The keys under `trainer:` are those of TRL's SFTConfig, DPOConfig or GRPOConfig and go there unchanged, except for some
that GenRec sets itself (training.trainer_keys.OWNED). Paths are relative to where the command runs.
"""

import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from genrec.bounds import MOST, Positive, Seed
from genrec.errors import GenRecError, InputError
from genrec.filters import PresetName
from genrec.plain_yaml import DEEPEST, LARGEST_YAML, ValueLoader, load_yaml
from genrec.profiles.profile import Level
from genrec.rankers.ranking_prompt import MOST_VISITS
from genrec.validation import read_text, shortened
from training.trainer_keys import checked_trainer

Kind = Literal["sft", "dpo", "kto", "grpo"]  # of training with TRL; kto is a stage of budget studies only
Method = Literal["full", "lora", "qlora", "galore"]
NetworkName = Literal["m2trec", "cml", "coder"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(_Strict):
    """The adapter's shape (PEFT's LoraConfig)."""

    r: int = Field(default=16, ge=1, le=65_536)
    alpha: int = Field(default=32, ge=1, le=65_536)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class Cities(_Strict):
    """Synthetic cities to learn from: `count` of them, with consecutive seeds from `first_seed` on."""

    count: int = Field(ge=1, le=1_000_000)
    first_seed: Seed = 0


class Data(_Strict):
    """What is learned from, and how an example is put. Either `checkins` or `cities`."""

    checkins: Path | None = None  # a CSV or TSV, or a prepared folder
    cities: Cities | None = None
    preset: PresetName | None = None  # filters of GenUP's data sets
    train: Literal["llm4poi", "rolling", "all"] = "llm4poi"  # the first 80 %, the first half, or all of the check-ins
    moments: int = Field(default=4, ge=1, le=10_000)  # at how many moments evidence is frozen
    profiles: tuple[Path, ...] = ()  # of each user the latest before an example; without: one by templates
    # The prompt; of diaries only the number of lines (visits), relabel and limit can be chosen, of portraits the limit.
    prompt: Literal["genrec", "genup", "diary", "portrait"] = "genrec"
    level: Level = "none"  # what a prompt shows of the profile
    budget: int = Field(default=400, ge=1, le=MOST)  # tokens for the user's lines of a prompt
    visits: int = Field(default=MOST_VISITS, ge=1, le=MOST)  # of a trajectory, in one conversation at most
    targets: Literal["final", "every"] = "final"  # the last visit of a trajectory, or each, in one sequence
    named: bool = False  # learn only answers that the conversation has named before: no other can be read off it
    relabel: bool = False  # number the POIs anew, at random, in every example
    limit: Positive | None = None  # a sample of the examples

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.checkins is None) == (self.cities is None):
            raise ValueError("give either checkins or cities")
        if self.cities is not None and not self.relabel:
            raise ValueError("many cities share no POIs: set relabel to true")
        return self


class Recipe(_Strict):
    """What all stages have in common."""

    kind: Kind
    model: str = "embedded"
    method: Method = "lora"
    lora: Lora = Lora()
    seed: Seed = 0
    max_length: int = Field(default=1024, ge=1, le=MOST)  # tokens; an example that is longer is an error
    trainer: dict[str, Any] = {}

    @property
    def adapts(self) -> bool:
        """Whether an adapter is trained, and not the model's own weights."""
        return self.method in ("lora", "qlora")

    @model_validator(mode="after")
    def _optimiser_fits(self) -> Self:
        galore = str(self.trainer.get("optim", "")).startswith("galore")
        if galore and self.method != "galore":
            raise ValueError("trainer.optim is GaLore's: set method to galore, which trains the full weights")
        if self.method == "galore" and "optim" in self.trainer and not galore:
            raise ValueError("method galore needs a trainer.optim whose name begins with galore")
        return self


class SftRecipe(Recipe):
    """Supervised fine-tuning: the answer's log-likelihood, given the prompt."""

    kind: Literal["sft"]
    adapter: Path | None = None  # to go on from, or "shipped", the one that comes with the embedded model
    data: Data

    @model_validator(mode="after")
    def _adapter_fits(self) -> Self:
        if self.adapter is not None and not self.adapts:
            raise ValueError(f"adapter goes with method lora or qlora, not {self.method}")
        return self


class PlacesRecipe(Recipe):
    """What is said of places, by their numbers, usually to what SFT gave."""

    adapter: Path | None = None  # of SFT, to start from
    data: Data | None = None  # what pairs are made of, by `genrec-train preferences` or from feedback

    @model_validator(mode="after")
    def _pairs_are_numbers(self) -> Self:
        if self.data is not None and self.data.prompt == "diary":
            raise ValueError("data.prompt: pairs are of places' numbers, and diaries are for sft")
        return self


class DpoRecipe(PlacesRecipe):
    """Direct preference optimisation."""

    kind: Literal["dpo"]
    preferences: Path  # JSON Lines of pairs


class GrpoRecipe(PlacesRecipe):
    """Group relative policy optimisation: of answers that the model gives itself, by what feedback says of them."""

    kind: Literal["grpo"]


class RankersRecipe(_Strict):
    """The rankers of a city, trained on its check-ins."""

    kind: Literal["rankers"]
    checkins: Path | None = None  # what they were trained on; the command writes it down
    train: Literal["llm4poi", "rolling", "all"] = "llm4poi"  # the first 80 %, the first half, or all of the check-ins
    networks: tuple[NetworkName, ...] = ("m2trec", "cml", "coder")  # that are trained, beside the fusion
    visits: int = Field(default=20_000, ge=1)  # a sample of the visits to learn
    epochs: int = Field(default=3, ge=1)
    rate: float = Field(default=1e-3, gt=0, lt=1)
    decay: float = Field(default=0.01, ge=0)
    contrast: float = Field(default=0.0, ge=0)  # weight of the term that makes views with fields left out alike
    weighed: tuple[NetworkName, ...] = ()  # the networks that the fusion listens to
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _weighs_what_there_is(self) -> Self:
        if missing := set(self.weighed) - set(self.networks):
            raise ValueError(f"weighed: {min(missing)} is not one of networks")
        return self


class UpdateRecipe(_Strict):
    """An update of trained rankers, or of an adapter, on what came since (arXiv 2308.04014)."""

    kind: Literal["update"]
    schedule: Literal["rewarmed", "constant"] = "rewarmed"  # up, and down to a tenth; or as the last one ended
    peak: float = Field(default=1.0, gt=0, le=100)  # the maximal rate, in those that it was trained with
    warm_up: float = Field(default=0.01, ge=0, lt=1)  # of all steps, up to the maximal rate
    replay: float = Field(default=0.05, ge=0, le=0.2)  # old examples among them, as a share of the new ones
    epochs: Positive | None = None  # passes over these; none: as many as it was trained with
    seed: Seed = 0


class OnlineRecipe(_Strict):
    """How a fusion goes on learning from what people say of the places that it names."""

    kind: Literal["online"]
    shown: int = Field(default=10, ge=1, le=100)  # places of an answer; the last of them is drawn from all others
    even: float = Field(default=0.1, gt=0, le=1)  # the chance that it is drawn evenly, not by its probability
    warm_up: int = Field(default=300, ge=0, le=MOST)  # feedbacks gathered by the frozen policy before the first update
    updates: int = Field(default=1, ge=1, le=100)  # steps for each further feedback
    batch: int = Field(default=8, ge=2, le=10_000)  # feedbacks of a step
    every: int = Field(default=20, ge=1, le=MOST)  # feedbacks after which the learner takes its steps
    adopt_every: int = Field(default=200, ge=1, le=MOST)  # feedbacks on which a new version is judged
    rate: float = Field(default=1e-4, gt=0, lt=1)
    decay: float = Field(default=0.01, ge=0)
    seed: Seed = 0


ONLINE_RECIPE = Path(__file__).parent / "recipes" / "online-fusion.yaml"
RANKERS_RECIPE = Path(__file__).parent / "recipes" / "rankers.yaml"
UPDATE_RECIPE = Path(__file__).parent / "recipes" / "update-rewarmed.yaml"

AnyKind = TypeVar("AnyKind", SftRecipe, DpoRecipe, GrpoRecipe, RankersRecipe, UpdateRecipe, OnlineRecipe)
AnyRecipe = SftRecipe | DpoRecipe | GrpoRecipe | RankersRecipe | UpdateRecipe | OnlineRecipe


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Read a recipe; `overrides` are KEY=VALUE with dotted keys and YAML values (trainer.learning_rate=1e-4).

    Raises InputError if there is no such file or it is no YAML, and else one GenRecError with all problems.
    """
    values = read_yaml(path)
    problems = [problem for override in overrides if (problem := change(values, override))]
    trainer = values.get("trainer") or {}
    if isinstance(trainer, dict) and values.get("kind") in typing.get_args(Kind):
        values["trainer"], faulty = checked_trainer(values["kind"], trainer)
        problems += faulty
    try:
        recipe: AnyRecipe = TypeAdapter(Annotated[AnyRecipe, Field(discriminator="kind")]).validate_python(values)
    except ValidationError as error:
        # The union's tag, which pydantic puts first, is no key of the file's.
        problems += problems_of(error, skip=(*typing.get_args(Kind), "rankers", "update", "online"))
    if len(problems) == 1:
        raise GenRecError(f"{path}: {problems[0]}")
    if problems:
        raise GenRecError("\n  ".join([f"{path}: the recipe cannot be used:", *problems]))
    return recipe


def recipe_of(kind: type[AnyKind], path: Path, overrides: Sequence[str]) -> AnyKind:
    """As `load_recipe`, for a command that takes one kind; raises GenRecError for another."""
    if not isinstance(recipe := load_recipe(path, overrides), kind):
        command = recipe.kind.replace("grpo", "online grpo")
        raise GenRecError(f"{path} is a recipe of kind {recipe.kind}: use `genrec-train {command}`")
    return recipe


def dump_recipe(recipe: BaseModel) -> str:
    """The recipe with all defaults, as YAML that `load_recipe` reads."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _Loader(ValueLoader):
    """YAML 1.2's numbers: PyYAML takes 1e-4, without a dot, for a string."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """A recipe's keys. Raises InputError if there is no such file or it is no YAML mapping."""
    if not path.exists():
        raise InputError("no such recipe.", file=path, fix="Name a YAML file.")
    text = read_text(path, most=LARGEST_YAML)
    if r"\0" in text or r"\x00" in text:
        raise InputError("NUL is not a letter.", file=path)
    values = load_yaml(text, _Loader, path)
    if not isinstance(values, dict):
        raise InputError("is no recipe: it must be a mapping of keys to values.", file=path)
    return values


def change(values: dict[str, Any], override: str) -> str | None:
    """Apply KEY=VALUE (--set) to a recipe's keys; returns what is wrong with it, if anything."""
    key, equals, text = override.partition("=")
    *parents, last = key.strip().split(".")
    if not (equals and last and all(parents)) or len(parents) > DEEPEST:
        return f"--set {shortened(override)}: write --set KEY=VALUE, as in trainer.learning_rate=1e-4"
    node: Any = values
    for parent in parents:
        node = node.setdefault(parent, {}) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        return f"--set {shortened(override)}: {'.'.join(parents)} is no group of keys"
    try:
        node[last] = load_yaml(text, _Loader, Path("--set"))
    except InputError as error:
        return f"--set {shortened(override)}: the value is {error.problem}"
    return None


def problems_of(error: ValidationError, skip: Sequence[str] = ()) -> list[str]:
    """What is wrong with which key, a line each; `skip`: parts of pydantic's locations that are no keys."""
    lines = []
    for details in error.errors(include_url=False):
        keys = [str(key) for key in details["loc"] if key not in skip]
        if words := _WORDS.get(details["type"]):
            what = words.format(given=details["input"], **details.get("ctx", {}))
        else:
            what = details["msg"].removeprefix("Value error, ")
        lines.append(shortened(": ".join(filter(None, (".".join(keys), what)))))
    return lines


# What pydantic's errors are in the words of a YAML file, where its own are of Python.
_WORDS = {
    "extra_forbidden": "no such key",
    "missing": "is missing",
    "tuple_type": "must be a list, as in [{given}]",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}, not {tag}",
    "union_tag_not_found": "{discriminator} is missing",
}
