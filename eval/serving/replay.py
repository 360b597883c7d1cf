"""Replays requests for adapters against a policy of keeping them: who waits how long, and how much room is idle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from genrec.llm.vllm.keep_alive import HOUR, Costs, KeepAlive

Floats = NDArray[np.float64]
Evict = Literal["lru", "lfu", "next-use"]
EVICTIONS: Final[tuple[Evict, ...]] = ("lru", "lfu", "next-use")


@dataclass(frozen=True)
class Load:
    """Requests in the order of their times, and how long a start takes that the request needs. Shape: (requests,)."""

    name: str
    times: Floats  # seconds
    adapters: NDArray[np.intp]
    starts: Floats  # seconds
    end: float

    @property
    def count(self) -> int:
        """How many adapters there are."""
        return int(self.adapters.max()) + 1


class Policy(Protocol):
    """How long each adapter is kept, and which are loaded before they are asked for."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    def used(self, adapter: int, now: float) -> None:
        """Take note of a request."""

    def keep(self, adapter: int, start: float) -> float:
        """Seconds that it stays after a request; `start`: what starts took so far, on average."""

    def awaits(self, adapter: int, now: float, start: float) -> bool:
        """Whether it is loaded at the beginning of an hour."""


@dataclass(frozen=True)
class Fixed:
    """The same keep-alive for all: 0 is "never", infinity "always"."""

    seconds: float

    @property
    def name(self) -> str:
        """See `Policy`."""
        return {0.0: "never", inf: "always"}.get(self.seconds, f"{self.seconds:g} s")

    def used(self, adapter: int, now: float) -> None:
        """See `Policy`."""

    def keep(self, adapter: int, start: float) -> float:
        """See `Policy`."""
        return self.seconds

    def awaits(self, adapter: int, now: float, start: float) -> bool:
        """See `Policy`."""
        return False


class Auto:
    """What `genrec vllm --keep-alive auto` does: each adapter's own gaps and hours decide."""

    def __init__(self, costs: Costs, *, prewarm: bool = True) -> None:
        self.name: str = "auto" if prewarm else "auto, not ahead"
        self._prewarm = prewarm
        self._learned = KeepAlive(costs)

    def used(self, adapter: int, now: float) -> None:
        """See `Policy`."""
        self._learned.used(adapter, now)

    def keep(self, adapter: int, start: float) -> float:
        """See `Policy`."""
        return self._learned.seconds(adapter, start)

    def awaits(self, adapter: int, now: float, start: float) -> bool:
        """See `Policy`."""
        return self._prewarm and self._learned.awaits(adapter, now, start)


@dataclass
class Replayed:
    """What came of it. Seconds are summed over requests and adapters."""

    requests: int
    cold: int = 0
    waited: float = 0.0
    idle: float = 0.0
    ahead: int = 0  # starts before anybody asked
    evicted: int = 0
    ratios: list[float] = field(default_factory=list)  # of each start: useful lifetime over start time

    def cost(self, costs: Costs) -> float:
        """What waiting and room cost together."""
        return costs.wait * self.waited + costs.room * self.idle


@dataclass
class _Held:
    """An adapter that is loaded, or being loaded."""

    ready: float
    start: float
    last: float  # request; or when it was ready
    expires: float


class Replay:
    """One run of a load against a policy, with room for so many adapters."""

    def __init__(self, load: Load, policy: Policy, room: int | None = None, evict: Evict = "lru") -> None:
        self._load, self._policy = load, policy
        self._room = room or load.count
        self._first = EVICT[evict]
        self._held: dict[int, _Held] = {}
        self._uses: dict[int, list[float]] = {}
        self._mean, self._started = 0.0, 0
        self.result = Replayed(len(load.times))

    def run(self) -> Replayed:
        """Go through all requests."""
        hour = self._load.times[0] // HOUR * HOUR + HOUR if len(self._load.times) else inf
        rows = zip(self._load.times.tolist(), self._load.adapters.tolist(), self._load.starts.tolist(), strict=True)
        for now, adapter, start in rows:
            while hour <= now:
                self._ahead(hour)
                hour += HOUR
            self._ask(adapter, now, start)
        for adapter in list(self._held):
            self._drop(adapter, min(self._held[adapter].expires, self._load.end))
        return self.result

    def _ask(self, adapter: int, now: float, start: float) -> None:
        self._expire(now)
        self._policy.used(adapter, now)
        self._uses.setdefault(adapter, []).append(now)
        held = self._held.get(adapter)
        if held is None:
            self._make_room(now)
            held = self._held[adapter] = _Held(now + start, start, now + start, inf)
            self.result.cold += 1
            self._learn(start)
        else:
            self.result.idle += max(now - held.last, 0.0)
        self.result.waited += max(held.ready - now, 0.0)
        held.last = max(now, held.ready)
        held.expires = held.last + self._policy.keep(adapter, self._mean)

    def _ahead(self, now: float) -> None:
        """Load what the policy awaits in the hour that begins, as far as there is room."""
        self._expire(now)
        for adapter in self._uses:
            missing = adapter not in self._held and len(self._held) < self._room
            if missing and self._policy.awaits(adapter, now, self._mean):
                self._held[adapter] = _Held(now, self._mean, now, now + HOUR)
                self.result.ahead += 1

    def _expire(self, now: float) -> None:
        for adapter in [adapter for adapter, held in self._held.items() if held.expires < now]:
            self._drop(adapter, self._held[adapter].expires)

    def _make_room(self, now: float) -> None:
        while len(self._held) >= self._room:
            self._drop(max(self._held, key=lambda adapter: self._first(self._uses.get(adapter, []), now)), now)
            self.result.evicted += 1

    def _drop(self, adapter: int, now: float) -> None:
        held = self._held.pop(adapter)
        idle = max(now - held.last, 0.0)
        self.result.idle += idle
        self.result.ratios.append(max(now - held.ready - idle, 0.0) / held.start if held.start else 0.0)

    def _learn(self, start: float) -> None:
        self._started += 1
        self._mean += (start - self._mean) / self._started


def _least_recent(uses: Sequence[float], now: float) -> float:
    return now - uses[-1] if uses else inf


def _least_frequent(uses: Sequence[float], now: float) -> float:
    return -len(uses)


def _next_use(uses: Sequence[float], now: float) -> float:
    """The mean of what its gaps that lasted so long left; for ever, if none did."""
    if len(uses) < 2:
        return _least_recent(uses, now)
    gaps, idle = np.diff(uses[-100:]), now - uses[-1]
    longer = gaps[gaps > idle]
    return float(longer.mean() - idle) if len(longer) else inf


EVICT: Final[dict[Evict, Callable[[Sequence[float], float], float]]] = {
    "lru": _least_recent,
    "lfu": _least_frequent,
    "next-use": _next_use,
}
