"""Counts of steps that do not fit into memory: files of sorted counts, merged range by range into one."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrec.rankers.sparse import Ints
from genrec.rankers.steps import STEPS, best_steps

RANGE = 4_000_000  # counts that are merged together
ROWS = 20_000  # places whose best are found together


@dataclass(frozen=True)
class MergedSteps:
    """How often each step was taken: `key` is before * places + after, ascending."""

    key: Ints
    count: NDArray[np.int64]

    def best(self, places: int) -> Ints:
        """See `best_steps`; found for some places at a time."""
        best = np.full((places, STEPS), -1, dtype=np.int64)
        for first in range(0, places, ROWS):
            end = min(first + ROWS, places)
            low, high = np.searchsorted(self.key, [first * places, end * places])
            key = np.asarray(self.key[low:high])
            best[first:end] = best_steps(key // places - first, self.count[low:high], key % places, end - first)
        return best


class StepFiles:
    """Counts of steps, of one set of persons after the other."""

    def __init__(self, home: Path, places: int) -> None:
        self._home, self._places = home, places
        self._sizes: list[int] = []
        home.mkdir(parents=True, exist_ok=True)

    def add(self, before: Ints, after: Ints) -> None:
        """Count the steps of some persons."""
        key, count = np.unique(before * self._places + after, return_counts=True)
        key.tofile(self._home / f"key-{len(self._sizes)}")
        count.astype(np.int64).tofile(self._home / f"count-{len(self._sizes)}")
        self._sizes.append(len(key))

    def merged(self) -> MergedSteps:
        """All of them together; the files so far go."""
        parts = [(self._file("key", i), self._file("count", i)) for i, size in enumerate(self._sizes) if size]
        total = 0
        with (self._home / "key").open("wb") as keys, (self._home / "count").open("wb") as counts:
            for low, high in self._ranges():
                key, count = _together(parts, low * self._places, high * self._places)
                key.tofile(keys)
                count.tofile(counts)
                total += len(key)
        for number in range(len(self._sizes)):
            (self._home / f"key-{number}").unlink()
            (self._home / f"count-{number}").unlink()
        return MergedSteps(_mapped(self._home / "key", total), _mapped(self._home / "count", total))

    def _file(self, what: str, number: int) -> Ints:
        return _mapped(self._home / f"{what}-{number}", self._sizes[number])

    def _ranges(self) -> list[tuple[int, int]]:
        """Ranges of places, about RANGE counts each."""
        pieces = max(1, min(self._places, -(-sum(self._sizes) // RANGE)))
        bounds = [self._places * piece // pieces for piece in range(pieces + 1)]
        return list(pairwise(bounds))


def _together(parts: list[tuple[Ints, Ints]], low: int, high: int) -> tuple[Ints, Ints]:
    """The counts of the keys from `low` up to `high`, added up."""
    spans = [(key, count, *np.searchsorted(key, [low, high])) for key, count in parts]
    keys = [np.asarray(key[first:end]) for key, _, first, end in spans]
    if not keys:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    counts = np.concatenate([np.asarray(count[first:end]) for _, count, first, end in spans])
    return key, np.bincount(inverse, counts, minlength=len(key)).astype(np.int64)


def _mapped(path: Path, size: int) -> Ints:
    return np.memmap(path, dtype=np.int64, mode="r", shape=(size,)) if size else np.zeros(0, np.int64)
