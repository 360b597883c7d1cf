"""How long a study's runs still need, by the results so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.budget.chain import Chain
from training.budget.store import Result

if TYPE_CHECKING:
    from training.budget.workshop import Workshop

PAIR_COST = 3.5  # seconds of a pair in those of a demonstration, before any was timed: 3.3 and 3.6 in two studies


@dataclass
class _Stage:
    """What a stage has done and has to do."""

    examples: int = 0
    seconds: float = 0.0
    to_train: int = 0

    @property
    def rate(self) -> float | None:
        """Seconds an example."""
        return self.seconds / self.examples if self.examples else None


def seconds_left(workshop: "Workshop", chains: Sequence[Chain]) -> float | None:
    """Time that the runs still need, one after another; None before the first result."""
    sft, dpo = _Stage(), _Stage()
    scored: list[float] = []
    to_score = 0
    for chain in chains:
        stage, reached = sft if chain.stage == "sft" else dpo, 0
        for stop in chain.stops:
            result: Result | None = workshop.result(chain, stop)
            if result is None:
                to_score += 1
                stage.to_train += stop - reached
            else:
                stage.examples += result.trained_on
                stage.seconds += result.train_seconds
                scored.append(result.score_seconds)
            reached = stop
    if not scored:
        return None
    each = sft.rate or (dpo.rate or 0.0) / PAIR_COST
    pair = dpo.rate or PAIR_COST * each
    return to_score * sum(scored) / len(scored) + sft.to_train * each + dpo.to_train * pair


def duration(seconds: float) -> str:
    """In hours and minutes, minutes, or seconds."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
