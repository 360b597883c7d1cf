"""A model's folder, checked before any of it is loaded: its files, its description, and that the two can fit."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue, TypeAdapter, ValidationError
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from genrec.errors import GenRecError, InputError
from genrec.llm.quiet import quiet_transformers
from genrec.llm.weights import FLOATS, Held, held, one_line, require_inside, weight_files
from genrec.validation import first_problem

CONFIG = "config.json"
READ = frozenset({".json", ".jinja", ".txt", ".model"})  # endings of files that transformers reads beside the weights
LONGEST_CONTEXT = 100_000_000  # tokens; the longest known is ten million
# Parts that a model is made of one by one: numbers of them beyond reason cost memory before a tensor is made.
PARTS = re.compile(r"^(?!.*(size|dim|capacity)).*(layer|expert|block|label)")
MOST_PARTS = 512
SLACK = (
    50_000_000  # parameters that a model may have beyond twice what its files hold, before they are compared by name
)
REFUSED = {
    "quantization_config": "the weights are quantised; use the model's unquantised version, or serve it with vLLM",
    "transformers_weights": "it names another file of weights; remove this entry",
    "configuration_files": "it refers to other descriptions; remove this entry",
}


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Turn whatever is raised about a model into one line that names the model."""
    try:
        with blaming("transformers cannot load it"):
            yield
    except GenRecError as error:
        raise GenRecError(f"model {name}: cannot be loaded: {error}") from error


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Turn what a library below raises, of dozens of types, into a GenRecError that says what is at fault."""
    try:
        yield
    except GenRecError:
        raise
    except Exception as error:
        raise GenRecError(f"{what} ({type(error).__name__}: {one_line(error)})") from error


def checked_config(folder: Path) -> PreTrainedConfig:
    """A model's description, once it is known to fit the folder's weights; raises an error if it does not."""
    if (folder / "adapter_config.json").exists():
        raise GenRecError("the folder also holds an adapter (adapter_config.json); keep it apart, and name --adapter.")
    tensors = held(weight_files(folder))
    _require_unquantised(tensors)
    described = read_description(folder)
    for key, problem in REFUSED.items():
        if described.get(key) is not None:
            raise InputError(f"has {key!r}: {problem}.", file=folder / CONFIG)
    _require_parts(described, max(MOST_PARTS, len(tensors)), folder)
    with blaming(f"{CONFIG} does not describe a model that transformers can make"):
        config = load_config(folder)
        model = shapes_only(config)
    _require_room(model, tensors, folder)
    return config


def read_description(folder: Path) -> dict[str, JsonValue]:
    """What `config.json` says; raises GenRecError if it, or another file that would be read, is not what it must be."""
    require_inside(folder, [path.name for path in sorted(folder.iterdir()) if path.suffix in READ])
    try:
        described = TypeAdapter(dict[str, JsonValue]).validate_json((folder / CONFIG).read_bytes())
    except ValidationError as error:
        raise InputError(f"faulty: {first_problem(error)}.", file=folder / CONFIG) from None
    kind, classes = described.get("model_type"), described.get("architectures")
    if not isinstance(kind, str) or kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise InputError(
            f"model_type is {kind!r}, which is not a language model that this version of transformers has; "
            "code that comes with a model is not run.",
            file=folder / CONFIG,
        )
    for name in classes if isinstance(classes, list) else []:
        kinds = [other for other, known in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items() if known == name]
        if kinds and kind not in kinds:
            raise InputError(f"model_type is {kind!r}, but the architecture is {name}.", file=folder / CONFIG)
    return described


def load_config(folder: Path | str) -> PreTrainedConfig:
    """The description as transformers takes it, of a folder or on the hub; raises GenRecError for absurd lengths."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    text = config.get_text_config(decoder=True)
    length, window = getattr(text, "max_position_embeddings", None), getattr(text, "sliding_window", None)
    if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= LONGEST_CONTEXT:
        raise InputError(
            f"max_position_embeddings is {length!r}, not a number of tokens between 1 and {LONGEST_CONTEXT:,}.",
            file=Path(folder) / CONFIG,
        )
    if window is not None and (isinstance(window, bool) or not isinstance(window, int) or window < 1):
        raise InputError(f"sliding_window is {window!r}, not a number of tokens from 1 on.", file=Path(folder) / CONFIG)
    return config


def shapes_only(config: PreTrainedConfig) -> PreTrainedModel:
    """The model that is described, with shapes but without weights."""
    with quiet_transformers(), torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return model


def _require_unquantised(tensors: Mapping[str, Held]) -> None:
    for name, tensor in tensors.items():
        if name.endswith("weight") and tensor.dtype not in FLOATS:
            raise GenRecError(f"tensor {name} holds numbers of type {tensor.dtype}; quantised weights are not read.")


def _require_parts(described: Mapping[str, Any], most: int, folder: Path) -> None:
    for key, value in described.items():
        if isinstance(value, dict):
            _require_parts(value, most, folder)
        elif PARTS.search(key) and isinstance(value, int | float) and not value <= most:
            raise InputError(f"{key} is {value}, more than its files can hold.", file=folder / CONFIG)


def _require_room(model: PreTrainedModel, tensors: Mapping[str, Held], folder: Path) -> None:
    """Before memory is taken: what is missing would be made up, and a description can demand any amount."""
    stored = sum(torch.Size(tensor.shape).numel() for tensor in tensors.values())
    described = sum(tensor.numel() for tensor in [*model.parameters(), *model.buffers()])
    if described > 2 * stored + SLACK:
        raise InputError(
            f"describes a model of {described:,} numbers, but the folder's files hold {stored:,}.",
            file=folder / CONFIG,
        )
