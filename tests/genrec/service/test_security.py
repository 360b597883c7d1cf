"""Who may do what, and what stays out."""

import sqlite3

import pytest
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.testclient import TestClient
from made_city import town

from genrec.service.guard import BURST, OWN_RATE
from genrec.service.keys import make_key
from genrec.store.records import Settings

from .conftest import done, eventually, problem


@pytest.fixture(scope="module")
def locked(start):
    """An app that others may reach, with keys for an operator, ann and bob."""
    api = start(abroad=True, checkins=town())
    api.store.add_people(["ann", "bob"], Settings(consent=True))
    api.operator, api.ann, api.bob = (header(make_key(api.store, who)) for who in (None, "ann", "bob"))
    return api


def header(key):
    return {"Authorization": f"Bearer {key}"}


OWN = ["", "/checkins", "/feedback", "/profile/history", "/export"]
PUBLIC = {"/health/live", "/health/ready", "/v1/version"}


def test_without_a_key_nothing_but_health_is_told(locked):
    for path, methods in done(locked.get("/openapi.json"))["paths"].items():
        for method in methods:
            answer = locked.request(method, path.replace("{person}", "ann"))
            if path in PUBLIC:
                done(answer)
            else:
                problem(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"


def test_wrong_keys_are_refused(locked):
    right = locked.ann["Authorization"]
    for wrong in (right[:-1], right + "x", "Bearer genrec__", "Bearer x", "Bearer genrec_00000000_x", "Basic YTpi"):
        problem(locked.get("/v1/people/ann", headers={"Authorization": wrong}), 401)


def test_a_person_reaches_what_is_theirs_alone(locked):
    for part in OWN:
        for key in (locked.ann, locked.operator):
            assert locked.get(f"/v1/people/ann{part}", headers=key).status_code == 200
        for other in ("bob", "nobody"):
            problem(locked.get(f"/v1/people/{other}{part}", headers=locked.ann), 403, "another person")
    for path in ("/v1/people", "/metrics"):
        problem(locked.get(path, headers=locked.ann), 403, "operators")
        assert locked.get(path, headers=locked.operator).status_code == 200
    problem(locked.delete("/v1/people/bob", headers=locked.ann), 403)
    problem(locked.post("/v1/recommend", json={"person": "bob"}, headers=locked.ann), 403)
    answer = done(locked.post("/v1/recommend", json={"person": "bob"}, headers=locked.bob))
    problem(locked.get(f"/v1/answers/{answer['id']}", headers=locked.ann), 404)
    done(locked.get(f"/v1/answers/{answer['id']}", headers=locked.bob))


def test_a_place_of_a_person_is_named_to_nobody_else(locked):
    home = {"poi_id": "my-home", "latitude": 51.0, "longitude": -114.0, "category": "Home", "name": "My secret home"}
    assert done(locked.post("/v1/places", json=home, headers=locked.ann), 201)["owner"] == "ann"
    visits = [{"id": str(n), "poi_id": "my-home", "time": f"2024-01-0{n}T20:00:00"} for n in range(1, 8)]
    done(locked.post("/v1/people/ann/checkins", json={"checkins": visits}, headers=locked.ann))

    def named(key, **ask):
        places = done(locked.post("/v1/recommend", json={"k": 100, **ask}, headers=key))["places"]
        return "my-home" in {place["poi_id"] for place in places}

    eventually(lambda: named(locked.ann, person="ann"))
    assert not named(locked.bob, person="bob")
    assert not named(locked.bob) and not named(locked.operator)
    for key, seen in ((locked.ann, 1), (locked.bob, 0)):
        assert len(done(locked.get("/v1/places", params={"q": "secret"}, headers=key))["places"]) == seen
    problem(locked.get("/v1/places/my-home", headers=locked.bob), 404)
    one = [{"id": "1", "poi_id": "my-home", "time": "2024-01-01T20:00:00"}]
    problem(locked.post("/v1/people/bob/checkins", json={"checkins": one}, headers=locked.bob), 409)
    said = {"id": "1", "poi_id": "my-home", "kind": "hide"}
    problem(locked.post("/v1/people/bob/feedback", json=said, headers=locked.bob), 409)


def test_keys_are_kept_as_hashes_and_end_with_their_person(start, tmp_path):
    api = start(abroad=True)
    api.store.add_people(["eve"], Settings())
    operator, own = make_key(api.store, None), make_key(api.store, "eve")
    assert {key.person for key in api.store.api_keys()} == {None, "eve"}
    assert own.rpartition("_")[2] not in str(api.store.api_keys())
    done(api.delete("/v1/people/eve", headers=header(own)))
    problem(api.get("/v1/version/", headers=header(own)), 404)
    problem(api.get("/v1/people/eve", headers=header(own)), 401)
    [left] = api.store.api_keys()
    api.store.drop_key(left.id)
    problem(api.get("/v1/people", headers=header(operator)), 401)


@pytest.mark.slow
def test_who_asks_too_often_is_told_when_to_come_again(start):
    api = start(abroad=True)
    api.store.add_people(["ann"], Settings())
    key = header(make_key(api.store, "ann"))
    answers = [api.get("/v1/people/ann", headers=key) for _ in range(int(OWN_RATE * BURST * 2))]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused and all(answer.headers["retry-after"] == "1" for answer in refused)
    problem(refused[0], 429, "slow down")
    done(api.get("/v1/people", headers=header(make_key(api.store, None))))  # others are not held up


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1234"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_another_site_changes_nothing(api, headers):
    problem(api.post("/v1/people", json={"id": "planted"}, headers=headers), 403, "other sites")
    problem(api.get("/v1/people/planted"), 404)


def test_another_site_opens_no_socket(api):
    @api.app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    with api.websocket_connect("/socket", headers={"Origin": "http://localhost", "Host": "localhost"}):
        pass
    for foreign in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), api.websocket_connect("/socket", headers=foreign):
            pass


def test_the_own_page_may_send(api):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    done(api.post("/v1/recommend", json={}, headers=headers))


def test_a_name_that_is_not_ours_is_not_answered(api):
    for host in ("evil.example", "evil.example:8080", "[", ""):
        stranger = TestClient(api.app, base_url="http://localhost", headers={"Host": host})
        problem(stranger.get("/v1/people"), 421)
    for host in ("127.0.0.1:8080", "localhost:1", "[::1]:8080"):
        done(TestClient(api.app, base_url="http://localhost", headers={"Host": host}).get("/v1/version"))


def test_a_first_key_closes_an_open_service(start, monkeypatch):
    monkeypatch.setattr("genrec.service.guard.LOOK_AGAIN", 0)
    api = start()
    done(api.get("/v1/people"))
    make_key(api.store, None)
    problem(api.get("/v1/people"), 401)


def test_a_store_that_cannot_be_used_is_said_to_be_so(start, caplog):
    api = start()
    path = api.store._database.shown
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE people")
    answer = api.get("/v1/people")
    assert problem(answer, 503)["detail"] == "the store cannot be used now; try again"
    assert path not in answer.text and path in caplog.text
