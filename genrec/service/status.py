"""Whether the service lives, is ready, and how it does."""

from fastapi import APIRouter, Response

from genrec import __version__
from genrec.service.errors import Refused
from genrec.service.models import Counting, Health, Status, Version
from genrec.service.security import Operator, ServiceOf
from genrec.service.state import Service

routes = APIRouter()


@routes.get("/v1/version", tags=["service"])
def version() -> Version:
    """What runs."""
    return Version(genrec=__version__)


@routes.get("/health/live", tags=["service"])
def live() -> Health:
    """The process answers."""
    return Health(status="live")


@routes.get("/health/ready", tags=["service"])
def ready(service: ServiceOf) -> Health:
    """The check-ins are counted, so that rankings come at once; 503 until then."""
    if not service.live.ready:
        raise Refused(503, "not ready: the check-ins are being counted", wait=2)
    return Health(status="ready")


@routes.get("/v1/status", tags=["service"])
def status(service: ServiceOf, _: Operator) -> Status:
    """How the service does: the store, the queue before the language model, the count, and how long routes take."""
    return status_of(service)


@routes.get("/metrics", tags=["service"], response_class=Response)
def metrics(service: ServiceOf, _: Operator) -> Response:
    """Requests, their times, the queue and the evidence's age, for Prometheus."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def status_of(service: Service) -> Status:
    """How a service does."""
    waiting, live = service.queue.waiting(), service.live
    return Status(
        store=service.store.counts(),
        model=service.queue.model,
        questions_waiting=waiting["questions"],
        profiles_waiting=waiting["profiles"],
        count=Counting(ready=live.ready, age_seconds=live.age(), waiting=live.waiting),
        latency=service.metrics.latency(),
    )
