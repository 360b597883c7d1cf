"""Measures of a whole person that sentences may claim: how far they go, whether to new places, when."""

from typing import Final, Literal

import numpy as np

from genrec.geo import haversine_km
from genrec.habit_models import Habits
from genrec.profiles.when import DAY_PARTS

EXPLORING, RETURNING = 0.4, 0.3  # shares of first visits: at least, at most
PART_SHARE: Final = 0.55  # of the visits, in a part of the day
PARTS: Final = ("morning", "afternoon", "evening", "night")

Novelty = Literal["new", "known"]


def share_within(habits: Habits, poi: int, km: float) -> float:
    """Share of the visits that are at most so far from a place of the person's."""
    [centre] = [place for place in habits.places if place.poi == poi]
    latitudes = np.array([place.latitude for place in habits.places])
    longitudes = np.array([place.longitude for place in habits.places])
    visits = np.array([place.visits for place in habits.places])
    near = haversine_km(latitudes, longitudes, centre.latitude, centre.longitude) <= km
    return float(visits[near].sum() / visits.sum())


def novelty(habits: Habits) -> Novelty | None:
    """Whether somebody goes to new places, or to those that they know."""
    if habits.exploration_rate >= EXPLORING:
        return "new"
    return "known" if 0 < habits.exploration_rate <= RETURNING else None


def usual_part(habits: Habits) -> str | None:
    """The part of the day with most of the visits, if one stands out."""
    total = sum(habits.hours)
    shares = {part: sum(habits.hours[hour] for hour in _hours(*DAY_PARTS[part])) / max(total, 1) for part in PARTS}
    best = max(shares, key=lambda part: shares[part])
    return best if shares[best] >= PART_SHARE else None


def _hours(first: int, end: int) -> list[int]:
    return [(first + i) % 24 for i in range((end - first) % 24)]
