"""Trained rankers as methods of a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.methods.rankers import RankerMethod
from eval.protocol import Cases
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.rankers.fusion import Fusion
from genrec.rankers.networks import NETWORKS, Network
from genrec.rankers.parts import WHOLE, Parts
from genrec.rankers.trained import TrainedOn


class TrainedMethod(RankerMethod):
    """A ranker of a folder that has seen nothing of what is asked; without a folder, the fusion that ships.

    `parts`: what the fusion ranks with.
    """

    def __init__(self, name: str, folder: Path | None, parts: Parts = WHOLE) -> None:
        if name == "fusion":
            ranker: Fusion | Network = Fusion(folder, parts)
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
        if cases.home is not None:
            return own | {"trained_on": self._trained_in(cases.home)}
        if seen.last >= first:
            raise GenRecError(
                f"{self._folder}: trained on check-ins up to {seen.last}, and the first visit to predict has evidence "
                f"up to {first}; train on this split's train part (`genrec-train rankers --set train=rolling`, or "
                "llm4poi)."
            )
        return own | {"trained_on": _told(seen)}

    def _trained_in(self, home: Checkins) -> dict[str, Any]:
        """What it was trained on; raises GenRecError if that was not this city."""
        seen = self._trained_on
        if fingerprint(replace(home, frame=home.frame[: seen.rows])) != seen.fingerprint:
            raise GenRecError(f"{self._folder}: not trained on the check-ins of --train")
        return _told(seen)


def _told(seen: TrainedOn) -> dict[str, Any]:
    return {"check_ins": seen.rows, "last": seen.last.isoformat(), "sha256": seen.fingerprint}
