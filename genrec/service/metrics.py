"""What is counted of the service itself, for Prometheus: routes, never who or what."""

from collections import Counter as Counted
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LATEST = 1000  # requests of a route, of which the percentiles are


@dataclass(frozen=True)
class Latency:
    """How long the latest requests of a route took, in milliseconds; `requests`: how many there were in all."""

    route: str
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Metrics:
    """Metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._latest: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LATEST))
        self._asked: Counted[str] = Counted()
        self._requests = Counter(
            "genrec_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "genrec_request_seconds", "Time to an answer.", ("route",), buckets=BUCKETS, registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._latest[route].append(seconds)
        self._asked[route] += 1

    def latency(self) -> list[Latency]:
        """How long each route takes, those most asked for first."""
        return [
            Latency(route, asked, *(1000 * np.percentile(list(self._latest[route]), (50, 95, 99))).tolist())
            for route, asked in self._asked.most_common()
        ]

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a value as it is when asked."""
        Gauge(f"genrec_{name}", about, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)
