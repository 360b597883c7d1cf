"""A LoRA adapter's weights: every tensor of its file is put on the model, or the adapter is refused.

PEFT takes what it knows of a description, applies what it finds, and says nothing of the rest. So the description
may hold only what plain LoRA needs, its file exactly the tensors that the description asks for, and after PEFT has
loaded them the model must hold the same ones.
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import regex
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.torch import load_file
from transformers import PreTrainedModel

from genrec.errors import GenRecError
from genrec.llm.adapter import CONFIG, WEIGHTS
from genrec.llm.folder import blaming
from genrec.llm.weights import FLOATS, Held, all_finite, few, held, one_line, require_inside
from genrec.validation import first_problem

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel

PREFIX = "base_model.model."
TENSOR = regex.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")
MATCH_SECONDS = 1.0  # for a pattern of names: some patterns would take forever
MOST_RANK = 4096
COUNT = regex.compile(r"(\d+)[^\d}]*\}")  # the last of a pattern's "{2,5}" or "{2,}"
MOST_COPIES = 10_000  # a pattern's counts, multiplied: what is repeated is written out when it is compiled

# Settings of other kinds of LoRA, which must be off.
OTHER_KINDS = frozenset(
    {
        "alora_invocation_tokens", "alpha_pattern", "arrow_config", "corda_config", "ensure_weight_tying", "eva_config",
        "exclude_modules", "fan_in_fan_out", "kasa_config", "layer_replication", "layers_pattern",
        "layers_to_transform", "loftq_config", "lora_bias", "lora_ga_config", "megatron_config", "modules_to_save",
        "monteclora_config", "rank_pattern", "target_parameters", "trainable_token_indices", "use_bdlora", "use_dora",
        "use_qalora", "velora_config",
    }
)  # fmt: skip

Name = Annotated[str, Field(min_length=1, max_length=1000)]


class LoraDescription(BaseModel):
    """`adapter_config.json` as PEFT writes it for plain LoRA: what transformers and vLLM compute alike."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    peft_type: Literal["LORA"]
    task_type: Literal["CAUSAL_LM"] | None = None
    r: int = Field(ge=1, le=MOST_RANK)
    lora_alpha: float = Field(gt=0, le=1e6, allow_inf_nan=False)
    target_modules: Name | Annotated[list[Name], Field(min_length=1, max_length=100_000)]
    use_rslora: bool = False
    bias: Literal["none"] = "none"

    # No matter to a trained adapter.
    base_model_name_or_path: str | None = None
    revision: str | None = None
    peft_version: str | None = None
    inference_mode: bool = False
    auto_mapping: dict[str, str | None] | None = None
    lora_dropout: float = Field(0.0, ge=0, le=1)
    init_lora_weights: Literal[True, False, "gaussian", "orthogonal", None] = True
    megatron_core: str | None = None
    qalora_group_size: int | None = None

    @model_validator(mode="after")
    def _is_plain(self) -> "LoraDescription":
        for key, value in (self.model_extra or {}).items():
            if key not in OTHER_KINDS:
                raise ValueError(f"{key} is not a setting of PEFT that GenRec knows")
            if not (value is None or value is False or value in ("", [], {})):  # 0 may be the number of a layer
                raise ValueError(f"{key} must be off")
        return self


def read_description(folder: Path) -> LoraDescription:
    """What an adapter's folder says of its weights; raises GenRecError for anything but plain LoRA."""
    require_inside(folder, [CONFIG, WEIGHTS])
    try:
        return LoraDescription.model_validate_json((folder / CONFIG).read_bytes())
    except ValidationError as error:
        raise GenRecError(
            f"--adapter {folder}: only plain LoRA can be used, which {CONFIG} does not describe: "
            f"{first_problem(error)}. Merge the adapter into its base model and use that instead."
        ) from None


def lora_rank(folder: Path) -> int:
    """The adapter's rank; raises GenRecError for a kind of adapter that cannot be served exactly."""
    return read_description(folder).r


def checked_weights(folder: Path, model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The adapter's tensors; raises GenRecError unless each has its place in the model (which may be on "meta").

    The linear layers that the description names must be those that the file has both matrices for.
    """
    where = f"--adapter {folder}"
    description, tensors = read_description(folder), held([folder / WEIGHTS])
    layers = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    for name, tensor in tensors.items():
        _require_place(where, name, tensor, layers, description.r)
    asked = _asked(where, description, model)
    for part in "AB":
        given = {found[1] for name in tensors if (found := TENSOR.fullmatch(name)) and found[2] == part}
        if absent := asked - given:
            raise GenRecError(f"{where}: {WEIGHTS} lacks the matrix {part} of {few(absent)}.")
        if beyond := given - asked:
            raise GenRecError(f"{where}: {CONFIG} leaves out layers that {WEIGHTS} has weights for: {few(beyond)}.")
    if any(layers[name].weight is model.get_input_embeddings().weight for name in asked):
        raise GenRecError(f"{where}: adapts the output layer, which the model shares with its embedding.")
    weights: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    for name, weight in weights.items():
        if not all_finite(weight):
            raise GenRecError(f"{where}: tensor {name} holds NaN or infinity.")
    return weights


def put_on(model: PreTrainedModel, folder: Path, *, trainable: bool = False) -> "PeftModel":
    """The model with an adapter on it; raises GenRecError if the adapter is damaged or would be applied in part."""
    from peft import PeftModel  # deferred: takes seconds

    weights = checked_weights(folder, model)
    with blaming(f"--adapter {folder}: PEFT cannot apply it"):
        adapted = PeftModel.from_pretrained(
            model, folder, is_trainable=trainable, config=_peft_config(folder, weights, base=model.name_or_path)
        )
    _require_applied(folder, adapted, weights)
    return adapted


def _require_place(where: str, name: str, tensor: Held, layers: Mapping[str, torch.nn.Linear], rank: int) -> None:
    if tensor.dtype not in FLOATS:
        raise GenRecError(f"{where}: tensor {name} holds numbers of type {tensor.dtype}.")
    found = TENSOR.fullmatch(name)
    if found is None:
        raise GenRecError(f"{where}: tensor {name} is not a matrix of plain LoRA.")
    layer = layers.get(found[1])
    wanted = None
    if layer is not None:
        wanted = (rank, layer.in_features) if found[2] == "A" else (layer.out_features, rank)
    if tensor.shape != wanted:
        told = f"there it would be {wanted}" if wanted else "it has no such linear layer"
        raise GenRecError(
            f"{where}: was made for another base model or rank: {name} has shape {tensor.shape}, but {told}."
        )


def _asked(where: str, description: LoraDescription, model: PreTrainedModel) -> set[str]:
    """The modules that the description names, as PEFT reads it: a pattern, or ends of names."""
    asked = description.target_modules
    names = [name for name, _ in model.named_modules()]
    if isinstance(asked, list):
        ends = tuple(f".{end}" for end in asked)
        return {name for name in names if f".{name}".endswith(ends)}
    if asked.lower() == "all-linear":
        head = model.get_output_embeddings()
        return {
            name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and module is not head
        }
    try:
        if prod(max(int(count), 1) for count in COUNT.findall(asked)) > MOST_COPIES:
            raise ValueError("it repeats too much")
        pattern = regex.compile(asked)
        return {name for name in names if pattern.fullmatch(name, timeout=MATCH_SECONDS)}
    except (regex.error, ValueError, TimeoutError) as error:  # ValueError: of flags that exclude one another
        raise GenRecError(f"{where}: target_modules is not a usable pattern: {one_line(error)}.") from None


def _peft_config(folder: Path, weights: Mapping[str, torch.Tensor], base: str) -> "LoraConfig":
    """PEFT's form of the description; a pattern is replaced by the names that it stands for.

    `base` is where the model is on this machine: with a name alone, PEFT asks the hub for it at each saving.
    """
    from peft import LoraConfig

    description = read_description(folder)
    modules = description.target_modules
    if isinstance(modules, str):
        modules = sorted({name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in weights})
    return LoraConfig(
        task_type=description.task_type,
        r=description.r,
        lora_alpha=description.lora_alpha,
        lora_dropout=description.lora_dropout,
        use_rslora=description.use_rslora,
        target_modules=modules,
        base_model_name_or_path=base,
    )


def _require_applied(folder: Path, adapted: "PeftModel", weights: Mapping[str, torch.Tensor]) -> None:
    """Raise GenRecError unless the model's LoRA parameters are the file's tensors."""
    there = {
        name.replace(".default.weight", ".weight"): weight.detach().cpu()
        for name, weight in adapted.named_parameters()
        if ".lora_" in name
    }
    wrong = weights.keys() ^ there.keys() or {
        name for name, weight in weights.items() if not torch.equal(weight.to(there[name].dtype), there[name])
    }
    if wrong:
        raise GenRecError(f"--adapter {folder}: would be applied in part: {few(wrong)}.")
