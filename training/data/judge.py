"""Which places are like the visited one, and which of two places is the better answer."""

import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE
from genrec.geo import haversine_km
from training.data.preferences import PlaceRule

CANDIDATES = 5  # answers that a source offers for an example: its best, or the nearest, or as many drawn at random


class Judge:
    """The catalogue, asked what is like a place."""

    def __init__(self, pois: pl.DataFrame) -> None:
        self._category = pois[CATEGORY].to_numpy()
        self._latitude, self._longitude = pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy()

    def __len__(self) -> int:
        return len(self._category)

    def distances_km(self, poi: int) -> NDArray[np.float64]:
        """To every place. Shape: (pois,)."""
        return haversine_km(self._latitude[poi], self._longitude[poi], self._latitude, self._longitude)

    def nearby(self, poi: int, count: int) -> list[int]:
        """The nearest other places of the same category."""
        order = np.argsort(self.distances_km(poi), kind="stable")
        return [int(i) for i in order if i != poi and self._category[i] == self._category[poi]][:count]

    def judge(self, a: int, b: int, truth: int) -> tuple[int, int] | None:
        """(the better, the worse): the truth wins, else the truth's category, else the nearer to it; None if equal."""
        distances = self.distances_km(truth)

        def badness(poi: int) -> tuple[bool, bool, float]:
            return poi != truth, bool(self._category[poi] != self._category[truth]), float(distances[poi])

        if badness(a) == badness(b):
            return None
        return (a, b) if badness(a) < badness(b) else (b, a)

    def pair(
        self, candidates: Sequence[int], truth: int, rule: PlaceRule, taken: set[tuple[int, int]], draw: random.Random
    ) -> tuple[int, int] | None:
        """A (chosen, rejected) that is not yet taken, drawn from the candidates; None if there is none."""
        if rule == "truth":
            possible = [(truth, poi) for poi in candidates if poi != truth]
        else:
            judged = (self.judge(a, b, truth) for a, b in combinations(candidates, 2))
            possible = [pair for pair in judged if pair]
        new = [pair for pair in possible if pair not in taken]
        return draw.choice(new) if new else None
