"""Which adapters a running vLLM holds: loaded when they are asked for, dropped when keeping them costs more."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from genrec.llm.vllm.keep_alive import HOUR, REMEMBERED, Costs, KeepAlive
from genrec.llm.vllm.starts import Start
from genrec.terminal import note, one_line

LOADING: Final = 120.0  # seconds that loading an adapter may take
FIRST_GUESS: Final = 1.0  # seconds of a start before any was seen


class NotLoadedError(Exception):
    """vLLM does not load an adapter; the text is its own."""


@dataclass
class _Held:
    """An adapter that vLLM holds."""

    start: Start
    since: float
    last: float
    expires: float
    users: int = 0  # requests that it answers now


@dataclass
class Keeper:
    """Adapters by name, of which `room` are held at most; the rest of an adapter's time it is a folder.

    `keep_alive`: seconds that one stays after a request; None: what each one's own gaps and hours make cheapest.
    """

    adapters: Mapping[str, Path]
    room: int
    client: httpx.AsyncClient  # of vLLM's own address
    keep_alive: float | None = None
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._learned = KeepAlive(self.costs)
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)  # that starts took
        self._free = asyncio.Condition()

    @property
    def held(self) -> list[str]:
        """The names of those that are held, those unused for longest first."""
        return sorted(self._held, key=lambda name: self._held[name].last)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        """Hold an adapter while a request is answered; raises NotLoadedError."""
        self._learned.used(name, time.time())
        async with self._free:
            if name not in self._held:
                await self._load(name)
            held = self._held[name]
            held.users += 1
        try:
            yield
        finally:
            async with self._free:
                held.users -= 1
                held.last = time.time()
                held.expires = held.last + self._stays(name)
                self._free.notify_all()

    async def tend(self) -> None:
        """Drop what has been idle for long enough, and load what the hour that begins awaits; runs for ever."""
        hour = time.time() // HOUR
        while True:
            await asyncio.sleep(1)
            now = time.time()
            try:
                async with self._free:
                    for name in [name for name in self.held if not self._held[name].users]:
                        if self._held[name].expires < now:
                            await self._drop(name)
                    if now // HOUR > hour:
                        hour = now // HOUR
                        await self._ahead(now)
            except NotLoadedError as error:  # nobody waits for it; who asks for the adapter is told
                note(f"warning: {error}")

    async def close(self) -> None:
        """Note how long each was of use."""
        for held in self._held.values():
            held.start.ended(held.last - held.since)

    def _stays(self, name: str) -> float:
        return self._learned.seconds(name, self._mean) if self.keep_alive is None else self.keep_alive

    @property
    def _mean(self) -> float:
        return sum(self._seconds) / len(self._seconds) if self._seconds else FIRST_GUESS

    async def _ahead(self, now: float) -> None:
        for name in self.adapters if self.keep_alive is None else ():
            missing = name not in self._held and len(self._held) < self.room
            if missing and self._learned.awaits(name, now, self._mean):
                await self._load(name)

    async def _load(self, name: str) -> None:
        """Make room, waiting for a request to end if all are in use, and load it."""
        while len(self._held) >= self.room:
            idle = [other for other in self.held if not self._held[other].users]
            if idle:
                await self._drop(idle[0])
            else:
                await self._free.wait()
                if name in self._held:  # another request has had it loaded
                    return
        began = time.monotonic()
        await self._post("load", {"lora_name": name, "lora_path": str(self.adapters[name].resolve())})
        seconds = time.monotonic() - began
        self._seconds.append(seconds)
        now = time.time()
        self._held[name] = _Held(Start("adapter", name, {"weights": seconds}), now, now, now + HOUR)

    async def _drop(self, name: str) -> None:
        await self._post("unload", {"lora_name": name})
        held = self._held.pop(name)
        held.start.ended(held.last - held.since)

    async def _post(self, what: str, body: dict[str, str]) -> None:
        try:
            answer = await self.client.post(f"/v1/{what}_lora_adapter", json=body, timeout=LOADING)
        except httpx.TransportError as error:
            raise NotLoadedError(f"vLLM does not answer: {error!r}") from None
        if answer.status_code != httpx.codes.OK:
            raise NotLoadedError(f"vLLM does not {what} the adapter {body['lora_name']}: {one_line(answer.text)}")
