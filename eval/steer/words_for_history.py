"""Does saying it replace having done it? Newcomers are ranked for with and without words about where they will go.

The words are made from the later visits of the person: the kinds that they go to most, without the visit asked about.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from eval.methods.method import Method, Ranked
from eval.protocol import Cases, evidence_at
from genrec.checkins import Checkins
from genrec.clock import rows_before
from genrec.columns import POI, USER
from genrec.profiles.statements import parse
from genrec.rankers.ranker import Ranker, best
from genrec.steering import Steering

HISTORIES: Final = (0, 1, 3)
KINDS = 3  # that a person speaks of
SAID = "fusion with words"


class SaidMethod:
    """The fusion after each person has said which kinds of places they like.

    `silent`: the fusion as a method, without words; `whole`: all check-ins; `kinds`: those of each place.
    """

    def __init__(
        self,
        silent: Method,
        ranker: Ranker,
        steering: Steering,
        whole: Checkins,
        kinds: Sequence[tuple[str, ...]],
        *,
        strength: float = 1.0,
    ) -> None:
        self.name = SAID
        self._silent = silent
        self._ranker, self._steering, self._whole, self._strength = ranker, steering, whole, strength
        self._kinds = kinds

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`."""
        return self._silent.settings(cases) | {"strength": self._strength, "kinds said": KINDS}

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`."""
        for number in examples:
            evidence = evidence_at(cases, cases.examples[number].as_of)
            [scores] = self._ranker.score([cases.query(number)], evidence)
            said = self._steering.signed(parse(self.says(cases, number), self._steering.vocabulary, {}))
            moved = self._steering.shift(said, cases.at(cases.examples[number]), self._strength).applied(scores)
            [pois] = best(moved[None], k)
            yield Ranked(number, evidence.fingerprint, pois.tolist(), np.exp(moved[pois]).tolist())

    def says(self, cases: Cases, number: int) -> str:
        """What the person of an example says; nothing if they have no other later visit of a known kind."""
        example = cases.examples[number]
        later = self._whole.frame[rows_before(self._whole.frame, example.as_of) :]
        visits = later.filter(pl.col(USER).cast(pl.String) == example.user_id)[POI].to_list()
        visits.remove(example.target)
        counts = Counter(kind for poi in visits for kind in self._kinds[poi])
        return " ".join(f"I like to go to a {kind}." for kind, _ in counts.most_common(KINDS))
