"""A trained ranker on disk: NAME.json says what it is, NAME.safetensors holds its weights.

A folder may come from anywhere: it is read without running anything of it, and checked before it is used.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file, save_file
from torch import nn

from genrec.errors import InputError
from genrec.files import atomic_path, require_regular, write_text
from genrec.llm.weights import all_finite, few, held
from genrec.validation import first_problem

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


def write_trained(folder: Path, name: str, settings: TrainedSettings, network: nn.Module) -> None:
    """Write a ranker into a folder: first its weights, then what it is, so that a killed write leaves no new one."""
    (folder / f"{name}.json").unlink(missing_ok=True)
    with atomic_path(folder / f"{name}.safetensors") as temporary:
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, temporary)
    write_text(folder / f"{name}.json", settings.model_dump_json(indent=1) + "\n")


def read_settings(folder: Path, name: str, kind: type[Settings]) -> Settings:
    """What the ranker in a folder says of itself; raises InputError if there is none, or it is faulty."""
    path = folder / f"{name}.json"
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


def require_catalogue(settings: TrainedSettings, catalogue: str) -> None:
    """Raise InputError unless the ranker is for this catalogue."""
    if settings.catalogue not in (ANY, catalogue):
        raise InputError(
            f"trained for another catalogue of places ({settings.catalogue}) than these check-ins have ({catalogue}).",
            file="the trained ranker",
            fix="Train it on these check-ins.",
        )
