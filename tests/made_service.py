"""The API over HTTP, in this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from genrec.assistant import Models
from genrec.service.app import make_app
from genrec.store.protocol import Store

SECONDS = 60


@contextmanager
def served(store: Store, models: Models) -> Iterator[str]:
    """The address of the app, which is ready."""
    app = make_app(store, models)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        end = time.monotonic() + SECONDS
        while not (server.started and app.state.service.live.ready):
            assert time.monotonic() < end, "never ready"
            time.sleep(0.05)
        [listening] = server.servers[0].sockets
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(SECONDS)
