"""What the routes share."""

import threading
from dataclasses import dataclass, field

from fastapi import Request

from genrec.assistant import Models
from genrec.service.guard import Guard
from genrec.service.jobs import ModelQueue
from genrec.service.live import Live
from genrec.service.metrics import Metrics
from genrec.store.protocol import Store


@dataclass(frozen=True)
class Service:
    """One service: its store, what is counted of it, the queue before its model, and who may come in."""

    store: Store
    models: Models
    live: Live
    queue: ModelQueue
    guard: Guard
    metrics: Metrics
    explore: bool = False  # whether the last place of a ranking is drawn
    writing: threading.Lock = field(default_factory=threading.Lock)  # of answers: waiting here is fairer than in SQLite


def service_of(request: Request) -> Service:
    """The service that a request has come to."""
    service: Service = request.app.state.service
    return service
