"""The study of what words do."""

import json

import numpy as np
import polars as pl
import pytest
from tiny import tiny_model

from eval.methods.trained import TrainedMethod
from eval.protocol import cases
from eval.steer.scenarios import DIRECTIONS, Topics, auc, bases, measure, pairs, scenarios
from eval.steer.wordings import FEWER, MORE, free_text, held_out
from eval.steer.words_for_history import SaidMethod
from genrec.city import CityConfig, build_city
from genrec.evidence import Evidence
from genrec.profiles.place_kinds import place_kinds
from genrec.profiles.statements import parse
from genrec.rankers.fusion import Fusion
from genrec.reading.reader import read_checkins
from genrec.steering import Steering
from training.feelings import sentences


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    build_city(CityConfig(users=12, pois=80, days=60, seed=3)).write(folder)
    return folder / "checkins.csv"


@pytest.fixture(scope="module")
def asked(city):
    return cases(read_checkins(city), "all-visits")


@pytest.fixture(scope="module")
def steering(asked):
    return Steering(tiny_model(split_digits=True), asked.checkins.pois)


def test_auc_counts_ties_half():
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3])) == 1
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1])) == 0
    assert auc(np.array([1.0, 1.0, 1.0]), np.array([1])) == 0.5


def test_wordings_are_enough_and_kept_apart():
    kept = held_out()
    for known, tested in ((MORE, kept.more), (FEWER, kept.fewer)):
        assert len(known) + len(tested) >= 12
        assert len(tested) * 3 >= len(known) + len(tested)
        assert not set(known) & set(tested)
        assert all("{kind}" in sentence for sentence in (*known, *tested))
    assert not any("{" in sentence for sentence in kept.placebo)
    assert len(free_text()) == 60


def test_no_tested_sentence_was_learned():
    learned = {one.text for one in sentences()}
    kept = held_out()
    assert not learned & {*kept.more, *kept.fewer, *kept.placebo, *(one.says for one in free_text())}


@pytest.mark.parametrize(("sentences", "sign"), [(MORE, 1), (FEWER, -1)])
def test_the_known_wordings_are_read_rightly(sentences, sign):
    for sentence in sentences:
        said = parse(sentence.replace("{kind}", "Coffee Shop"), ["Coffee Shop", "Bar"], {})
        assert [clause.sign for clause in said if clause.kinds] == [sign], sentence


def test_scripted_edits(asked, steering):
    topics = Topics(asked.checkins.pois)
    made = scenarios(asked, topics, persons=3, kinds=2, seed=0)
    assert len(made) == 3 * 2 * len(DIRECTIONS)
    assert {one.is_held_out for one in made} == {True, False}
    base = bases(asked, made, Fusion())
    rows = measure(asked, topics, made, base, steering, strength=1.0)
    known = rows.filter(~pl.col("held_out") & (pl.col("direction") != "placebo"))
    assert (known["on_topic"] > 0).all(), "known wordings move a kind in the wanted direction"
    assert (known["auc_shift"] >= 0).all()
    assert known["right"].all()
    assert rows["off_topic"].is_between(0, 1).all()
    assert (pairs(rows).filter(~pl.col("held_out"))["joint"] == 1).all()
    nothing = measure(asked, topics, made, base, steering, strength=0.0)
    assert np.abs(nothing.select("auc_shift", "on_topic", "off_topic", "ranks").to_numpy()).max() < 1e-12


def test_words_for_a_history_come_from_other_later_visits(asked, steering):
    method = SaidMethod(
        TrainedMethod("fusion", None), Fusion(), steering, asked.checkins, place_kinds(asked.checkins.pois)
    )
    category = asked.checkins.pois["category"]
    spoken = 0
    for number, example in enumerate(asked.examples[:20]):
        before = len(Evidence(asked.checkins, example.as_of).visits(example.user_id))
        later = asked.checkins.frame.filter(pl.col("user_id") == example.user_id)["poi"][before:].to_list()
        later.remove(example.target)
        says = method.says(asked, number)
        kinds = {clause.split("to a ")[1] for clause in says.split(".") if clause}
        assert kinds <= {category[poi] for poi in later}
        spoken += len(kinds)
    assert spoken


@pytest.mark.slow
def test_the_command(city, genrec_eval, tiny_folder, tmp_path):
    code, out, err = genrec_eval(
        "steer", city, "--out", tmp_path / "steer", "--persons", 3, "--kinds", 2, "--limit", 6, "--model", tiny_folder,
        "--aggregates", tmp_path / "figures.json",
    )  # fmt: skip
    assert code == 0, err
    assert "wordings held out" in out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert {row["history"] for row in figures["more"]["words for a history"]} == {0, 1, 3}
    assert (tmp_path / "steer" / "report.html").exists()
