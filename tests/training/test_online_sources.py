"""Where feedback comes from: a service's store, or visits that are played back; and what the commands say of it."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest
from conftest import command
from made_city import csv_of, town
from made_store import WILLING

from genrec.errors import GenRecError
from genrec.rankers.fusion_file import SHIPPED
from genrec.store.opening import open_store
from genrec.store.records import Answer, Feedback, now
from training.cli import main
from training.online.gathered import export, gathered

ASKED = "2024-01-13T08:00:00"
RECIPE = ["--set", "warm_up=15", "--set", "adopt_every=10", "--set", "every=5", "--set", "batch=2", "--set", "shown=3"]


@pytest.fixture
def train(monkeypatch, capsys):
    return command("genrec-train", main, monkeypatch, capsys)


@pytest.fixture
def store(tmp_path):
    """The town, with three answers to u0: of two something was said, one was not by the fusion."""
    opened = open_store(str(tmp_path / "store.db"))
    opened.import_checkins(town(), WILLING)
    used = {"asked": ASKED, "propensities": [1.0, 1.0, 0.25]}
    for number, method in enumerate(("fusion", "fusion", "habits")):
        answer = Answer(id=f"a{number}", person="u0", at=now(), method=method, used=used, places=["p0", "p1", "p2"])
        opened.add_answer(answer)
    said = [("a0", "visited", "p2"), ("a0", "dislike", "p0"), ("a2", "visited", "p1")]
    for number, (answer, kind, place) in enumerate(said):
        opened.add_feedback(Feedback(person="u0", id=str(number), kind=kind, poi_id=place, answer=answer))
    yield opened
    opened.close()


def test_feedback_of_a_store_becomes_a_log(store, tmp_path):
    [line], left_out = gathered(store)
    assert (line.user_id, line.time.isoformat(), line.visited, line.disliked) == ("u0", ASKED, "p2", ("p0",))
    assert [one.propensity for one in line.shown] == [1, 1, 0.25]
    assert left_out == 1
    assert export(store, tmp_path / "out") == (1, 1)
    assert json.loads((tmp_path / "out" / "feedback.jsonl").read_text())["visited"] == "p2"


def test_a_store_without_feedback_says_so(tmp_path):
    empty = open_store(str(tmp_path / "empty.db"))
    with pytest.raises(GenRecError, match="no feedback"):
        export(empty, tmp_path / "out")
    empty.close()
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_commands_one_after_the_other(train, tmp_path):
    rankers, log = tmp_path / "rankers", tmp_path / "log.jsonl"
    shutil.copytree(SHIPPED, rankers)
    data = csv_of(town(), tmp_path / "town.csv")
    code, out, err = train("online", "simulate", data, "--rankers", rankers, "--out", log, *RECIPE)
    assert (code, "feedbacks" in out) == (0, True), err
    lines = log.read_text().splitlines()
    assert len(lines) > 30
    code, out, err = train("online", "learn", data, "--feedback", log, "--rankers", rankers, *RECIPE)
    assert (code, "in use: version" in out) == (0, True), err
    code, again, err = train("online", "learn", data, "--feedback", log, "--rankers", rankers, *RECIPE)
    assert (code, "waits for more" in err, again.splitlines()[-1]) == (0, True, out.splitlines()[-1])
    code, out, err = train("online", "evaluate", data, "--feedback", log, "--rankers", rankers)
    assert (code, out.startswith("version 1: an answer earns ")) == (0, True), err
    with log.open("a") as file:
        file.write(f"{lines[3]}\n")
    code, again, err = train("online", "evaluate", data, "--feedback", log, "--rankers", rankers)
    assert (code, again, "left out: 1" in err) == (0, out, True)
    elsewhere = replace(town(), pois=town().pois.with_columns(poi_id=pl.format("x{}", "poi_id")))
    other = csv_of(elsewhere, tmp_path / "other.csv")
    code, _, err = train("online", "learn", other, "--feedback", log, "--rankers", rankers, *RECIPE)
    assert (code, "there is no place 'p" in err and str(other) in err) == (2, True)
    bad = json.loads(lines[5]) | {"time": "2090-01-01T00:00:00"}
    log.write_text("\n".join([*lines[:5], json.dumps(bad)]) + "\n")
    before = {path.name: path.read_bytes() for path in rankers.rglob("*") if path.is_file()}
    code, out, err = train("online", "learn", data, "--feedback", log, "--rankers", rankers, *RECIPE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "row 6" in err and "is in the future" in err
    assert {path.name: path.read_bytes() for path in rankers.rglob("*") if path.is_file()} == before
    code, _, err = train("online", "back", rankers, "--to", 99)
    assert (code, "has no version 99" in err) == (2, True)
    assert train("online", "back", rankers, "--to", 1)[0] == 0
