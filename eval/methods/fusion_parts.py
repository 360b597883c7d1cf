"""The fusion as a method of a run, whole or in parts."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from eval.methods.fusion import FusionSpec
from eval.methods.method import Ranked
from eval.methods.sasrec import training_rows
from eval.methods.trained import TrainedMethod
from eval.protocol import Cases, cases, evidence_at
from genrec.errors import GenRecError
from genrec.rankers.features import ALL_FIELDS
from genrec.rankers.fusion import Fusion
from genrec.rankers.parts import Parts

VISITS = 500  # whose gates are averaged
DIGITS = 6  # of a fixed weight


def fusion_method(spec: FusionSpec, folder: Path | None) -> TrainedMethod:
    """The method that a name stands for."""
    if spec.form == "fixed-gate":
        return FixedGate(spec, folder)
    method = TrainedMethod("fusion", folder, Parts(spec.without, residual=spec.form != "mixture"))
    method.name = spec.name
    return method


class FixedGate(TrainedMethod):
    """The fusion with the same weights of fields for everybody: its mean gate.

    The mean is over visits of the second half of the train part, evidence refreshed weekly, and needs no answer of any.
    """

    def __init__(self, spec: FusionSpec, folder: Path | None) -> None:
        super().__init__("fusion", folder)
        self.name = spec.name
        self._fixed_for: Cases | None = None

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`; with the weights. Raises GenRecError if the train part has no visits to take them from."""
        self._fix(cases)
        return super().settings(cases)

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterator[Ranked]:
        """See `Method`."""
        self._fix(cases)
        return super().rank(cases, examples, k)

    def _fix(self, asked: Cases) -> None:
        if self._fixed_for is not asked:
            fusion = cast(Fusion, self.ranker)
            fusion.parts = Parts()
            fusion.parts = Parts(gate=self._mean_gate(fusion, asked))
            self._fixed_for = asked

    def _mean_gate(self, fusion: Fusion, asked: Cases) -> dict[str, float]:
        try:
            past = cases(training_rows(asked), "rolling", timed=asked.timed, limit=VISITS)
        except GenRecError as error:
            raise GenRecError(f"{self.name}: the train part has no visits to take a mean gate from: {error}") from None
        total = dict.fromkeys(ALL_FIELDS, 0.0)
        for as_of, group in groupby(range(len(past.examples)), key=lambda number: past.examples[number].as_of):
            for explained in fusion.explain([past.query(n) for n in group], evidence_at(past, as_of), k=0):
                for field, weight in explained.gate.items():
                    total[field] += weight
        return {field: round(weight / len(past.examples), DIGITS) for field, weight in total.items()}
