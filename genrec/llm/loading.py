"""From what `--model` says to a model in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import torch
from huggingface_hub import model_info
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from genrec.errors import GenRecError
from genrec.llm import embedded
from genrec.llm.quiet import quiet_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HUB_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class ModelInfo:
    """What was loaded, from where, and how it runs."""

    name: str  # as the user named it
    path: str  # the folder, or the hub id
    dtype: str
    dtype_reason: str
    device: str
    parameters: int  # tied weights count once
    licence: str | None  # None: not known to GenRec


def resolve_model(name: str) -> str:
    """Turn a model's name into what `from_pretrained` takes: a folder, or a hub id unchanged.

    `embedded` becomes its folder in the cache, which is built first if need be. Raises GenRecError for a
    path that leads to no model folder.
    """
    if name == embedded.NAME:
        return str(embedded.embedded_folder())
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise GenRecError(f"model {name}: not a model folder (it has no config.json).")
        return str(path)
    if name.startswith(("/", "./", "../", "~")) or "\\" in name or name.count("/") > 1 or path.exists():
        raise GenRecError(
            f"model {name}: no such folder. Name a model folder, a Hugging Face id (owner/name), or 'embedded'."
        )
    return name


def choose_dtype(device: str) -> tuple[torch.dtype, str]:
    """Choose the number format for a device ("cuda" or "cpu"), and say why.

    On a CPU always float32. Without bfloat16 instructions, bfloat16 is hundreds of times slower; with them
    (AVX512-BF16, 2 cores, embedded model) it is 1.6 times faster on a prompt of 900 tokens and 1.3 times on
    a decoding step of 8, but moves a token's log-probability by 0.03 nats on average and 0.27 at worst and
    changes 2.5 % of the most likely tokens. Rankings would depend on the machine and on the batch.
    """
    if device != "cuda":
        return torch.float32, "exact, and fast on every CPU"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16, "the GPU computes in bfloat16"
    return torch.float32, "the GPU lacks bfloat16"


def load_model(name: str, *, dtype: str = "auto") -> "tuple[PreTrainedModel, PreTrainedTokenizerBase, ModelInfo]":
    """Load a model, ready to run (evaluation mode, on the GPU if there is one), and its tokenizer.

    `dtype` is "auto" (see `choose_dtype`) or one of DTYPES. Only safetensors weights are read, and no code
    that comes with a model is run. Raises GenRecError when the model cannot be had or has no chat template.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        number_format, reason = choose_dtype(device)
    elif dtype in DTYPES:
        number_format, reason = DTYPES[dtype], "asked for"
    else:
        raise GenRecError(f"--dtype {dtype}: use auto, {', '.join(DTYPES)}.")
    path, cached_only = _located(name)
    try:
        with quiet_transformers():
            tokenizer = _tokenizer(name, path, cached_only)
            model = AutoModelForCausalLM.from_pretrained(
                path,
                local_files_only=cached_only,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=number_format,
                device_map=device,
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise GenRecError(_load_problem(name, error)) from error
    info = ModelInfo(
        name=name,
        path=path,
        dtype=str(model.dtype).removeprefix("torch."),
        dtype_reason=reason,
        device=str(model.device),
        parameters=model.num_parameters(),
        licence=embedded.LICENCE if name == embedded.NAME else None,
    )
    return model.eval(), tokenizer, info


def load_tokenizer(name: str) -> "PreTrainedTokenizerBase":
    """A model's tokenizer alone. Raises GenRecError when it cannot be had or has no chat template."""
    path, cached_only = _located(name)
    try:
        with quiet_transformers():
            return _tokenizer(name, path, cached_only)
    except (OSError, ValueError) as error:
        raise GenRecError(_load_problem(name, error)) from error


def _located(name: str) -> tuple[str, bool]:
    """What `from_pretrained` takes, and whether only the hub's cache here can be asked for it."""
    path = resolve_model(name)
    return path, not Path(path).is_dir() and not _hub_answers(path)


def _tokenizer(name: str, path: str, cached_only: bool) -> "PreTrainedTokenizerBase":
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=cached_only, trust_remote_code=False)
    _require_chat_template(tokenizer, name)
    return tokenizer


def _hub_answers(hub_id: str) -> bool:
    """Ask the hub once; False when it cannot be reached (transformers alone would retry for 45 s, file by file)."""
    try:
        model_info(hub_id, timeout=HUB_TIMEOUT)
    except GatedRepoError as error:
        raise GenRecError(
            f"model {hub_id}: the hub asks you to accept the model's terms first. "
            f"Do so at https://huggingface.co/{hub_id}, then run `hf auth login`."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise GenRecError(
            f"model {hub_id}: no folder and no model on the Hugging Face hub has this name. "
            "Check the spelling; a private model needs `hf auth login`."
        ) from error
    except (HfHubHTTPError, httpx.HTTPError, ConnectionError):
        return False
    return True


def _require_chat_template(tokenizer: "PreTrainedTokenizerBase", name: str) -> None:
    if tokenizer.chat_template is None:
        raise GenRecError(
            f"model {name}: its tokenizer has no chat template, so GenRec cannot put a prompt to it. "
            "Use the instruction-tuned version of the model, or put a chat_template.jinja in its folder."
        )


def _load_problem(name: str, error: Exception) -> str:
    if isinstance(error.__cause__, LocalEntryNotFoundError):
        return (
            f"model {name}: no such folder, the Hugging Face hub cannot be reached, and its cache here lacks the "
            "model. Connect, or name a model folder or 'embedded'."
        )
    return f"model {name}: cannot be loaded: {' '.join(str(error).split())}"
