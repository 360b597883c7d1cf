"""A file of check-ins over HTTP."""

from genrec.service.fence import LARGEST, LARGEST_FILE

from .conftest import done, eventually, person, problem, settled

HEAD = "user,poi_id,time,category,lat,lon"
ROWS = ["zoe,new1,2024-01-01 08:00,Bar,51.0,-114.0", "zoe,new2,2024-01-01 09:00,Bar,51.1,-114.0"]


def send(api, *rows, name="visits.csv", **form):
    content = "\n".join([HEAD, *rows, ""])
    return api.post("/v1/checkins/file", files={"file": (name, content.encode())}, data=form)


def test_a_file_is_taken_once_with_its_notes(api):
    taken = done(send(api, *ROWS, consent="true"))
    assert {name: taken[name] for name in ("people", "places", "checkins", "erased")} == {
        "people": 1, "places": 2, "checkins": 2, "erased": 0,
    }  # fmt: skip
    assert taken["notes"]
    assert done(api.get("/v1/people/zoe"))["consent"] is True
    assert done(send(api, *ROWS))["checkins"] == 0
    eventually(lambda: done(api.post("/v1/recommend", json={"person": "zoe"}))["used"]["checkins"] == 2)
    api.delete("/v1/people/zoe")
    settled(api)


def test_places_that_are_elsewhere_are_told(api):
    done(send(api, ROWS[0].replace("new1", "here").replace("zoe", "wim"), consent="true"))
    taken = done(send(api, ROWS[1].replace("new2", "here").replace("51.1", "38.7").replace("zoe", "wim")))
    assert (taken["places"], taken["checkins"]) == (0, 1)
    assert any("1 POIs are more than 1 km (up to 1,3" in note for note in taken["notes"])
    api.delete("/v1/people/wim")
    settled(api)


def test_a_fault_of_a_file_is_data_and_nothing_is_taken(api):
    rows = [ROWS[0].replace("zoe", "xan"), "xan,new2,yesterday,Bar,51.1,-114.0"]
    fault = problem(send(api, *rows, name="../../my visits.csv"), 400, "row 3")
    assert (fault["row"], fault["column"]) == (3, "time")
    assert "/tmp" not in fault["detail"]
    problem(api.get("/v1/people/xan"), 404)
    problem(api.post("/v1/checkins/file"), 422, "file: is missing")
    problem(send(api, "zoe", name="visits.exe"), 400)


def test_who_was_erased_stays_so_until_they_are_added(api):
    rows = [row.replace("zoe", "yan") for row in ROWS]
    done(send(api, *rows, consent="true"))
    assert "hash" in done(api.delete("/v1/people/yan"))["kept"]
    taken = done(send(api, *rows))
    assert (taken["people"], taken["checkins"], taken["erased"]) == (0, 0, 1)
    problem(api.get("/v1/people/yan"), 404)
    path = person(api, "yan")
    assert done(send(api, *rows))["checkins"] == 2
    api.delete(path)
    settled(api)


def test_a_file_may_be_larger_than_other_requests(api):
    assert LARGEST < LARGEST_FILE
    headers = {"Content-Length": str(LARGEST_FILE + 1)}
    problem(api.post("/v1/checkins/file", headers=headers), 413, f"{LARGEST_FILE:,} bytes")
