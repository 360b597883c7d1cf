"""From what `--model` says to a model in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import torch
from huggingface_hub import model_info, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from transformers import AutoModelForCausalLM, AutoTokenizer, Cache

from genrec.errors import GenRecError
from genrec.llm import embedded
from genrec.llm.chat import QUESTION, prompt_tokens
from genrec.llm.folder import CONFIG, blaming, checked_config, plain_errors, read_description
from genrec.llm.quiet import quiet_transformers
from genrec.llm.weights import all_finite, few, one_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HUB_TIMEOUT = 10.0  # seconds
# What is taken of a model on the hub.
TOKENIZER_FILES = ("*.json", "*.jinja", "*.txt", "*.model")
MODEL_FILES = (*TOKENIZER_FILES, "model*.safetensors")


@dataclass(frozen=True)
class ModelInfo:
    """What was loaded, from where, and how it runs."""

    name: str  # as the user named it
    path: str  # the folder
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
    that comes with a model is run. Raises GenRecError when the model cannot be had, lacks a tensor or a chat
    template, holds what are not numbers, or cannot compute.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        number_format, reason = choose_dtype(device)
    elif dtype in DTYPES:
        number_format, reason = DTYPES[dtype], "asked for"
    else:
        raise GenRecError(f"--dtype {dtype}: use auto, {', '.join(DTYPES)}.")
    folder = model_folder(name)
    with plain_errors(name), quiet_transformers():
        checked_config(folder)
        tokenizer = _tokenizer(folder)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=number_format,
            device_map=device,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # else they are an error that does not name them
        )
        _require_complete(model, report)
        _require_numbers(model)
        _require_vocabulary(model, tokenizer)
        _require_answer(model.eval())
    info = ModelInfo(
        name=name,
        path=str(folder),
        dtype=str(model.dtype).removeprefix("torch."),
        dtype_reason=reason,
        device=str(model.device),
        parameters=model.num_parameters(),
        licence=embedded.LICENCE if name == embedded.NAME else None,
    )
    return model, tokenizer, info


def load_tokenizer(name: str) -> "PreTrainedTokenizerBase":
    """A model's tokenizer alone. Raises GenRecError when it cannot be had or has no chat template."""
    folder = model_folder(name, TOKENIZER_FILES)
    with plain_errors(name), quiet_transformers():
        read_description(folder)
        return _tokenizer(folder)


def model_folder(name: str, files: Sequence[str] = MODEL_FILES) -> Path:
    """The folder of a model; one of the hub is brought into the hub's cache here, as far as `files` goes."""
    path = resolve_model(name)
    if Path(path).is_dir():
        return Path(path)
    try:
        return Path(
            snapshot_download(
                path, allow_patterns=list(files), ignore_patterns=["*/*"], local_files_only=not _hub_answers(path)
            )
        )
    except LocalEntryNotFoundError as error:
        raise GenRecError(
            f"model {name}: no such folder, the Hugging Face hub cannot be reached, and its cache here lacks the "
            "model. Connect, or name a model folder or 'embedded'."
        ) from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        raise GenRecError(f"model {name}: cannot be downloaded: {one_line(error)}") from error


def _tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer, once it is known to split text and to put a question."""
    with blaming("its tokenizer cannot be had: tokenizer.json or tokenizer_config.json is missing or damaged"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        words = tokenizer.encode("12 places", add_special_tokens=False)
    if tokenizer.chat_template is None:
        raise GenRecError(
            "its tokenizer has no chat template, so GenRec cannot put a prompt to it. Use the instruction-tuned "
            "version of the model, or put a chat_template.jinja in its folder."
        )
    if not words:
        raise GenRecError("its tokenizer knows no words: is tokenizer.json missing?")
    prompt_tokens(tokenizer, QUESTION)  # tries the chat template, which is a program and may fail
    return tokenizer


def _require_complete(model: "PreTrainedModel", report: dict[str, Any]) -> None:
    """Raise GenRecError unless each tensor of the model came from its files, and each of theirs went into it.

    transformers leaves out of its report what an architecture does not need, and tied tensors.
    """
    shapes = [f"{name} {tuple(found)} instead of {tuple(wanted)}" for name, found, wanted in report["mismatched_keys"]]
    problems = {
        "tensors are missing": report["missing_keys"],
        "tensors are unknown": report["unexpected_keys"],
        "shapes differ": shapes,
    }
    faults = [f"{problem}: {few(names)}" for problem, names in problems.items() if names]
    if faults:
        raise GenRecError(
            f"its files are not those of a {type(model).__name__} as config.json says; {'; '.join(faults)}."
        )


def _require_numbers(model: "PreTrainedModel") -> None:
    for name, weight in [*model.named_parameters(), *model.named_buffers()]:
        if not all_finite(weight.detach()):
            raise GenRecError(f"tensor {name} holds NaN or infinity, in {weight.dtype}.")


def _require_vocabulary(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> None:
    """Raise GenRecError if ordinary text may become a token without an embedding.

    Special tokens may lie outside: the text models of Gemma 3 have one for images.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    outside = [word for word, number in tokenizer.get_vocab().items() if number >= rows and number not in special]
    if outside:
        raise GenRecError(
            f"its tokenizer has tokens that the model has no embedding for ({rows:,} rows): {few(map(repr, outside))}."
        )


@torch.inference_mode()
def _require_answer(model: "PreTrainedModel") -> None:
    """Raise GenRecError unless the model reads two tokens, gives numbers, and keeps keys and values for more."""
    tokens = torch.zeros(1, 2, dtype=torch.long, device=model.device)
    with blaming(f"what {CONFIG} describes cannot compute"):
        result = model(input_ids=tokens, use_cache=True)
    if not torch.isfinite(result.logits.max(-1).values).all():
        raise GenRecError("what it computes is not a number; config.json or its weights are not a trained model's.")
    if not isinstance(result.get("past_key_values"), Cache):
        raise GenRecError("it keeps no keys and values of what it has read, so GenRec cannot rank with it here.")


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
