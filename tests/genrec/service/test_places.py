"""The catalogue over HTTP."""

import pytest

from .conftest import done, problem


def ids(answer):
    return [place["poi_id"] for place in done(answer)["places"]]


def test_places_are_found_by_a_part_of_what_they_are_called(api):
    assert ids(api.get("/v1/places", params={"q": "COFFEE"})) == ["p2"]
    assert (
        ids(api.get("/v1/places", params={"q": "p", "limit": 3}))
        == [place for place in ids(api.get("/v1/places?q=p"))][:3]
    )
    assert ids(api.get("/v1/places", params={"q": ".*"})) == []


def test_places_around_a_position_come_with_their_distance(api):
    spot = done(api.get("/v1/places/p4"))
    here = {"latitude": spot["latitude"], "longitude": spot["longitude"]}
    found = done(api.get("/v1/places/near", params={**here, "km": 20_000}))["places"]
    assert found[0]["poi_id"] == "p4"
    assert found[0]["km"] == pytest.approx(0, abs=1e-6)
    assert [place["km"] for place in found] == sorted(place["km"] for place in found)
    assert ids(api.get("/v1/places/near", params={**here, "km": 0.001})) == ["p4"]


def test_a_place_is_added_once_and_found_at_once(api):
    new = {
        "poi_id": "kiosk",
        "latitude": 51.1,
        "longitude": -114.1,
        "category": "Kiosk",
        "name": "Kiosk at the <corner>",
    }
    made = done(api.post("/v1/places", json=new), 201)
    assert done(api.post("/v1/places", json=new), 201) == made
    problem(api.post("/v1/places", json={**new, "name": "another"}), 409, "already")
    assert ids(api.get("/v1/places", params={"q": "<corner>"})) == ["kiosk"]
    slashed = done(api.post("/v1/places", json={**new, "poi_id": "node/1"}), 201)
    assert done(api.get("/v1/places/node%2F1")) == slashed
    assert done(api.post("/v1/places", json={"latitude": 0, "longitude": 0}), 201)["poi_id"]
    problem(api.post("/v1/places", json={**new, "latitude": 91}), 422, "latitude: must be at most 90")
