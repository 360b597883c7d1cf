"""From what the user names to a model that answers."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from genrec.errors import GenRecError
from genrec.llm.adapter import SHIPPED, read_adapter
from genrec.llm.address import public
from genrec.llm.backend import AnswerScorer, Generator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Connection:
    """A model that writes, and, where its scores are to be had, ranks."""

    generator: Generator
    scorer: AnswerScorer | None


@cache
def connect(model: str | None, server: str | None, adapter: str | None = None) -> Connection:
    """Load `model` (default: embedded) in this process, or reach it at `server`, an OpenAI-compatible URL.

    `adapter` is the folder of a LoRA adapter to put on the model; at a server, the name that it serves
    one under. A model that is asked for again is not loaded again.
    """
    if server is None:
        from genrec.llm.local import LocalModel  # deferred: loads torch

        local = LocalModel.load(model or "embedded", Path(adapter) if adapter else None)
        return Connection(local, local)
    from genrec.llm.endpoint import Endpoint
    from genrec.llm.server import ServerModel, VllmModel

    endpoint = Endpoint(server, adapter or model)
    entry = endpoint.entry
    if entry.owned_by != "vllm":
        if adapter:
            raise GenRecError(f"{endpoint.url} is no vLLM server, so no adapter of its can rank")
        return Connection(ServerModel(endpoint), None)
    declared = None
    if adapter:
        if not entry.parent:
            problem = f"{endpoint.url} serves {adapter!r} as a base model, not as an adapter"
            raise GenRecError(f"{problem}; name it with --model")
        declared = read_adapter(_here(endpoint.url, entry.root))
        bases = [base for base in endpoint.models() if base.id == entry.parent]
        if not bases:
            raise GenRecError(f"{endpoint.url} does not list {entry.parent!r}, the model of its adapter {adapter!r}")
        entry = bases[0]
    vllm = VllmModel(endpoint, _tokenizer(endpoint.url, entry.root, model), declared)
    return Connection(vllm, vllm)


def default_adapter(model: str | None, server: str | None) -> str | None:
    """What ranks unless the user says otherwise: for the embedded model its own adapter, at a server if it has it."""
    return shipped_adapter(SHIPPED, model, server)


def shipped_adapter(folder: Path, model: str | None, server: str | None, prompt: str | None = None) -> str | None:
    """An adapter that comes with the embedded model, if that is the model, or the name that a server has it under.

    None, too, if it was taught with another `prompt` (its hash) than there is now.
    """
    if not folder.is_dir() or prompt not in (None, read_adapter(folder).ranking_prompt):
        return None
    if server is None:
        return str(folder) if model in (None, "embedded") else None
    from genrec.llm.endpoint import Endpoint

    endpoint = Endpoint(server, model)
    names = [entry.id for entry in endpoint.models() if entry.parent == endpoint.model]
    return folder.name if folder.name in names else None


def _here(server: str, folder: str | None) -> Path:
    if not folder or not _is_folder(folder):
        raise GenRecError(
            f"{server} loaded the adapter from {folder!r}, which is no folder here, so nobody can tell what it was "
            "trained for. Put the folder at the same path on this machine."
        )
    return Path(folder)


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # too long a name, or one that cannot be
        return False


def _tokenizer(server: str, root: str | None, model: str | None) -> "PreTrainedTokenizerBase":
    """The tokenizer of the model that the server loaded from `root`: a folder here, or a hub's id if the user named it.

    What a server says alone is not looked up on the hub.
    """
    from genrec.llm.loading import load_tokenizer  # deferred: loads torch

    if root and (root == model or _is_folder(root)):
        return load_tokenizer(root)
    raise GenRecError(
        f"{server} loaded its model from {root!r}, which is no folder here, so its tokenizer cannot be had. Put the "
        "model's folder at the same path on this machine, or, if that is its name on the Hugging Face hub and you "
        "trust it, say so with --model."
    )


def connect_scorer(model: str | None, server: str | None, adapter: str | None = None) -> AnswerScorer:
    """As `connect`, for a model that must rank; raises GenRecError if it cannot."""
    scorer = connect(model, server, adapter).scorer
    if scorer is None:
        raise GenRecError(
            f"{public(server or '')} is no vLLM server, so it cannot score given tokens exactly. "
            "Rank with vLLM or with --model, and name this one as --profile-model."
        )
    return scorer
