"""Profiles over HTTP: written in the background, edited by several, with a history."""

import pytest
from made_city import named

from genrec.assistant import Models
from genrec.reading.reader import read_checkins

from .conftest import done, eventually, person, problem, settled


def written(api, path, **how):
    answer = api.post(f"{path}/profile/write", json={"by": "habits", **how})
    job = done(answer, 202)
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    return eventually(lambda: (now := done(api.get(f"/v1/jobs/{job['id']}")))["state"] in {"done", "failed"} and now)


@pytest.fixture
def carl(api):
    """Somebody with a week of visits, and a profile."""
    path = person(api, "carl")
    visits = [
        {"id": f"{day}{hour}", "poi_id": place, "time": f"2024-01-{day:02d}T{hour:02d}:00:00"}
        for day in range(1, 8)
        for hour, place in ((8, "p2"), (9, "p1"), (19, "p0"))
    ]
    done(api.post(f"{path}/checkins", json={"checkins": visits}))
    assert written(api, path)["state"] == "done"
    yield path
    api.delete(path)
    settled(api)


def test_a_profile_is_written_with_evidence(api, carl):
    answer = api.get(f"{carl}/profile")
    version = done(answer)
    assert (version["number"], version["by"], answer.headers["etag"]) == (1, "habits", '"1"')
    assert version["profile"]["habits"]["checkins"] == 21
    assert all(sentence["backed_by"] for sentence in version["profile"]["summary"])
    assert written(api, carl)["state"] == "done"  # the same again is no new version
    assert done(api.get(f"{carl}/profile"))["number"] == 1


def edited(api, path, base, **changes):
    sheet = done(api.get(f"{path}/profile"))["sheet"]
    return api.put(f"{path}/profile", json={**sheet, **changes}, headers={"If-Match": base})


def test_two_who_edit_the_same_version_do_not_overwrite_each_other(api, carl):
    first = done(edited(api, carl, '"1"', preferences=["I like pubs."]))
    assert first["number"] == 2
    assert first["profile"]["preferences"] == [{"text": "I like pubs.", "backed_by": ["stated by the editor"]}]
    stale = problem(edited(api, carl, '"1"', preferences=["I like parks."]), 412, "changed meanwhile", "version 2")
    assert (stale["type"], stale["current"]) == ("urn:genrec:stale", 2)
    assert done(edited(api, carl, '"2"', preferences=["I like parks."]))["number"] == 3
    problem(api.put(f"{carl}/profile", json=first["sheet"]), 428, "If-Match")
    problem(edited(api, carl, "yesterday's"), 422, "if-match", "ETag")
    problem(edited(api, carl, '"3"', traits={"openness": "very"}), 400, "openness")


def test_the_history_says_who_changed_what_and_can_be_gone_back_in(api, carl):
    done(edited(api, carl, '"1"', preferences=["I like pubs."]))
    back = done(api.post(f"{carl}/profile/revert", json={"number": 1}, headers={"If-Match": '"2"'}))
    assert (back["number"], back["reverts"], back["by"]) == (3, 1, "operator")
    versions = done(api.get(f"{carl}/profile/history"))["versions"]
    assert [one["number"] for one in versions] == [1, 2, 3]
    assert any(change["after"] == "I like pubs." for change in versions[1]["changes"])
    assert done(api.get(f"{carl}/profile/history/2"))["profile"]["preferences"][0]["text"] == "I like pubs."
    problem(api.get(f"{carl}/profile/history/9"), 404, "no version 9")
    problem(api.post(f"{carl}/profile/revert", json={"number": 9}, headers={"If-Match": '"3"'}), 409, "no version 9")


def test_what_a_person_has_put_in_stays_when_it_is_written_anew(api, carl):
    done(edited(api, carl, '"1"', preferences=["I collect stamps."]))
    done(api.post(f"{carl}/checkins", json={"checkins": [{"id": "x", "poi_id": "p4", "time": "2024-01-08T21:00:00"}]}))
    assert written(api, carl)["state"] == "done"
    version = done(api.get(f"{carl}/profile"))
    assert version["profile"]["habits"]["checkins"] == 22
    assert "I collect stamps." in version["sheet"]["preferences"]


def test_consent_that_is_taken_back_takes_the_profile_away(api, carl):
    done(api.patch(carl, json={"consent": False}))
    problem(api.get(f"{carl}/profile"), 404)
    assert done(api.get(f"{carl}/profile/history"))["versions"] == []
    problem(api.post(f"{carl}/profile/write", json={"by": "habits"}), 403, "consent")


def test_many_are_written_in_one_job(api, ann):
    job = done(api.post("/v1/profiles/write", json={"by": "habits", "people": ["u0", "u1", "nobody", "ann"]}), 202)
    end = eventually(lambda: (now := done(api.get(f"/v1/jobs/{job['id']}")))["state"] == "done" and now)
    assert (end["total"], end["done"], end["failed"]) == (4, 2, 2)
    assert "no check-ins yet" in end["problem"] or "no person" in end["problem"]
    everybody = done(api.post("/v1/profiles/write", json={"by": "habits"}), 202)
    assert everybody["total"] == 2  # ann, and u2


@pytest.mark.slow
def test_a_model_writes_reads_words_and_ranks(start, data, tiny_folder):
    api = start(Models(str(tiny_folder), None, None, True, None), named(read_checkins(data)))
    assert written(api, "/v1/people/u0", by="llm")["state"] == "done"
    version = done(api.get("/v1/people/u0/profile"))
    assert version["by"] not in {"habits", "operator"}
    answer = done(api.post("/v1/recommend", json={"person": "u0", "by": "llm", "k": 3}))
    assert (answer["method"], answer["used"]["profile"], len(answer["places"])) == ("llm", 1, 3)
    done(edited(api, "/v1/people/u0", '"1"', preferences=["I love every Pub."]))
    plain = done(api.post("/v1/recommend", json={"person": "u0", "steer": 0}))
    moved = done(api.post("/v1/recommend", json={"person": "u0"}))
    assert (plain["method"], moved["method"]) == ("fusion", "fusion+words")
    assert moved["used"]["profile"] == 2
    pub = [place["probability"] for answer in (plain, moved) for place in answer["places"] if place["poi_id"] == "p4"]
    assert pub[1] > pub[0]
    said = done(api.post("/v1/recommend", json={"says": ["I love every Pub."], "by": "llm", "k": 2}))
    assert len(said["places"]) == 2
    first = plain["places"][0]
    tired = done(api.post("/v1/recommend", json={"person": "u0", "says": [f"I am tired of {first['name']}."]}))
    assert tired["said"][0] | {"polarity": "avoids", "pois": [first["poi"]]} == tired["said"][0]
    assert tired["said"][0]["text"] == f"I am tired of {first['name']}"
    assert tired["places"][0]["poi"] != first["poi"]
