"""A LoRA adapter's folder: PEFT's files, and `genrec.json`, which says what the adapter was trained for.

A ranking adapter knows the POIs of one catalogue by their numbers, and one wording of the prompt: with another
catalogue or prompt its rankings look as good as ever and mean nothing. Nor do servers notice a wrong base model.
So all of it is checked before an adapter is used.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from genrec.errors import GenRecError
from genrec.files import write_text
from genrec.validation import first_problem

if TYPE_CHECKING:
    import torch

DECLARATION = "genrec.json"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ANY = "any"
SHIPPED = Path(__file__).parent / "ranking_adapter"  # of the embedded model, for any city


class Adapter(BaseModel):
    """What an adapter says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str  # name of the model that it was trained on
    catalogue: str  # hash of the POI catalogue it was trained for, or "any"
    ranking_prompt: str  # hash of the ranking prompt's words

    def require_base(self, model: str) -> None:
        """Raise GenRecError unless the adapter was trained on this model; folders count by their last name."""
        if Path(self.base).name != Path(model).name:
            raise GenRecError(
                f"the adapter was trained on {self.base!r}, not on {model!r}; name that one with --model."
            )

    def require(self, catalogue: str, ranking_prompt: str) -> None:
        """Raise GenRecError unless the adapter is for this catalogue and these words."""
        if self.catalogue not in (ANY, catalogue):
            raise GenRecError(
                f"the adapter was trained for another catalogue of POIs ({self.catalogue}) than these check-ins have "
                f"({catalogue}): it would take their ids for other places. Use the check-ins that it was trained on, "
                "prepared into the same folder, or train one for these."
            )
        if self.ranking_prompt != ranking_prompt:
            raise GenRecError(
                f"the adapter was trained with another ranking prompt ({self.ranking_prompt}) than prompts/ has now "
                f"({ranking_prompt}). Restore the prompt's words, or train again."
            )


def write_declaration(folder: Path, adapter: Adapter) -> None:
    """Put what an adapter is for beside its weights."""
    write_text(folder / DECLARATION, adapter.model_dump_json(indent=2) + "\n")


def read_adapter(folder: Path) -> Adapter:
    """What the adapter in a folder is for; raises GenRecError if the folder is no adapter or does not say."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise GenRecError(f"--adapter {folder}: not a LoRA adapter's folder (it has no {name}).")
    try:
        return Adapter.model_validate_json((folder / DECLARATION).read_bytes())
    except FileNotFoundError:
        raise GenRecError(
            f"--adapter {folder}: has no {DECLARATION}, which says what catalogue and prompt the adapter was trained "
            'for: {"base": ..., "catalogue": ..., "ranking_prompt": ...}.'
        ) from None
    except ValidationError as error:
        raise GenRecError(f"--adapter {folder}: {DECLARATION} is faulty: {first_problem(error)}.") from None


def lora_rank(folder: Path) -> int:
    """The adapter's rank; raises GenRecError for a kind of adapter that cannot be served exactly."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind, rank = config["peft_type"], int(config["r"])
    except (ValueError, KeyError, TypeError):
        raise GenRecError(f"--adapter {folder}: {CONFIG} is no configuration of a LoRA adapter.") from None
    if kind != "LORA" or config.get("use_dora") or config.get("modules_to_save") or config.get("rank_pattern"):
        raise GenRecError(
            f"--adapter {folder}: only plain LoRA can be used: no other method than LORA, no DoRA, no modules_to_save, "
            "no rank_pattern. Merge the adapter into its base model and use that instead."
        )
    return rank


def require_shapes(folder: Path, model: "torch.nn.Module") -> None:
    """Raise GenRecError unless each weight of the adapter fits a linear layer of the model (may be on "meta")."""
    from safetensors import SafetensorError, safe_open

    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            found = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise GenRecError(f"--adapter {folder}: {WEIGHTS} is damaged ({error}).") from None
    rank = lora_rank(folder)
    for name, shape in found.items():
        layer, _, part = name.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
        base = shapes.get(f"{layer}.weight")
        if base is None or shape != ((rank, base[1]) if part == "A" else (base[0], rank)):
            wanted = f"there it is {base}" if base else "it has no such layer"
            raise GenRecError(
                f"--adapter {folder}: was made for another base model: {name} has shape {shape}, but {wanted}."
            )
