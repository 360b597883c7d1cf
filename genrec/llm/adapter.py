"""A LoRA adapter's folder: PEFT's files, and `genrec.json`, which says what the adapter was trained for.

A ranking adapter knows the POIs of one catalogue by their numbers, and one wording of the prompt: with another
catalogue or prompt its rankings look as good as ever and mean nothing. Nor do servers notice a wrong base model.
So all of it is checked before an adapter is used.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from genrec.errors import GenRecError
from genrec.files import require_regular, write_text
from genrec.validation import first_problem

DECLARATION = "genrec.json"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ANY = "any"
SHIPPED = Path(__file__).parent / "ranking_adapter"  # of the embedded model, for any city
WRITER = Path(__file__).parent / "writer_adapter"  # of the embedded model; it writes portraits


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
    if not (folder / DECLARATION).exists():
        raise GenRecError(
            f"--adapter {folder}: has no {DECLARATION}, which says what catalogue and prompt the adapter was trained "
            'for: {"base": ..., "catalogue": ..., "ranking_prompt": ...}.'
        )
    require_regular(folder / DECLARATION)
    try:
        return Adapter.model_validate_json((folder / DECLARATION).read_bytes())
    except ValidationError as error:
        raise GenRecError(f"--adapter {folder}: {DECLARATION} is faulty: {first_problem(error)}.") from None
