"""What is wrong with a request is said in plain words: what, where, how to mend it."""

import pytest

from .conftest import problem

JSON = {"Content-Type": "application/json"}
RAW = ["Input should", "valid", "Field required", "Extra inputs", "Value error", "body.", "timezone info"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        ("", JSON, 422, "the body: is missing: send JSON"),
        ('{"k": 3}', {}, 415, "Content-Type: application/json"),
        ('{"k": 3}', {"Content-Type": "application/x-www-form-urlencoded"}, 415, "Content-Type: application/json"),
        ("{\n  k: 3}", JSON, 400, "the body is not JSON: "),
        ("{\n  k: 3}", JSON, 400, "at line 2, column 3"),
        ("[1]", JSON, 422, "the body: must be a JSON object"),
        ('{"says": "I love pubs."}', JSON, 422, "says: must be a list"),
        ('{"says": [3]}', JSON, 422, "says[0]: must be text"),
        ('{"time": "2024-03-05T08:00:00Z"}', JSON, 422, "time: must be a local time, without a time zone"),
        ('{"time": "soon"}', JSON, 422, "time: must be a time, such as 2024-03-05T08:00:00"),
        ('{"k": "three"}', JSON, 422, "k: must be a whole number"),
        ('{"k": true}', JSON, 422, "k: must be a whole number"),
        ('{"by": "magic"}', JSON, 422, "by: must be 'fusion', 'habits' or 'llm'"),
        ('{"person": ""}', JSON, 422, "person: is too short: at least 1 characters"),
        ('{"visits": [{"poi_id": "p1"}]}', JSON, 422, "visits[0].time: is missing"),
        ('{"place": "p1", "kay": 3}', JSON, 422, "place: is not known here"),
        ('{"place": "p1", "kay": 3}', JSON, 422, "(and 1 more, see `errors`)"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_plainly(api, content, headers, status, said):
    told = problem(api.post("/v1/recommend", content=content, headers=headers), status, said)
    assert not [raw for raw in RAW if raw in str(told)], told


def test_whole_numbers_may_be_written_with_a_point(api):
    assert api.post("/v1/recommend", content='{"k": 3.0}', headers=JSON).status_code == 200


def test_what_is_wrong_with_an_address_is_said_plainly(api):
    problem(api.get("/v1/people?limit=none"), 422, "limit (of the query): must be a whole number")
    problem(api.get("/v1/people/u0/profile/history/last"), 422, "number (of the path): must be a whole number")
    assert problem(api.delete("/v1/people"), 405, "there is GET, POST")
    assert api.delete("/v1/people").headers["allow"] == "GET, POST"


def test_the_page_of_the_routes_shows_fields_and_no_names_of_the_inside(api):
    page = api.get("/docs").text
    for name in api.get("/openapi.json").json()["components"]["schemas"]:
        if name.lower() not in {"problem", "fault", "version", "answer", "visit", "place", "said", "job"}:
            assert f">{name}<" not in page and f"/{name}" not in page
    for part in ("#/components", "$ref", "date-time"):
        assert part not in page
    assert "<code>poi_id</code> (text, required)" in page and "local time or null" in page
