"""The model beside the fusion: a gate that learns whom to trust, and shares of visits asked."""

import json

import numpy as np
import pytest
from made_city import csv_of, town

from eval.experiments.beside import Looked, fitted
from genrec.rankers.beside import Gate, completed, mixed, situations
from genrec.rankers.ranker import Query


def test_probabilities_stay_probabilities():
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    whole = completed(scores, [3, 0], [0.6, 0.1])
    assert whole[[3, 0]].tolist() == [0.6, 0.1]
    assert whole.sum() == pytest.approx(1)
    assert whole[1] / whole[2] == pytest.approx(2)  # the rest as the fusion would
    assert np.exp(mixed(scores, whole, 0.3)).sum() == pytest.approx(1)
    assert mixed(scores, whole, 0.0) == pytest.approx(scores)
    assert completed(scores, [], []) == pytest.approx(np.exp(scores))


def test_the_gate_learns_where_the_model_is_right():
    rng = np.random.default_rng(0)
    unsure = rng.random(400) < 0.5
    right, wrong = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.8, 0.1])
    even = np.ones(3) / 3
    fusion = np.log(np.where(unsure[:, None], even, right))  # where it is unsure, only the model knows
    model = np.where(unsure[:, None], right, wrong)
    looked = Looked([0] * 400, fusion, model, situations(fusion, [Query("u", None)] * 400, [5] * 400))
    shares = Gate(weights=fitted(looked), ask_from=0.0).share(looked.situations)
    assert shares[unsure].min() > 0.6 > 0.3 > shares[~unsure].max()


def test_the_least_sure_are_asked_first():
    scores = np.log(np.array([[0.98, 0.01, 0.01], [0.4, 0.3, 0.3]]))
    told = situations(scores, [Query("u", None)] * 2, [0, 3])
    assert Gate(weights=(0, 0, 0, 0), ask_from=0.5).asks(told).tolist() == [False, True]


@pytest.mark.slow
def test_the_command(genrec_eval, tiny_folder, tmp_path):
    data = csv_of(town(8), tmp_path / "town.csv")
    arguments = ("beside", data, "--out", tmp_path / "out", "--method", "llm:diary", "--model", tiny_folder)
    code, out, err = genrec_eval(*arguments, "--limit", 20, "--aggregates", tmp_path / "figures.json")
    assert code == 0, err
    figures = json.loads((tmp_path / "figures.json").read_text())
    methods = {row["method"] for row in figures["overall"]}
    assert {"fusion", "llm:diary", "fusion with the model, 100% asked"} <= methods
    assert figures["settings"]["asked"]["fusion with the model, 100% asked"] == pytest.approx(1, abs=0.3)
    assert "Asked everywhere, the model changes MRR by" in out
    code, _, err = genrec_eval("beside", data, "--out", tmp_path / "other", "--method", "habits")
    assert code == 2
    assert "not a way to ask the model" in err
