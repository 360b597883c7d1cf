"""A model behind one server, or behind several that serve the same: what is checked before it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from genrec.errors import GenRecError
from genrec.files import file_hash
from genrec.llm.adapter import WEIGHTS, Adapter, read_adapter
from genrec.llm.answers import ModelEntry
from genrec.llm.backend import Connection
from genrec.llm.endpoint import Endpoint
from genrec.llm.fleet import Fleet
from genrec.llm.folder import load_config, plain_errors, shapes_only
from genrec.llm.loading import load_tokenizer
from genrec.llm.lora import checked_weights
from genrec.llm.server import ServerModel, VllmModel


def served(urls: Sequence[str], model: str | None, adapter: str | None) -> Connection:
    """The model, or the adapter of this name, at these addresses; raises GenRecError if they do not serve the same."""
    if len(urls) > 1:
        return _several(urls, model, adapter)
    endpoint = Endpoint(urls[0], adapter or model)
    base, declared = _base(endpoint, adapter)
    if endpoint.entry.owned_by != "vllm":
        return Connection(ServerModel(endpoint), None)
    vllm = VllmModel(endpoint, _tokenizer(endpoint.url, base.root, model), declared)
    return Connection(vllm, vllm)


def _several(urls: Sequence[str], model: str | None, adapter: str | None) -> Connection:
    replicas = _Replicas(model, adapter)
    fleet = Fleet(urls, replicas.take_in)
    if fleet.entry.owned_by != "vllm":
        return Connection(ServerModel(fleet), None)
    # Of what was checked: the first one may have gone since.
    vllm = VllmModel(fleet, _tokenizer(replicas.first.url, replicas.base.root, model), replicas.declared)
    return Connection(vllm, vllm)


@dataclass(frozen=True)
class _Same:
    """What servers must have in common: who made them, the base model, and of an adapter name and contents."""

    owner: str | None
    base: str
    adapter: Adapter | None = None
    weights: str | None = None  # hash


class _Replicas:
    """Servers of one model, each checked when it comes: the first one says what the others must serve."""

    def __init__(self, model: str | None, adapter: str | None) -> None:
        self._model, self._adapter = model, adapter
        self._same: _Same | None = None
        self.first: Endpoint
        self.base: ModelEntry
        self.declared: Adapter | None

    def take_in(self, url: str) -> Endpoint:
        """Connect to a server; raises GenRecError if it serves something else than the first."""
        endpoint = Endpoint(url, self._adapter or self._model, alone=False)
        base, declared = _base(endpoint, self._adapter)
        same = self._served(endpoint, base, declared)
        if self._same is None:
            self._same, self.first, self.base, self.declared = same, endpoint, base, declared
        elif same != self._same:
            raise GenRecError(
                f"{endpoint.url} does not serve the same as {self.first.url}: {_differing(same, self._same)}. Start "
                "all servers with the same --model and --adapter."
            )
        return endpoint

    def _served(self, endpoint: Endpoint, base: ModelEntry, declared: Adapter | None) -> _Same:
        owner, name = endpoint.entry.owned_by, Path(endpoint.entry.root or endpoint.model).name
        if declared is None:
            return _Same(owner, name)
        folder = _here(endpoint.url, endpoint.entry.root)
        _require_shape(folder, base)
        endpoint.post_all("/v1/completions", [{"prompt": [1], "max_tokens": 1}])  # so that it is loaded
        return _Same(owner, Path(base.root or base.id).name, declared, file_hash(folder / WEIGHTS))


def _differing(one: _Same, other: _Same) -> str:
    """What differs, in words."""
    if one.base != other.base:
        return f"its model is {one.base!r}, not {other.base!r}"
    if one.adapter != other.adapter:
        return "its adapter was made for another model, catalogue or prompt"
    return "its adapter has other weights" if one.weights != other.weights else "one is a vLLM server"


def _require_shape(folder: Path, base: ModelEntry) -> None:
    """Raise GenRecError unless an adapter fits the base model: vLLM would serve it all the same, and wrong."""
    if base.root and _is_folder(base.root):
        with plain_errors(base.root):
            shapes = shapes_only(load_config(base.root))
        checked_weights(folder, shapes)


def _base(endpoint: Endpoint, adapter: str | None) -> tuple[ModelEntry, Adapter | None]:
    """The base model that a server has, and what the adapter on it was made for."""
    entry = endpoint.entry
    if not adapter:
        return entry, None
    if entry.owned_by != "vllm":
        raise GenRecError(f"{endpoint.url} is no vLLM server, so no adapter of its can rank")
    if not entry.parent:
        problem = f"{endpoint.url} serves {adapter!r} as a base model, not as an adapter"
        raise GenRecError(f"{problem}; name it with --model")
    declared = read_adapter(_here(endpoint.url, entry.root))
    bases = [base for base in endpoint.models() if base.id == entry.parent]
    if not bases:
        raise GenRecError(f"{endpoint.url} does not list {entry.parent!r}, the model of its adapter {adapter!r}")
    return bases[0], declared


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


def _tokenizer(server: str, root: str | None, model: str | None) -> PreTrainedTokenizerBase:
    """The tokenizer of the model that the server loaded from `root`: a folder here, or a hub's id if the user named it.

    What a server says alone is not looked up on the hub.
    """
    if root and (root == model or _is_folder(root)):
        return load_tokenizer(root)
    raise GenRecError(
        f"{server} loaded its model from {root!r}, which is no folder here, so its tokenizer cannot be had. Put the "
        "model's folder at the same path on this machine, or, if that is its name on the Hugging Face hub and you "
        "trust it, say so with --model."
    )
