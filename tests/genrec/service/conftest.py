"""The real app over a real store that holds the town."""

import time
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from genrec.assistant import Models
from genrec.reading.reader import read_checkins
from genrec.service.app import make_app
from genrec.store.opening import open_store
from genrec.store.records import Settings

NO_MODEL = Models("there is no such model", None, None, True, None)


@pytest.fixture(scope="module", autouse=True)
def impatient():
    """Count again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genrec.service.live.LEAST_SECONDS", 0.02)
        patch.setattr("genrec.service.live.SHARE", 0)
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts an app over a new store, and waits until it is ready."""
    with ExitStack() as stack:

        def make(models=NO_MODEL, checkins=None, rankers=None, address=None, **options):
            store = open_store(address or str(tmp_path_factory.mktemp("store") / "store.db"))
            stack.callback(store.close)
            if checkins is not None:
                store.import_checkins(checkins, Settings(consent=True))
            app = make_app(store, models, rankers, **options)
            client = stack.enter_context(TestClient(app, base_url="http://localhost", raise_server_exceptions=False))
            client.store = store
            eventually(lambda: client.get("/health/ready").status_code == 200)
            return client

        yield make


@pytest.fixture(scope="module")
def api(start, data):
    return start(checkins=read_checkins(data))


@pytest.fixture
def ann(api):
    """Somebody new, and what is theirs; gone after the test."""
    yield person(api, "ann")
    api.delete("/v1/people/ann")
    settled(api)


def person(api, id_, consent=True):
    done(api.post("/v1/people", json={"id": id_, "settings": {"consent": consent}}), 201)
    return f"/v1/people/{id_}"


def eventually(true, seconds=60):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, "never"
        time.sleep(0.01)
    return value


def settled(api):
    """Wait until everything is counted."""
    eventually(lambda: not api.app.state.service.live.waiting)


def done(response, status=200):
    """The body of a success."""
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def problem(response, status, *parts):
    """The body of a failure, in the one form that failures have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status and body["title"]
    assert "Traceback" not in response.text
    for part in parts:
        assert part in body["detail"], body
    return body
