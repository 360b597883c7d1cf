"""What all routes have in common: readiness, failures in one form, headers, metrics, the description."""

import re
import threading

import pytest
from fastapi.testclient import TestClient
from made_postgres import binaries, postgres

from genrec import __version__
from genrec.reading.reader import read_checkins
from genrec.service.app import make_app
from genrec.store.opening import open_store

from .conftest import NO_MODEL, done, eventually, person, problem, settled


def test_it_says_what_runs_and_that_it_lives(api):
    assert done(api.get("/v1/version")) == {"genrec": __version__, "api": "v1"}
    assert done(api.get("/health/live")) == {"status": "live"}


def test_it_is_not_ready_before_it_has_counted(tmp_path):
    app = make_app(open_store(str(tmp_path / "store.db")), NO_MODEL)
    client = TestClient(app, base_url="http://localhost")  # not started: nothing is counted
    assert problem(client.get("/health/ready"), 503)["detail"].startswith("not ready")
    asked = client.post("/v1/recommend", json={})
    assert problem(asked, 503, "not ready") and asked.headers["Retry-After"]


@pytest.mark.slow
def test_an_empty_store_can_be_filled_through_the_api(start):
    api = start()
    problem(api.post("/v1/recommend", json={}), 409, "no check-ins yet")
    for number in range(3):
        done(api.post("/v1/places", json={"poi_id": f"p{number}", "latitude": 51, "longitude": number}), 201)
    path = person(api, "ann")
    visits = [{"id": str(n), "poi_id": f"p{n % 3}", "time": f"2024-01-0{n + 1}T08:00:00"} for n in range(6)]
    done(api.post(f"{path}/checkins", json={"checkins": visits}))
    eventually(lambda: api.post("/v1/recommend", json={"person": "ann"}).status_code == 200)
    answer = done(api.post("/v1/recommend", json={"person": "ann"}))
    assert {place["poi_id"] for place in answer["places"]} == {"p0", "p1", "p2"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "part"),
    [
        ("GET", "/nothing", None, 404, "nothing at this address"),
        ("PUT", "/v1/people", None, 405, "there is GET, POST"),
        ("GET", "/v1/people/nobody", None, 404, "no person 'nobody'"),
        ("GET", "/v1/places/nowhere", None, 404, "no place"),
        ("GET", "/v1/answers/none", None, 404, "no answer"),
        ("GET", "/v1/jobs/none", None, 404, "no such job"),
        ("POST", "/v1/recommend", {"k": 0}, 422, "k: must be at least 1"),
        ("POST", "/v1/recommend", {"who": 1}, 422, "who: is not known here"),
        ("POST", "/v1/recommend", {"says": [" "]}, 422, "is empty"),
        ("POST", "/v1/recommend", {"time": "2024-01-01T08:00:00Z"}, 422, "time: must be a local time"),
        ("POST", "/v1/people", {"id": "a\0b"}, 422, "cannot be stored"),
        ("POST", "/v1/people", {"id": "u0"}, 409, "already"),
    ],
)
def test_failures_are_problems(api, method, path, body, status, part):
    problem(api.request(method, path, json=body), status, part)


def test_what_is_not_json_is_said_to_be_none(api):
    for body in (b"{", b"\xff", b"[" * 100_000, b'{"says": ["\\ud800"]}'):
        sent = api.post("/v1/recommend", content=body, headers={"Content-Type": "application/json"})
        assert problem(sent, sent.status_code)["status"] in {400, 422}


def test_too_large_requests_stay_out(api):
    problem(api.post("/v1/recommend", content=b" " * (3 << 20)), 413)
    chunks = (b" " * (1 << 20) for _ in range(3))  # without a length
    problem(api.post("/v1/recommend", content=chunks, headers={"Content-Type": "application/json"}), 413)


def test_what_nobody_foresaw_tells_nothing_but_where_it_was(api, caplog):
    secret = "what somebody said"

    def broken():
        raise RuntimeError(secret)

    api.app.add_api_route("/broken", broken, include_in_schema=False)
    body = api.get("/broken")
    assert problem(body, 500)["detail"] == "something went wrong here; the log says where"
    assert "RuntimeError at" in caplog.text and __file__ in caplog.text
    assert secret not in body.text + caplog.text


def test_every_answer_carries_a_strict_policy(api):
    for path in ("/v1/version", "/nothing", "/docs", "/v1/recommend"):
        headers = api.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_description_is_complete_and_needs_no_network(api):
    described = done(api.get("/openapi.json"))["paths"]
    page = api.get("/docs").text
    for path, methods in described.items():
        assert path in page
        assert all(said["description"] for said in methods.values())
    assert not re.search(r"(src|href)\s*=\s*.?(https?:)?//", page)


def test_metrics_know_routes_but_not_people(api, ann):
    done(api.get(ann))
    text = api.get("/metrics").text
    assert 'genrec_requests_total{method="GET",route="/v1/people/{person}",status="200"}' in text
    assert "genrec_ready 1.0" in text and "ann" not in text


def test_the_status_says_how_the_service_does(api, ann):
    done(api.get(ann))
    status = done(api.get("/v1/status"))
    assert status["store"]["people"] >= 1 and status["count"]["ready"] and status["profiles_waiting"] == 0
    [route] = [one for one in status["latency"] if one["route"] == "/v1/people/{person}"]
    assert route["requests"] >= 1 and 0 < route["p50_ms"] <= route["p95_ms"] <= route["p99_ms"]


@pytest.mark.slow
def test_a_log_at_its_most_talkative_holds_no_text_of_people(api, caplog):
    caplog.set_level("DEBUG", "genrec")
    path = person(api, "somebody-private")
    api.post("/v1/recommend", json={"person": "somebody-private", "says": ["I don't dislike secret gardens."]})
    api.get("/v1/places?q=secret-search")
    api.delete(path)
    assert "POST /v1/recommend" in caplog.text
    assert "secret" not in caplog.text and "somebody" not in caplog.text


@pytest.mark.slow
def test_it_works_over_postgresql(start, data):
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres(programs) as server:
        api = start(checkins=read_checkins(data), address=server.new_database())
        assert ranked(api, "u0")
        path = person(api, "ann")
        visit = {"id": "1", "poi_id": "p5", "time": "2024-01-15T08:00:00"}
        done(api.post(f"{path}/checkins", json={"checkins": [visit]}))
        done(api.post(f"{path}/feedback", json={"id": "1", "kind": "hide", "poi_id": "p1"}), 201)
        assert "p1" not in dict(ranked(api, "ann"))
        done(api.post("/v1/people/u0/profile/write", json={"by": "habits"}), 202)
        eventually(lambda: api.get("/v1/people/u0/profile").status_code == 200)
        done(api.delete(path))
        settled(api)
        api.app.state.service.live.close()


@pytest.mark.slow
def test_many_at_once_get_what_one_gets(api):
    alone = {user: ranked(api, user) for user in ("u0", "u1", "u2")}
    wrong = []

    def ask(user):
        for _ in range(5):
            if ranked(api, user) != alone[user]:
                wrong.append(user)

    threads = [threading.Thread(target=ask, args=(f"u{n % 3}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def ranked(api, user):
    answer = done(api.post("/v1/recommend", json={"person": user, "k": 3}))
    return [(place["poi_id"], place["probability"]) for place in answer["places"]]
