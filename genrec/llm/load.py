"""What vLLM servers say of their work, all clients together: requests, prefix cache, queue and waiting times."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import httpx

from genrec.llm.address import public, request_address
from genrec.llm.endpoint import key_header

PATIENCE = 3.0  # seconds for a page
# Of the page /metrics: what is summed up, and under which name here.
SUMS = {
    "vllm:prefix_cache_queries_total": "tokens",
    "vllm:prefix_cache_hits_total": "reused",
    "vllm:e2e_request_latency_seconds_sum": "seconds",
    "vllm:e2e_request_latency_seconds_count": "answered",
    "vllm:num_requests_waiting": "waiting",
    "vllm:num_requests_running": "running",
}


@dataclass(frozen=True)
class Load:
    """A server's work since it was first looked at; `queue`: requests that it has now and has not answered."""

    url: str
    there: bool
    answered: int = 0
    hit_rate: float = 0.0
    latency: float = 0.0  # mean seconds of an answer
    queue: int = 0


class Loads:
    """Looks at servers again and again."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._clients = {}
        for url in urls:
            address, auth = request_address(url)
            self._clients[public(url)] = httpx.Client(
                base_url=address, auth=auth, headers=key_header(), timeout=PATIENCE
            )
        self._before = {url: self._sums(url) or {} for url in self._clients}
        self._lost: dict[str, dict[str, float]] = {url: {} for url in self._clients}  # before a restart
        self._last = dict(self._before)

    def now(self) -> list[Load]:
        """The load of each server."""
        return [self._load(url) for url in self._clients]

    def _load(self, url: str) -> Load:
        sums = self._sums(url)
        if sums is not None:
            if sums["tokens"] < self._last[url].get("tokens", 0):  # it was restarted, and has begun to count anew
                self._lost[url] = self._since(url, self._last[url])
                self._before[url] = {}
            self._last[url] = sums
        work = self._since(url, self._last[url])
        answered, tokens = int(work.get("answered", 0)), work.get("tokens", 0)
        return Load(
            url,
            sums is not None,
            answered,
            work.get("reused", 0) / tokens if tokens else 0.0,
            work.get("seconds", 0) / answered if answered else 0.0,
            int(sums["waiting"] + sums["running"]) if sums else 0,
        )

    def _since(self, url: str, sums: dict[str, float]) -> dict[str, float]:
        lost, before = self._lost[url], self._before[url]
        return {name: lost.get(name, 0) + value - before.get(name, 0) for name, value in sums.items()}

    def _sums(self, url: str) -> dict[str, float] | None:
        try:
            page = self._clients[url].get("/metrics")
        except httpx.HTTPError:
            return None
        return read_sums(page.text) if page.status_code == httpx.codes.OK else None


def read_sums(page: str) -> dict[str, float]:
    """The numbers of `SUMS` on a page of metrics; 0 for what is not there."""
    sums = dict.fromkeys(SUMS.values(), 0.0)
    for line in page.splitlines():
        series, _, value = line.rpartition(" ")
        name = SUMS.get(series.partition("{")[0])
        try:
            number = float(value) if name else 0.0
        except ValueError:
            continue
        if name and isfinite(number) and number >= 0:
            sums[name] += number
    return sums
