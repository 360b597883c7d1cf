"""Trained rankers as methods of a run."""

from pathlib import Path
from typing import Any

from eval.methods.rankers import RankerMethod
from eval.protocol import Cases
from genrec.errors import GenRecError
from genrec.rankers.fusion import Fusion
from genrec.rankers.networks import NETWORKS, Network


class TrainedMethod(RankerMethod):
    """A ranker of a folder that has seen nothing of what is asked; without a folder, the fusion that ships."""

    def __init__(self, name: str, folder: Path | None) -> None:
        if name == "fusion":
            ranker: Fusion | Network = Fusion(folder)
        elif folder is None:
            raise GenRecError(f"{name} needs --rankers DIR, a folder that `genrec-train rankers` has written")
        else:
            ranker = NETWORKS[name].load(folder)
        self._folder = folder
        self._of_other_cities = isinstance(ranker, Fusion) and ranker.ships
        self._trained_on = ranker.trained.trained_on
        super().__init__(ranker)

    def settings(self, cases: Cases) -> dict[str, Any]:
        """See `Method`; raises GenRecError if the ranker was trained on visits that are to be predicted."""
        seen, first = self._trained_on, cases.examples[0].as_of
        own = {key: value for key, value in super().settings(cases).items() if key != "trained_on"} | {
            "seed": seen.seed
        }
        if self._of_other_cities:
            return own
        if seen.last >= first:
            raise GenRecError(
                f"{self._folder}: trained on check-ins up to {seen.last}, and the first visit to predict has evidence "
                f"up to {first}; train on this split's train part (`genrec-train rankers --set train=rolling`, or "
                "llm4poi)."
            )
        trained_on = {"check_ins": seen.rows, "last": seen.last.isoformat(), "sha256": seen.fingerprint}
        return own | {"trained_on": trained_on}
