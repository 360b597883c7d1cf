"""How long an adapter that nobody asks for stays loaded: what waiting for it costs against what room costs.

Each adapter's own gaps between requests decide, with the latest ones of all, as they are the only thing that tells the
next one: a keep-alive of t costs room for min(gap, t) seconds, and a start where the gap is longer. Until some are
known, room is paid for as long as a start would have cost, which is never more than twice the best in hindsight (the
ski rental problem).
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final

import numpy as np

FEWEST: Final = 8  # gaps from which on they decide
BELIEVED: Final = 24  # gaps of any adapter that count with its own
REMEMBERED: Final = 500  # gaps
RECONSIDERED: Final = 8  # gaps after which a keep-alive is chosen anew
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


class KeepAlive:
    """What is known of the requests for some adapters. Times in seconds since some midnight."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._all: deque[float] = deque(maxlen=BELIEVED)  # the latest gaps of any of them
        self._gaps: dict[Hashable, _Gaps] = {}
        self._hours: dict[Hashable, _Hours] = {}

    def used(self, adapter: Hashable, now: float) -> None:
        """Take note of a request."""
        gaps = self._gaps.setdefault(adapter, _Gaps())
        if gaps.last is not None:
            self._all.append(now - gaps.last)
            gaps.known.append(now - gaps.last)
            gaps.new += 1
        gaps.last = now
        hours = self._hours.setdefault(adapter, _Hours(now))
        hours.first.setdefault((int(now // DAY), int(now % DAY // HOUR)), now % HOUR)

    def seconds(self, adapter: Hashable, start: float) -> float:
        """How long it should stay after a request, when a start takes `start` seconds."""
        if len(self._all) < FEWEST:
            return self._costs.break_even(start)
        own = self._gaps.get(adapter) or _Gaps()
        if own.chosen is None or own.new >= RECONSIDERED:
            own.chosen, own.new = best_fixed([*own.known, *self._all], start, self._costs), 0
        return own.chosen

    def awaits(self, adapter: Hashable, now: float, start: float) -> bool:
        """Whether loading it at the beginning of this hour costs less than letting the hour's first request wait."""
        hours = self._hours.get(adapter)
        days = int((now - hours.began) // DAY) if hours else 0
        if not hours or days < FEWEST_DAYS:
            return False
        today, hour = int(now // DAY), int(now % DAY // HOUR)
        waits = [hours.first[day, hour] for day in range(today - days, today) if (day, hour) in hours.first]
        idle = sum(waits) + HOUR * (days - len(waits))
        return self._costs.wait * start * len(waits) > self._costs.room * idle


@dataclass
class _Gaps:
    """Gaps between requests, and the keep-alive that they made cheapest when it was chosen."""

    known: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    last: float | None = None
    chosen: float | None = None
    new: int = 0  # gaps since


@dataclass
class _Hours:
    """Of a day and an hour: seconds into the hour until the first request."""

    began: float
    first: dict[tuple[int, int], float] = field(default_factory=dict)


def best_fixed(gaps: Iterable[float], start: float, costs: Costs) -> float:
    """The keep-alive under which gaps like these cost least: 0, or one of the gaps; the longest is "for ever"."""
    ordered = np.sort(np.fromiter(gaps, dtype=np.float64))
    count = len(ordered)
    until = np.concatenate([[0.0], ordered])  # a keep-alive of so long outlasts that many gaps
    held = np.concatenate([[0.0], np.cumsum(ordered)]) + until * np.arange(count, -1, -1)
    cost = costs.room * held + costs.wait * start * np.arange(count, -1, -1)
    return float(until[int(np.argmin(cost))])
