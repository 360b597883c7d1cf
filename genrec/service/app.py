"""The app over a store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from genrec import __version__
from genrec.assistant import Models
from genrec.service import checkins, docs, feedback, files, people, places, profiles, recommend, rights, status
from genrec.service.errors import RESPONSES, handle
from genrec.service.fence import LOOPBACK, Fence
from genrec.service.guard import Guard
from genrec.service.jobs import ModelQueue
from genrec.service.live import Live
from genrec.service.metrics import Metrics
from genrec.service.retention import KEEP_DAYS, Retention
from genrec.service.state import Service
from genrec.store.protocol import Store


def make_app(
    store: Store,
    models: Models,
    rankers: Path | None = None,
    *,
    abroad: bool = False,
    keep_answers: int = KEEP_DAYS,
    warm: bool = False,
    explore: bool = False,
) -> FastAPI:
    """The HTTP API over a store, which it does not close.

    `abroad`: whether others than this machine may reach it. Then it answers under any name, and without keys in the
    store to nobody. `keep_answers`: days after which they are deleted. `warm`: whether the language model is loaded as
    soon as the check-ins are counted, and not when it is first needed. `explore`: whether the fusion's last place is
    drawn by chance.
    """
    queue, metrics, retention = ModelQueue(), Metrics(), Retention(store, keep_answers)
    live = Live(store, models, rankers, queue.load if warm else None)
    metrics.watch("ready", "Whether the check-ins are counted.", lambda: float(live.ready))
    metrics.watch("evidence_age_seconds", "Since everybody's visits were counted.", live.age)
    metrics.watch("evidence_waiting", "Whether visits have come since.", lambda: float(live.waiting))
    metrics.watch(
        "model_questions", "Questions that wait for the language model.", lambda: queue.waiting()["questions"]
    )
    metrics.watch("model_profiles", "Profiles that wait to be written.", lambda: queue.waiting()["profiles"])

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        retention.start()
        yield
        live.close()
        retention.close()

    app = FastAPI(
        title="GenRec", version=__version__, lifespan=running, responses=RESPONSES, docs_url=None, redoc_url=None,
        openapi_url="/openapi.json", redirect_slashes=False,
    )  # fmt: skip
    app.state.service = Service(store, models, live, queue, Guard(store, strict=abroad), metrics, explore=explore)
    app.add_middleware(Fence, metrics=metrics, hosts=None if abroad else frozenset(LOOPBACK))
    handle(app)
    docs.describe(app)
    for part in (status, people, places, checkins, files, recommend, feedback, profiles, rights, docs):
        app.include_router(part.routes)
    return app
