"""People and their visits over HTTP."""

from .conftest import done, person, problem


def test_people_come_in_pages(start):
    api = start()
    for number in range(5):
        person(api, f"p{number}")
    seen, after = [], ""
    while after is not None:
        page = done(api.get("/v1/people", params={"after": after, "limit": 2}))
        seen += [one["id"] for one in page["people"]]
        after = page["next"]
    assert seen == [f"p{number}" for number in range(5)]


def test_somebody_without_an_id_gets_one(start):
    api = start()
    made = done(api.post("/v1/people", json={}), 201)
    assert made["consent"] is False
    assert done(api.get(f"/v1/people/{made['id']}")) == made


def test_settings_change_one_by_one(api, ann):
    assert done(api.patch(ann, json={"strength": 0.5})) | {"created": None} == {
        "record": "person", "id": "ann", "created": None, "strength": 0.5, "consent": True,
    }  # fmt: skip
    assert done(api.patch(ann, json={"consent": False}))["strength"] == 0.5
    problem(api.patch(ann, json={"strength": 3}), 422, "strength: must be at most 2")


def visit(number, place="p1"):
    return {"id": f"v{number}", "poi_id": place, "time": f"2024-02-01T{number:02d}:00:00", "utc_time": None}


def test_visits_are_appended_once_all_or_none(api, ann):
    send = lambda *visits: api.post(f"{ann}/checkins", json={"checkins": visits})  # noqa: E731
    assert done(send(visit(1), visit(2))) == {"new": 2, "known": 0}
    assert done(send(visit(2), visit(3))) == {"new": 1, "known": 1}
    problem(send(visit(4), visit(3, "p2")), 409, "other content")
    problem(send(visit(4), visit(5, "nowhere")), 409, "no place")
    problem(send(), 422, "checkins: has too few")
    far = {**visit(6), "utc_time": "2024-02-05T00:00:00"}
    problem(send(far), 400, "too far")
    page = done(api.get(f"{ann}/checkins", params={"limit": 2}))
    assert page == {"checkins": [visit(1), visit(2)], "next": 2}
    assert done(api.get(f"{ann}/checkins", params={"after": 2})) == {"checkins": [visit(3)], "next": None}
    problem(api.post("/v1/people/nobody/checkins", json={"checkins": [visit(1)]}), 404, "no person")


def test_people_are_searched_by_a_part_of_their_ids(start):
    api = start()
    for id_ in ("Ann", "joanna", "bob", "100%", "1000"):
        person(api, id_)
    ids = lambda part: [one["id"] for one in done(api.get("/v1/people", params={"search": part}))["people"]]  # noqa: E731
    assert ids("ANN") == ["Ann", "joanna"]
    assert ids("0%") == ["100%"]
    assert ids("nobody") == []
    page = done(api.get("/v1/people", params={"search": "ann", "limit": 1}))
    assert done(api.get("/v1/people", params={"search": "ann", "after": page["next"]}))["people"][0]["id"] == "joanna"
