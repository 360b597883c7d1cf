"""What `genrec app --explore` names: the best places, and in the last line one that is drawn from those behind them.

Each answer keeps the chance that each of its places had to be named. So what people say of them tells what other
rankers would have earned (`genrec-train online`).
"""

import random
from collections.abc import Sequence

from genrec.ranking import Place

BEHIND = 50  # places from which one is drawn
EVEN = 0.1  # the chance that it is drawn evenly, not by its probability


def with_chance(places: Sequence[Place], k: int) -> tuple[list[Place], list[float]]:
    """`k` of the places, which come best first, and the chance of each to be among them."""
    if len(places) <= k:
        return list(places), [1.0] * len(places)
    first, behind = list(places[: k - 1]), places[k - 1 :]
    total = sum(place.probability for place in behind)
    by_probability = [place.probability / total if total else 1 / len(behind) for place in behind]
    chances = [(1 - EVEN) * chance + EVEN / len(behind) for chance in by_probability]
    [drawn] = random.choices(range(len(behind)), chances)
    return [*first, behind[drawn]], [1.0] * len(first) + [chances[drawn]]
