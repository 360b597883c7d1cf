"""What people may ask of their data."""

import csv
import io
import json
import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from genrec.rankers.fusion_file import SHIPPED
from genrec.reading.reader import read_checkins
from genrec.service.app import make_app
from genrec.store.opening import open_store
from genrec.store.records import Checkin, Place, Settings

from .conftest import NO_MODEL, done, eventually, person, problem


def test_the_export_holds_everything_of_a_person_and_nothing_of_others(api):
    path = person(api, "dora")
    visits = [{"id": f"v{n}", "poi_id": "p1", "time": f"2024-01-0{n}T08:00:00"} for n in range(1, 6)]
    done(api.post(f"{path}/checkins", json={"checkins": visits}))
    done(api.post(f"{path}/feedback", json={"id": "f", "kind": "hide", "poi_id": "p2"}), 201)
    answer = done(api.post("/v1/recommend", json={"person": "dora"}))
    job = done(api.post(f"{path}/profile/write", json={"by": "habits"}), 202)
    eventually(lambda: done(api.get(f"/v1/jobs/{job['id']}"))["state"] == "done")
    exported = api.get(f"{path}/export")
    assert exported.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(exported.content))
    files = {name: archive.read(name).decode() for name in archive.namelist()}
    rows = list(csv.DictReader(io.StringIO(files["checkins.csv"])))
    assert [(row["id"], row["poi_id"], row["time"]) for row in rows] == [
        (visit["id"], "p1", visit["time"].replace("T", " ")) for visit in visits
    ]
    assert json.loads(files["profile.json"])["user_id"] == "dora"
    lines = {name: [json.loads(line) for line in text.splitlines()] for name, text in files.items() if "jsonl" in name}
    assert [one["id"] for one in lines["answers.jsonl"]] == [answer["id"]]
    assert [one["poi_id"] for one in lines["feedback.jsonl"]] == ["p2"]
    assert len(lines["profile_history.jsonl"]) == 1 and lines["person.jsonl"][0]["id"] == "dora"
    assert '"u0"' not in "".join(files.values())
    api.delete(path)


def test_an_erased_person_is_nowhere(api):
    path = person(api, "very-secret-erika")
    visits = [{"id": f"secret-visit-{n}", "poi_id": "p1", "time": f"2024-01-0{n}T08:00:00"} for n in range(1, 6)]
    done(api.post(f"{path}/checkins", json={"checkins": visits}))
    done(api.post("/v1/places", json={"poi_id": "x", "latitude": 0, "longitude": 0}), 201)
    eventually(lambda: not done(api.post("/v1/recommend", json={}))["evidence"]["waiting"])
    erased = done(api.delete(path))
    assert (erased["person"], erased["seen_by"]) == ("very-secret-erika", [])
    problem(api.get(path), 404)
    problem(api.delete(path), 404)
    files = Path(api.store._database.shown).parent.glob("*")
    assert not any(b"secret" in file.read_bytes() for file in files)
    users = lambda: api.app.state.service.live.counted.assistant.users  # noqa: E731
    eventually(lambda: "very-secret-erika" not in users())


def test_who_has_not_been_counted_can_be_erased(tmp_path):
    store = open_store(str(tmp_path / "store.db"))
    store.add_people(["ann"], Settings())
    store.add_places([Place(poi_id="p", latitude=0, longitude=0)])
    store.add_checkins([Checkin(person="ann", id="1", poi_id="p", time=datetime(2024, 1, 1))])
    api = TestClient(make_app(store, NO_MODEL), base_url="http://localhost")  # not started: nothing is counted
    assert done(api.delete("/v1/people/ann"))["seen_by"] == []
    store.close()


@pytest.fixture
def trained_here(tmp_path):
    """The fusion as if it had been trained on the town."""
    folder = tmp_path / "rankers"
    shutil.copytree(SHIPPED, folder)
    settings = json.loads((folder / "fusion.json").read_text())
    settings["trained_on"]["last"] = "2024-01-11T21:00:00"
    (folder / "fusion.json").write_text(json.dumps(settings))
    return folder


def test_erasing_names_the_rankers_that_have_seen_the_person(start, data, trained_here):
    api = start(checkins=read_checkins(data), rankers=trained_here)
    [seen] = done(api.delete("/v1/people/u0"))["seen_by"]
    assert seen.startswith(f"ranker fusion in {trained_here}, which has seen check-ins up to 2024-01-1")
