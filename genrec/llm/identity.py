"""Which model answers, in plain types: what is kept beside its answers, to tell them from another model's."""

import hashlib
from pathlib import Path
from typing import Any

from genrec.files import file_hash
from genrec.llm.adapter import WEIGHTS
from genrec.llm.address import shown


def model_settings(model: str | None, server: str | None, adapter: str | None) -> dict[str, Any]:
    """What the user named, and the hash of what lies on this machine; `model` and `adapter` may be None."""
    settings: dict[str, Any] = {
        "model": model or ("embedded" if server is None else None),
        "server": shown(server) if server else None,
    }
    if server is None and model and Path(model).is_dir():
        settings["model_sha256"] = folder_hash(Path(model))
    settings["adapter"] = adapter and Path(adapter).name
    if server is None and adapter:
        settings["adapter_sha256"] = file_hash(Path(adapter) / WEIGHTS)
    return settings


def folder_hash(folder: Path) -> str:
    """SHA-256 of a model folder's weights, tokenizer and template."""
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("*.jinja")]):
        digest.update(f"{file.name}\n".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
