"""A ranker as a method of a run."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from eval.methods.method import Ranked
from eval.protocol import Cases, evidence_at
from genrec.rankers.ranker import Ranker, best

NOTHING = "the ranker has nothing to say"


class RankerMethod:
    """Asks a ranker about examples that share evidence together; places that it says nothing of are not ranked."""

    def __init__(self, ranker: Ranker) -> None:
        self.name = ranker.name
        self.ranker = ranker

    def settings(self, _: Cases) -> dict[str, Any]:
        """See `Method`."""
        return self.ranker.settings()

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`."""
        for as_of, group in groupby(examples, key=lambda number: cases.examples[number].as_of):
            numbers = list(group)
            evidence = evidence_at(cases, as_of)
            scores = self.ranker.score([cases.query(number) for number in numbers], evidence)
            for number, row, pois in zip(numbers, scores, best(scores, k), strict=True):
                ranked = pois[np.isfinite(row[pois])]
                failure = None if len(ranked) else NOTHING
                yield Ranked(
                    number, evidence.fingerprint, ranked.tolist(), np.exp(row[ranked]).tolist(), failure=failure
                )
