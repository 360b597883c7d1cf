"""Learning from a log: versions are put in use whole, a kill repeats a round, a bad log changes nothing."""

import json
import shutil
import subprocess
import sys
import time
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at
from made_trained import city

from genrec.errors import GenRecError, InputError
from genrec.evidence import Evidence
from genrec.prepared import prepare
from genrec.rankers.features import layout
from genrec.rankers.fusion import Fusion
from genrec.rankers.fusion_file import SHIPPED, read_fusion, write_fusion
from genrec.rankers.ranker import Query
from genrec.versions import current_version, take_back, versions_of
from training.online import adoption, rounds
from training.online.buffer import Buffer
from training.online.feedback import read_feedback
from training.online.learner import Learner, targets
from training.online.material import visits_between
from training.online.playback import play_back
from training.online.rounds import learn, serving
from training.recipe import OnlineRecipe

RECIPE = OnlineRecipe(kind="online", shown=4, warm_up=30, adopt_every=25, every=5, batch=4, rate=3e-3)
COMMAND = [sys.executable, "-c", "from training.cli import main; main()"]
NOW = datetime(2025, 1, 1)


class KilledError(BaseException):
    """Stands for the end of a process."""


def folder(path: Path) -> Path:
    shutil.copytree(SHIPPED, path, ignore=shutil.ignore_patterns("*.md"))
    return path


@cache
def feedback():
    return tuple(play_back(visits_between(city()), city(), serving(SHIPPED, city()), RECIPE))


def in_use(rankers):
    """What the version in use says of some visits."""
    queries = [Query(f"u{user}", at(29, 9 + user)) for user in range(10)]
    return np.exp(Fusion(rankers).score(queries, Evidence(city(), at(29))))


def alike(one, other):
    """Adam makes much of last digits, which depend on what is computed together."""
    return np.abs(in_use(one) - in_use(other)).max() < 0.03


@pytest.mark.slow
def test_a_log_teaches_and_every_version_can_be_taken_back(tmp_path):
    rankers = folder(tmp_path / "rankers")
    before = in_use(rankers)
    taken = learn(rankers, feedback(), city(), RECIPE)
    assert [one.feedback for one in taken] == [30, 55, 80, 105]
    assert taken[0].advantage is None and all(one.advantage for one in taken[1:])
    assert all((one.version is not None) == (one.advantage.value >= 0) for one in taken[1:])
    assert current_version(rankers) == versions_of(rankers)[-1] > 1
    assert np.abs(in_use(rankers) - before).max() > 0.01
    about = json.loads((rankers / "online.json").read_text())
    assert about["advantage"]["value"] >= 0
    assert Fusion(rankers).trained.trained_on.last <= feedback()[about["feedback"] - 1].time
    take_back(rankers, 1)
    assert np.array_equal(in_use(rankers), before)


@pytest.mark.slow
def test_a_log_that_grows_teaches_what_it_teaches_at_once(tmp_path, whole):
    twice = folder(tmp_path / "twice")
    learn(twice, feedback()[:60], city(), RECIPE)
    assert learn(twice, feedback()[:70], city(), RECIPE) == []
    learn(twice, feedback(), city(), RECIPE)
    assert versions_of(whole) == versions_of(twice)
    assert alike(whole, twice)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["taken back", "updated"])
def test_what_was_learned_is_not_put_over_a_version_put_in_use_meanwhile(tmp_path, change):
    rankers = folder(tmp_path / "rankers")
    learn(rankers, feedback()[:80], city(), RECIPE)
    if change == "taken back":
        take_back(rankers, 1)
    else:
        used = serving(rankers, city())
        used.network.temperature.mul_(1.5)
        adoption.adopt(rankers, lambda path: write_fusion(path, used.settings, used.network), {})
    before = in_use(rankers)
    (taken,) = learn(rankers, feedback(), city(), RECIPE)
    assert (taken.feedback, taken.advantage) == (105, None)  # it begins anew: what it had is not judged
    assert np.array_equal(in_use(rankers), before)


@pytest.mark.slow
def test_a_worse_version_is_not_adopted(tmp_path, monkeypatch):
    rankers = folder(tmp_path / "rankers")

    def spoilt(self, *_):
        self.network.temperature.fill_(-1.0)  # the worst places come first

    monkeypatch.setattr(Learner, "update", spoilt)
    taken = learn(rankers, feedback(), city(), RECIPE)
    assert taken[1].advantage.high < 0
    assert all(one.version is None for one in taken) and versions_of(rankers) == [1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an undisturbed run leaves."""
    rankers = folder(tmp_path_factory.mktemp("whole") / "rankers")
    learn(rankers, feedback(), city(), RECIPE)
    return rankers


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2, 3])
def test_killed_at_any_step_it_goes_on_to_the_same_end(tmp_path, monkeypatch, whole, step):
    killed, left = folder(tmp_path / "killed"), [step]

    def once_fewer(real):
        def stops(*args, **more):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
            return real(*args, **more)

        return stops

    with monkeypatch.context() as patched:
        for module, name in ((rounds, "_save"), (adoption, "put_in_use"), (rounds, "write_fusion")):
            patched.setattr(module, name, once_fewer(getattr(module, name)))
        with pytest.raises(KilledError):
            learn(killed, feedback(), city(), RECIPE)
    assert current_version(killed) in versions_of(whole)
    read_fusion(killed, layout())
    learn(killed, feedback(), city(), RECIPE)
    assert versions_of(killed) == versions_of(whole)
    assert alike(killed, whole)


def write(path: Path, lines) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


BAD = {
    "unknown place": (
        {"shown": [{"poi_id": "nowhere", "propensity": 1}], "visited": None, "disliked": []},
        "no place 'nowhere'",
    ),
    "future": ({"time": "2026-01-01T00:00:00"}, "is in the future"),
    "propensity 0": (
        {"shown": [{"poi_id": "p0", "propensity": 0}], "visited": None, "disliked": []},
        "must be more than 0",
    ),
    "propensity 2": (
        {"shown": [{"poi_id": "p0", "propensity": 2}], "visited": None, "disliked": []},
        "must be at most 1",
    ),
    "twice": ({"shown": [{"poi_id": "p0", "propensity": 1}] * 2, "visited": None, "disliked": []}, "twice"),
    "not shown": ({"visited": "p23x"}, "not one of the places shown"),
    "with a zone": ({"time": "2024-01-01T00:00:00Z"}, "without a time zone"),
    "unknown key": ({"mood": "good"}, "mood"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_line_is_named_and_nothing_is_learned(tmp_path, fault):
    good = [json.loads(line.model_dump_json()) for line in feedback()[:3]]
    changed, words = BAD[fault]
    place = city().pois["poi_id"][0]
    changed = json.loads(json.dumps(changed).replace('"p0"', json.dumps(place)))
    path = write(tmp_path / "log.jsonl", [*good[:2], good[2] | changed])
    with pytest.raises(InputError, match=words) as raised:
        read_feedback(path, city(), NOW)
    assert raised.value.row == 3 and "\n" not in str(raised.value)


def test_data_of_which_all_dates_are_in_the_future_have_feedback(tmp_path):
    path = write(tmp_path / "log.jsonl", [json.loads(feedback()[0].model_dump_json())])
    assert len(read_feedback(path, city(), datetime(2020, 1, 1))) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.sampled_from(["poi0", "u1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["user_id", "time", "shown", "visited", "disliked", "?"]), VALUES, max_size=3))
@settings(max_examples=30, deadline=None)
def test_whatever_a_line_says_it_is_read_or_refused_in_one_line(tmp_path_factory, changed):
    good = json.loads(feedback()[0].model_dump_json())
    path = write(tmp_path_factory.mktemp("fuzz") / "log.jsonl", [good, good | changed])
    try:
        assert len(read_feedback(path, city(), NOW)) == 2
    except InputError as error:
        assert error.row == 2 and "\n" not in str(error)


@pytest.mark.slow
def test_killed_for_real_it_goes_on(tmp_path, whole):
    rankers, data, log = folder(tmp_path / "rankers"), tmp_path / "city", tmp_path / "log.jsonl"
    prepare(city(), data)
    log.write_text("".join(f"{line.model_dump_json()}\n" for line in feedback()))
    keys = [word for key, value in RECIPE.model_dump().items() if key != "kind" for word in ("--set", f"{key}={value}")]
    asked = [*COMMAND, "online", "learn", data, "--feedback", log, "--rankers", rankers, *keys]
    process = subprocess.Popen(list(map(str, asked)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (rankers / "online" / "learner.pt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert current_version(rankers) in versions_of(whole)
    learn(rankers, feedback(), city(), RECIPE)
    assert versions_of(rankers) == versions_of(whole)
    assert alike(rankers, whole)


@pytest.mark.slow
def test_a_log_that_was_changed_is_refused(tmp_path):
    rankers = folder(tmp_path / "rankers")
    learn(rankers, feedback()[:60], city(), RECIPE)
    changed = (feedback()[0].model_copy(update={"user_id": "u9"}), *feedback()[1:])
    for log in (changed, feedback()[:20]):
        with pytest.raises(GenRecError, match="first 55 lines"):
            learn(rankers, log, city(), RECIPE)
    with pytest.raises(GenRecError, match="another recipe"):
        learn(rankers, feedback(), city(), RECIPE.model_copy(update={"rate": 1e-4}))
    (rankers / "online" / "learner.pt").write_bytes(b"x")
    with pytest.raises(InputError, match="is damaged"):
        learn(rankers, feedback(), city(), RECIPE)


def test_what_is_learned_of_a_visit():
    believed, rest = torch.tensor([[0.4, 0.3, 0.1, 0.1]]).repeat(3, 1), torch.full((3,), 0.1)
    log = Buffer(
        np.arange(3),
        np.array([[0, 1, 2]] * 3),
        np.array([[1.0, 1.0, 0.25]] * 3),
        np.array([[0.0, 1, 0], [0, 0, 0], [0, 0, 1]]),
    )
    visits, left = targets(believed, rest, log)
    assert visits[0].tolist() == [0, 1, 0, 0]  # a sure one says all
    assert visits[1].tolist() == pytest.approx([0, 0, 0, 1 / 3])  # the others share; the drawn one cannot be below 0
    assert visits[2].tolist() == pytest.approx([0, 0, 1 / 3 + (1 - 1 / 3) / 0.25, 1 / 3])
    assert left.tolist() == pytest.approx([0, 1 / 3, 0])


@pytest.mark.slow
def test_feedback_moves_a_policy_towards_what_people_do(tmp_path):
    """People who go to what the model ranks last: after some feedback, it ranks that first."""
    used = serving(SHIPPED, city())
    used.network.temperature.mul_(-1)
    rankers = folder(tmp_path / "rankers")
    write_fusion(rankers, used.settings, used.network)
    log = play_back(visits_between(city()), city(), serving(rankers, city()), RECIPE)
    before = in_use(rankers)
    taken = learn(rankers, log, city(), RECIPE.model_copy(update={"updates": 2}))
    assert max(one.advantage.value for one in taken[1:]) > 0.05
    assert np.abs(in_use(rankers) - before).max() > 0.01
