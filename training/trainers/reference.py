"""Log-probabilities of answers by the reference model of DPO, computed once and kept.

Kept under what they depend on: the weights, with any adapter merged into them, and the tokens. A change of learning
rate, seed or output folder costs nothing; a change of weights or number format never goes unnoticed.

They come from the code that ranks: a prompt is read once for both of its answers, and what prompts begin with in
common is read once for all.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from genrec.llm.backend import AnswerScorer
from genrec.llm.decoding import Trie, top_k
from training.progress import Progress, nothing

FILE = "reference.sqlite"
BATCH = 32  # pairs scored and kept at once


@dataclass(frozen=True)
class PairTokens:
    """A prompt and its two answers in tokens, as serving makes them."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    def __len__(self) -> int:
        """Tokens of the longer sequence."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


def weights_hash(model: PreTrainedModel) -> str:
    """Identify a model by its kind, and name, number format and bytes of each weight: 64 hexadecimal digits.

    Reads all weights: about a second per GB.
    """
    digest = hashlib.sha256(type(model).__name__.encode())
    for name, weight in sorted(model.named_parameters(), key=lambda item: item[0]):
        digest.update(f"\n{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def reference_log_probabilities(
    ranker: AnswerScorer,
    weights: str,
    pairs: Sequence[PairTokens],
    cache: Path,
    progress: Progress = nothing,
) -> list[tuple[float, float]]:
    """Natural log-probability of each pair's (chosen, rejected) after its prompt, end token included.

    `weights` is the `weights_hash` of the ranker's model, `cache` the folder that results are kept in. A run that is
    killed goes on where it stopped.
    """
    keys = [_key(weights, pair) for pair in pairs]
    with _opened(cache / FILE) as connection:
        known = {key: row for key in set(keys) if (row := _read(connection, key))}
        missing = [i for i, key in enumerate(keys) if key not in known]
        progress(len(pairs) - len(missing), len(pairs))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            scored = {keys[i]: row for i, row in zip(batch, _score(ranker, [pairs[i] for i in batch]), strict=True)}
            with connection:
                rows = [(key, *row) for key, row in scored.items()]
                connection.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", rows)
            known |= scored
            progress(len(pairs) - len(missing) + start + len(batch), len(pairs))
    return [known[key] for key in keys]


def _score(ranker: AnswerScorer, pairs: Sequence[PairTokens]) -> list[tuple[float, float]]:
    tries = [Trie(list(dict.fromkeys([pair.chosen, pair.rejected]))) for pair in pairs]
    found = top_k(ranker.read([pair.prompt for pair in pairs], tries), tries, 2)
    scores = [{scored.answer: scored.logprob for scored in both} for both in found]
    return [(score[0], score.get(1, score[0])) for score in scores]  # both answers may be the same


def _key(weights: str, pair: PairTokens) -> bytes:
    return hashlib.sha256(f"{weights} {pair.prompt} {pair.chosen} {pair.rejected}".encode()).digest()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, chosen REAL, rejected REAL)")
        yield connection


def _read(connection: sqlite3.Connection, key: bytes) -> tuple[float, float] | None:
    row: tuple[float, float] | None = connection.execute(
        "SELECT chosen, rejected FROM pairs WHERE key = ?", (key,)
    ).fetchone()
    return row
