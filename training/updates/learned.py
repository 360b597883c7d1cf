"""What an update leaves to be said."""

from collections.abc import Callable
from dataclasses import dataclass

from training.progress import Progress
from training.updates.account import Scores
from training.updates.schedule import Rates

Bars = Callable[[str], Progress]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Learned:
    """How many new and old examples were learned, how, and what it was good for.

    `kept`: networks that stayed as they were.
    """

    new: int
    old: int
    rates: dict[str, Rates]
    kept: tuple[str, ...]
    before: Scores
    after: Scores
