"""A fusion with a part left out, so that one can measure what the part is worth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrec.errors import GenRecError
from genrec.rankers.features import ALL_FIELDS
from genrec.rankers.fields import FIELDS
from genrec.rankers.fusion_net import NOTHING, Fused


@dataclass(frozen=True)
class Parts:
    """What a fusion ranks with; by default with all that it has.

    Attributes:
        without: a field of evidence, or a ranker, that is not heard. Its places stay candidates.
        residual: whether the listwise network corrects the mixture of fields.
        gate: weights of the fields by their names, instead of those that it finds by person and situation.

    """

    without: str | None = None
    residual: bool = True
    gate: Mapping[str, float] | None = None

    def settings(self) -> dict[str, Any]:
        """What differs from a whole fusion, in plain types."""
        return {name: value for name, value in asdict(self).items() if value != getattr(WHOLE, name)}

    def require(self, rankers: tuple[str, ...]) -> None:
        """Raise GenRecError if a fusion that weighs these rankers does not have the part."""
        there = (*FIELDS, *rankers)
        if self.without is not None and self.without not in there:
            raise GenRecError(f"the fusion has no part {self.without!r} to go without; it has {', '.join(there)}")

    def heard(self, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which fields say something, of those that do. Shape: (queries, fields)."""
        return present if self.without is None else present & (np.array(ALL_FIELDS) != self.without)

    def of(self, fused: Fused, mask: Tensor, present: Tensor, temperature: Tensor) -> Fused:
        """What is left of the network's answer. Args: masks of candidates and of fields; the network's temperature."""
        if self.gate is not None:
            gate = torch.tensor([self.gate.get(field, 0.0) for field in ALL_FIELDS]) * present
            gate = torch.where(gate.sum(dim=1, keepdim=True) > 0, gate, 1.0)  # nothing weighed speaks: all even
            gate = gate / gate.sum(dim=1, keepdim=True)
            mixture = torch.logsumexp(gate[:, None].clamp_min(1e-9).log() + fused.fields, dim=2)
            moved = fused.log + (mixture - fused.mixture) / temperature
            log = moved.masked_fill(~mask, NOTHING).log_softmax(dim=1)
            fused = fused._replace(log=log, gate=gate, mixture=mixture.masked_fill(~mask, NOTHING))
        return fused if self.residual else fused._replace(log=fused.mixture.log_softmax(dim=1))


WHOLE = Parts()
