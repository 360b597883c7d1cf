"""What the OpenAPI description allows and forbids is tried on the real app, by Schemathesis in all its phases."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from genrec.reading.reader import read_checkins
from genrec.service.app import make_app
from genrec.service.keys import make_key
from genrec.store.opening import open_store
from genrec.store.records import Settings

from .conftest import NO_MODEL, eventually

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def served(data, tmp_path, monkeypatch):
    """The app over HTTP, and an operator's key, with which one may ask as often as one likes."""
    monkeypatch.setattr("genrec.service.guard.OPERATOR_RATE", 1e6)
    monkeypatch.setattr("genrec.service.guard.OWN_RATE", 1e6)
    store = open_store(str(tmp_path / "store.db"))
    store.import_checkins(read_checkins(data), Settings(consent=True))
    key, app = make_key(store, None), make_app(store, NO_MODEL)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started and app.state.service.live.ready)
    [listening] = server.servers[0].sockets
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", key
    server.should_exit = True
    thread.join()
    store.close()


@pytest.mark.slow
def test_the_app_does_what_its_description_says(served):
    pytest.importorskip("schemathesis")
    url, key = served
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG, "run", f"{url}/openapi.json", "-H",
        f"Authorization: Bearer {key}", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "2",
        "--seed", "1", "--no-color", "--continue-on-failure",
    ]  # fmt: skip
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr
    assert "Tested: " in result.stdout
