"""A trained ranker, and on disk: NAME.json says what it is, NAME.safetensors holds its weights.

A folder may come from anywhere: it is read without running anything of it, and checked before it is used.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file, save_file
from torch import nn

from genrec.errors import InputError
from genrec.evidence import Evidence
from genrec.files import atomic_path, require_regular, write_text
from genrec.llm.weights import all_finite, few, held
from genrec.prepared import catalogue_hash, places_known
from genrec.rankers.ranker import Floats, Ints, Query
from genrec.validation import first_problem
from genrec.versions import settled

ANY = "any"
MAX_SETTINGS_BYTES = 16 << 20


class TrainedOn(BaseModel):
    """Which check-ins a ranker has seen, and the seed of its training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    rows: int
    last: datetime
    seed: int


class TrainedSettings(BaseModel):
    """What every trained ranker says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    catalogue: str = Field(pattern=r"^(any|[0-9a-f]{16})$", description='hash of the catalogue it is for, or "any"')
    trained_on: TrainedOn


Settings = TypeVar("Settings", bound=TrainedSettings)
Network = TypeVar("Network", bound=nn.Module)
Drawn = TypeVar("Drawn")


class TrainedRanker(ABC, Generic[Settings, Network, Drawn]):
    """A network as a ranker; see `Ranker` and `Voice`.

    Attributes:
        name: of the ranker, and of its files.
        unsaid: which of its settings are too long for an account of a run.
        trained: what it says of itself.
        network: the network.

    """

    name: str
    unsaid: ClassVar[set[str]]

    def __init__(self, settings: Settings, network: Network) -> None:
        self.trained = settings
        self.network = network.eval()
        self._latest: tuple[Evidence, Drawn] | None = None

    @classmethod
    @abstractmethod
    def described(cls, folder: Path) -> Settings:
        """What the ranker of a folder says of itself."""

    @classmethod
    @abstractmethod
    def untrained(cls, settings: Settings) -> Network:
        """A network of these shapes."""

    @abstractmethod
    def draw(self, evidence: Evidence) -> Drawn:
        """All that answers share which rest on the same evidence."""

    @abstractmethod
    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""

    @abstractmethod
    def score_at(self, queries: Sequence[Query], evidence: Evidence, pois: Ints) -> Floats:
        """See `Voice`."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ranker of a folder; raises GenRecError if it has none, or a faulty one."""
        folder = settled(folder)
        settings = cls.described(folder)
        network = cls.untrained(settings)
        read_weights(folder, cls.name, network)
        return cls(settings, network)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_trained(folder, self.name, self.trained, self.network)

    def settings(self) -> dict[str, Any]:
        """See `Ranker`; without what is `unsaid`."""
        return self.trained.model_dump(mode="json", exclude=self.unsaid)

    def drawn(self, evidence: Evidence) -> Drawn:
        """See `draw`; kept for the evidence that was asked about last."""
        if self._latest is None or self._latest[0] is not evidence:
            self._latest = evidence, self.draw(evidence)
        return self._latest[1]


def is_written(folder: Path, name: str) -> bool:
    """Whether a folder has the files of a ranker."""
    return all((folder / f"{name}.{ending}").exists() for ending in ("json", "safetensors"))


def write_trained(folder: Path, name: str, settings: TrainedSettings, network: nn.Module) -> None:
    """Write a ranker into a folder: first its weights, then what it is, so that a killed write leaves no new one."""
    (folder / f"{name}.json").unlink(missing_ok=True)
    with atomic_path(folder / f"{name}.safetensors") as temporary:
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, temporary)
    write_text(folder / f"{name}.json", settings.model_dump_json(indent=1) + "\n")


def read_settings(folder: Path, name: str, kind: type[Settings]) -> Settings:
    """What the ranker in a folder says of itself; raises InputError if there is none, or it is faulty."""
    path = folder / f"{name}.json"
    if not path.exists():
        problem = f"is not a folder that `genrec-train rankers` has written: it has no {path.name}."
        raise InputError(problem, file=folder, fix="Name such a folder, or train one.")
    require_regular(path)
    if path.stat().st_size > MAX_SETTINGS_BYTES:
        raise InputError(f"larger than {MAX_SETTINGS_BYTES >> 20} MB: not a ranker's settings.", file=path)
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"faulty: {first_problem(error)}.", file=path, fix="Train the ranker again.") from None


def read_weights(folder: Path, name: str, network: nn.Module) -> None:
    """Put a folder's weights into a network of the same shapes; raises InputError for others, and for damaged ones."""
    path = folder / f"{name}.safetensors"
    require_regular(path)
    again = "Train the ranker again."
    there = {key: tensor.shape for key, tensor in held([path]).items()}
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    if different := {key for key in there.keys() | expected.keys() if there.get(key) != expected.get(key)}:
        raise InputError(f"missing, unknown or misshapen tensors: {few(different)}.", file=path, fix=again)
    weights = load_file(path)
    if damaged := [key for key, tensor in weights.items() if not all_finite(tensor)]:
        raise InputError(f"holds what is not a number: {few(damaged)}.", file=path, fix=again)
    network.load_state_dict(weights)
    network.eval()


def require_grown(settings: TrainedSettings, pois: pl.DataFrame) -> None:
    """Raise InputError unless the ranker is for this catalogue, or for one that it has grown from."""
    if settings.catalogue != ANY and places_known(pois, settings.catalogue) is None:
        require_catalogue(settings, catalogue_hash(pois))


def require_catalogue(settings: TrainedSettings, catalogue: str) -> None:
    """Raise InputError unless the ranker is for this catalogue."""
    if settings.catalogue not in (ANY, catalogue):
        raise InputError(
            f"trained for another catalogue of places ({settings.catalogue}) than these check-ins have ({catalogue}).",
            file="the trained ranker",
            fix="Name all check-ins that it has learned from, best a folder to which each month was added; or train it "
            "on these.",
        )
