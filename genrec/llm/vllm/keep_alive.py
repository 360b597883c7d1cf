"""How long an adapter that nobody asks for stays loaded: what waiting for it costs against what room costs.

Each adapter's own gaps between requests decide, as they are the only thing that tells the next one: a keep-alive of t
costs room for min(gap, t) seconds, and a start where the gap is longer. Until some gaps are known, room is paid for as
long as a start would have cost, which is never more than twice the best in hindsight (the ski rental problem).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final

import numpy as np

FEWEST: Final = 8  # gaps from which on they decide
REMEMBERED: Final = 500  # gaps
RECONSIDERED: Final = 16  # gaps after which a keep-alive is chosen anew
FEWEST_DAYS: Final = 3
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


@dataclass(frozen=True)
class Costs:
    """What a second costs: `wait` of a request for a start, `room` of an adapter that is loaded and idle."""

    wait: float = 1.0
    room: float = 0.02

    def break_even(self, start: float) -> float:
        """Seconds of room that cost as much as a start of `start` seconds."""
        return self.wait * start / self.room if self.room else inf


@dataclass
class KeepAlive:
    """What is known of one adapter's requests. Times in seconds."""

    costs: Costs
    last: float | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _chosen: float | None = None
    _new: int = 0  # gaps since it was chosen

    def used(self, now: float) -> None:
        """Take note of a request."""
        if self.last is not None:
            self.gaps.append(now - self.last)
            self._new += 1
        self.last = now

    def seconds(self, start: float) -> float:
        """How long it should stay after a request, when a start takes `start` seconds."""
        if len(self.gaps) < FEWEST:
            return self.costs.break_even(start)
        if self._chosen is None or self._new >= RECONSIDERED:
            self._chosen, self._new = best_fixed(self.gaps, start, self.costs), 0
        return self._chosen


def best_fixed(gaps: Iterable[float], start: float, costs: Costs) -> float:
    """The keep-alive under which gaps like these cost least: 0, one of the gaps, or for ever (the longest)."""
    ordered = np.sort(np.fromiter(gaps, dtype=np.float64))
    count = len(ordered)
    if not count:
        return costs.break_even(start)
    until = np.concatenate([[0.0], ordered])  # a keep-alive of so long outlasts that many gaps
    held = np.concatenate([[0.0], np.cumsum(ordered)]) + until * np.arange(count, -1, -1)
    cost = costs.room * held + costs.wait * start * np.arange(count, -1, -1)
    return float(until[int(np.argmin(cost))])


@dataclass
class Rhythm:
    """At which hours of the day an adapter is asked for. Times in seconds since some midnight."""

    costs: Costs
    began: float | None = None
    first: dict[tuple[int, int], float] = field(default_factory=dict)  # of a day and hour: seconds into the hour

    def used(self, now: float) -> None:
        """Take note of a request."""
        self.began = now if self.began is None else self.began
        self.first.setdefault((int(now // DAY), int(now % DAY // HOUR)), now % HOUR)

    def awaits(self, now: float, start: float) -> bool:
        """Whether loading it at the beginning of this hour costs less than letting the hour's first request wait."""
        days = int((now - self.began) // DAY) if self.began is not None else 0
        if days < FEWEST_DAYS:
            return False
        today, hour = int(now // DAY), int(now % DAY // HOUR)
        waits = [self.first[day, hour] for day in range(today - days, today) if (day, hour) in self.first]
        idle = sum(waits) + HOUR * (days - len(waits))
        return self.costs.wait * start * len(waits) > self.costs.room * idle
