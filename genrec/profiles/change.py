"""What somebody does more or less often lately than before, told from chance, and what is new."""

from collections.abc import Collection
from datetime import timedelta
from math import comb
from typing import Final, Literal

from genrec.habit_models import Habits, Lately

Direction = Literal["more", "less"]

CHANCE: Final = 0.01  # a change that comes by chance as often as this is none
FACTOR: Final = 1.7  # between lately and before, at least: of the share of the visits, and of the visits a day
MIN_VISITS: Final = 3  # lately of what is more frequent, before of what is less frequent
NEW: Final = timedelta(days=30)
RETURNED: Final = 2  # visits to a new place


def changed(habits: Habits, pois: Collection[int], chance: float = CHANCE) -> Direction | None:
    """Whether somebody goes to these places more or less often lately than before.

    They have another share of the visits, by Fisher's exact test, one-sided: given all visits of the person, how
    likely is it that so many of those to the places, or more, fall into one of the two spans? And there are more, or
    fewer, visits a day, so that nobody does everything more or less often who tells more or less of it.
    """
    lately = habits.lately
    if lately is None or habits.first is None:
        return None
    total = sum(place.visits for place in habits.places if place.poi in set(pois))
    late = visits_lately(lately, pois)
    early, before = total - late, habits.checkins - lately.visits
    days = (habits.as_of - lately.since) / (lately.since - habits.first)  # for one day before
    if late >= MIN_VISITS and late >= FACTOR * early * max(days, lately.visits / before):
        return "more" if _tail(late, lately.visits, total, habits.checkins) < chance else None
    if early >= MIN_VISITS and early * min(days, lately.visits / before) >= FACTOR * late:
        return "less" if _tail(early, before, total, habits.checkins) < chance else None
    return None


def visits_lately(lately: Lately, pois: Collection[int]) -> int:
    """Visits to these places since the beginning of what counts as lately."""
    return sum(lately.places.get(poi, 0) for poi in set(pois))


def is_new(habits: Habits, poi: int) -> bool:
    """Whether a place was found in the last weeks and returned to, by somebody who is known for longer."""
    if habits.first is None or habits.first > habits.as_of - 2 * NEW:
        return False
    return any(
        place.poi == poi and place.visits >= RETURNED and place.first_visit >= habits.as_of - NEW
        for place in habits.places
    )


def _tail(found: int, drawn: int, marked: int, size: int) -> float:
    """The chance that `drawn` of `size` things hold `found` or more of the `marked` ones."""
    most = min(drawn, marked)
    ways = sum(comb(marked, i) * comb(size - marked, drawn - i) for i in range(found, most + 1))
    return ways / comb(size, drawn)
