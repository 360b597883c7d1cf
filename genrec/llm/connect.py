"""From what the user names to a model that answers."""

from contextlib import suppress
from functools import cache
from pathlib import Path

from genrec.errors import GenRecError
from genrec.llm.adapter import SHIPPED, read_adapter
from genrec.llm.address import each, shown
from genrec.llm.backend import AnswerScorer, Connection


@cache
def connect(model: str | None, server: str | None, adapter: str | None = None) -> Connection:
    """Load `model` (default: embedded) in this process, or reach it at `server`, an OpenAI-compatible URL.

    Several servers of the same are one text (`genrec.llm.address.together`). `adapter` is the folder of a LoRA adapter
    to put on the model; at a server, the name that it serves one under. A model that is asked for again is not loaded
    again.
    """
    if server is None:
        from genrec.llm.local import LocalModel  # deferred: loads torch

        local = LocalModel.load(model or "embedded", Path(adapter) if adapter else None)
        return Connection(local, local)
    from genrec.llm.served import served  # deferred: loads httpx

    return served(each(server), model, adapter)


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
    return folder.name if folder.name in _adapters(server, model) else None


def _adapters(server: str, model: str | None) -> list[str]:
    """The adapters on a model that a server lists, of several the first one that is there."""
    from genrec.llm.endpoint import Endpoint, GoneError  # deferred: loads httpx

    *others, last = each(server)
    for url in others:
        with suppress(GoneError):
            return Endpoint(url, model).adapters()
    return Endpoint(last, model).adapters()


def connect_scorer(model: str | None, server: str | None, adapter: str | None = None) -> AnswerScorer:
    """As `connect`, for a model that must rank; raises GenRecError if it cannot."""
    scorer = connect(model, server, adapter).scorer
    if scorer is None:
        raise GenRecError(
            f"{shown(server or '')} is no vLLM server, so it cannot score given tokens exactly. "
            "Rank with vLLM or with --model, and name this one as --profile-model."
        )
    return scorer
