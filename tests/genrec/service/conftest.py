"""The real app over a real store that holds the town."""

import csv
import time
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient
from made_city import csv_of, town
from made_page import EVIL, app, chromium, looking

from genrec.assistant import Models
from genrec.reading.reader import read_checkins
from genrec.service.app import make_app
from genrec.store.opening import open_store
from genrec.store.records import Settings

NAMED = {"p4": "Riverside Hall", "p5": "Twin Corner", "p6": "Twin Corner", "p3": "Home"}
NO_MODEL = Models("there is no such model", None, None, True, None)


@pytest.fixture(scope="module", autouse=True)
def impatient():
    """Count again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genrec.service.live.LEAST_SECONDS", 0.02)
        patch.setattr("genrec.service.live.SHARE", 0)
        yield


@pytest.fixture(scope="module")
def browser():
    """Ended with its module: while it runs, the thread counts as one with an event loop of its own."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory, tiny_folder):
    """The town, where one kind of place is called like an attack, and some places have names."""
    folder = tmp_path_factory.mktemp("page")
    path = csv_of(town(), folder / "in.csv")
    rows = list(csv.DictReader(path.open()))
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, [*rows[0], "name"])
        out.writeheader()
        for row in rows:
            evil = row["poi_id"] == "p1"
            name = EVIL if evil else NAMED.get(row["poi_id"], row["poi_id"])
            out.writerow({**row, "category": EVIL if evil else row["category"], "name": name})
    store = open_store(str(folder / "store.db"))
    store.add_people([f"many{number:03}" for number in range(101)], Settings())
    store.close()
    with app(folder / "store.db", path, "--model", tiny_folder) as started:
        started.wait()
        yield started


@pytest.fixture
def page(browser):
    with looking(browser) as one:
        yield one


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
