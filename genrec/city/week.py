"""What people do at which hour of the week, before personality enters."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOURS_PER_WEEK = 168  # hour 0 is Monday 00:00

ALL = range(7)
WORKDAYS = range(5)
WEEKEND = range(5, 7)


class Span(NamedTuple):
    """On these weekdays (0 is Monday), from one hour up to another, this intensity (relative) per hour."""

    weekdays: range
    start: int
    end: int
    intensity: float


class Activity(NamedTuple):
    """A share of the check-ins of someone without special tastes (relative), and its hours."""

    share: float
    spans: tuple[Span, ...]


ACTIVITIES = {
    # A little at every hour, so that no hour of anybody's week is impossible.
    "home": Activity(
        14, (Span(ALL, 0, 24, 0.1), Span(ALL, 7, 9, 0.5), Span(ALL, 18, 23, 1), Span(WEEKEND, 9, 18, 0.4))
    ),
    "work": Activity(40, (Span(WORKDAYS, 8, 10, 2), Span(WORKDAYS, 10, 17, 0.7))),
    "study": Activity(40, (Span(WORKDAYS, 8, 10, 2), Span(WORKDAYS, 10, 15, 1))),
    "coffee": Activity(8, (Span(WORKDAYS, 7, 10, 2), Span(ALL, 10, 12, 0.5), Span(ALL, 14, 17, 0.6))),
    "lunch": Activity(8, (Span(ALL, 12, 14, 1),)),
    "dinner": Activity(10, (Span(ALL, 18, 21, 1), Span(range(4, 6), 19, 22, 1))),
    "groceries": Activity(9, (Span(WORKDAYS, 17, 20, 1), Span(ALL, 9, 12, 0.3), Span(range(5, 6), 9, 18, 1.2))),
    "shopping": Activity(6, (Span(WORKDAYS, 16, 19, 0.5), Span(range(5, 6), 10, 18, 2), Span(WEEKEND, 12, 17, 0.5))),
    "nightlife": Activity(7, (Span(range(4, 6), 20, 24, 4), Span(WEEKEND, 0, 2, 2), Span(range(4), 20, 23, 0.4))),
    "sport": Activity(7, (Span(WORKDAYS, 6, 8, 1), Span(WORKDAYS, 17, 20, 1.5), Span(WEEKEND, 9, 13, 0.8))),
    "outdoors": Activity(6, (Span(ALL, 15, 19, 0.5), Span(ALL, 9, 12, 0.4), Span(WEEKEND, 10, 18, 1.5))),
    "culture": Activity(5, (Span(ALL, 14, 21, 0.4), Span(WEEKEND, 11, 20, 1.2))),
    "community": Activity(3.5, (Span(range(6, 7), 9, 12, 6), Span(range(2, 3), 18, 20, 1), Span(ALL, 15, 17, 0.1))),
    "health": Activity(2, (Span(WORKDAYS, 8, 12, 1), Span(WORKDAYS, 14, 17, 0.7))),
    "travel": Activity(7, (Span(WORKDAYS, 7, 9, 1.5), Span(WORKDAYS, 16, 18, 1.5), Span(ALL, 10, 20, 0.3))),
}
ACTIVITY_INDEX = {name: index for index, name in enumerate(ACTIVITIES)}


def base_week() -> NDArray[np.float64]:
    """Intensity per hour of the week and activity, shape (168, activities); a column sums to the activity's share."""
    week = np.zeros((7, 24, len(ACTIVITIES)))
    for column, activity in enumerate(ACTIVITIES.values()):
        for span in activity.spans:
            week[np.array(span.weekdays), span.start : span.end, column] += span.intensity
    shares = np.array([activity.share for activity in ACTIVITIES.values()])
    normalised: NDArray[np.float64] = (week * (shares / week.sum(axis=(0, 1)))).reshape(HOURS_PER_WEEK, -1)
    return normalised
