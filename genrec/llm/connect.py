"""From what the user names to a model that answers."""

from dataclasses import dataclass
from functools import cache

from genrec.errors import GenRecError
from genrec.llm.backend import Generator, Ranker


@dataclass(frozen=True)
class Connection:
    """A model that writes, and, where its scores are to be had, ranks."""

    generator: Generator
    ranker: Ranker | None


@cache
def connect(model: str | None, server: str | None) -> Connection:
    """Load `model` (default: embedded) in this process, or reach it at `server`, an OpenAI-compatible URL.

    A model that is asked for again is not loaded again.
    """
    if server is None:
        from genrec.llm.local import LocalModel  # deferred: loads torch

        local = LocalModel.load(model or "embedded")
        return Connection(local, local)
    from transformers import AutoTokenizer  # deferred: takes seconds

    from genrec.llm.server import Endpoint, ServerModel, VllmModel

    endpoint = Endpoint(server, model)
    tokenizer_source = endpoint.vllm_root()
    if tokenizer_source is None:
        remote = ServerModel(endpoint)
        return Connection(remote, None)
    try:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_source)
    except (OSError, ValueError):
        raise GenRecError(
            f"{server} loaded its model from {tokenizer_source!r}, which is neither a folder here nor a model of the "
            "hub, so its tokenizer cannot be had. Put the model's folder at the same path on this machine."
        ) from None
    vllm = VllmModel(endpoint, tokenizer)
    return Connection(vllm, vllm)


def connect_ranker(model: str | None, server: str | None) -> Ranker:
    """As `connect`, for a model that must rank; raises GenRecError if it cannot."""
    ranker = connect(model, server).ranker
    if ranker is None:
        raise GenRecError(
            f"{server} is no vLLM server, so it cannot score given tokens exactly. "
            "Rank with vLLM or with --model, and name this one as --profile-model."
        )
    return ranker
