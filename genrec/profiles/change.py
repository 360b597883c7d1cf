"""What somebody does more or less often lately than before, told from chance."""

from collections.abc import Collection
from math import comb
from typing import Final, Literal

from genrec.habit_models import Habits, Lately

Direction = Literal["more", "less"]

CHANCE: Final = 0.01  # a change that comes by chance as often as this is none
FACTOR: Final = 1.5  # between the shares of the visits, at least
MIN_VISITS: Final = 3  # lately of what is new or more frequent, before of what is less frequent


def changed(habits: Habits, pois: Collection[int], chance: float = CHANCE) -> Direction | None:
    """Whether these places together have a larger or a smaller share of the visits lately than before.

    Fisher's exact test, one-sided: given all visits of the person, how likely is it that so many of those to the
    places, or more, fall into the last weeks?
    """
    lately = habits.lately
    if lately is None:
        return None
    total = sum(place.visits for place in habits.places if place.poi in set(pois))
    late = visits_lately(lately, pois)
    early, before = total - late, habits.checkins - lately.visits
    now, then = late / lately.visits, early / before
    if late >= MIN_VISITS and now >= FACTOR * then:
        return "more" if _tail(late, lately.visits, total, habits.checkins) < chance else None
    if early >= MIN_VISITS and then >= FACTOR * now:
        return "less" if _tail(early, before, total, habits.checkins) < chance else None
    return None


def visits_lately(lately: Lately, pois: Collection[int]) -> int:
    """Visits to these places since the beginning of what counts as lately."""
    return sum(lately.places.get(poi, 0) for poi in set(pois))


def is_new(habits: Habits, poi: int) -> bool:
    """Whether a place was found lately and has been returned to."""
    lately = habits.lately
    if lately is None or visits_lately(lately, {poi}) < 2:
        return False
    return all(place.first_visit >= lately.since for place in habits.places if place.poi == poi)


def _tail(found: int, drawn: int, marked: int, size: int) -> float:
    """The chance that `drawn` of `size` things hold `found` or more of the `marked` ones."""
    most = min(drawn, marked)
    ways = sum(comb(marked, i) * comb(size - marked, drawn - i) for i in range(found, most + 1))
    return ways / comb(size, drawn)
