"""The model beside the fusion: a gate that learns whom to trust, and shares of visits asked."""

import json

import numpy as np
import pytest
from made_city import csv_of, town

from eval.experiments.beside import TEST, Asked, Looked, fitted, look, mixture
from eval.methods.llm import Models
from eval.methods.names import make_methods
from eval.protocol import cases
from genrec.beside import GATE, Beside, LearnedGate
from genrec.llm.connect import connect_scorer
from genrec.llm.identity import model_settings
from genrec.profiles.shelf import ProfileShelf
from genrec.rankers.beside import Gate, completed, mixed, situations
from genrec.rankers.fusion import Fusion
from genrec.rankers.ranker import Query
from genrec.reading.reader import read_checkins
from genrec.recommender import Recommender


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


@pytest.mark.filterwarnings("error")
def test_any_gate_gives_shares():
    told = situations(np.log(np.array([[0.98, 0.01, 0.01]])), [Query("u", None)], [300])
    for weights, share in (((1000,) * 4, 1), ((-1000,) * 4, 0), ((0, 1000, -1000, 0), 0)):
        assert Gate(weights=weights, ask_from=None).share(told) == pytest.approx([share])
    assert not Gate(weights=(0, 0, 0, 0), ask_from=None).asks(told).any()


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
    assert f"genrec recommend {data} --user U --beside {tmp_path / 'out'} --model {tiny_folder}" in out
    _recommend_gives_what_was_measured(data, tiny_folder, tmp_path / "out")
    code, _, err = genrec_eval("beside", data, "--out", tmp_path / "other", "--method", "habits")
    assert code == 2
    assert "not a way to ask the model" in err


def _recommend_gives_what_was_measured(data, model, folder):
    """The same probability of every place at every visit, at half of which the model is asked."""
    checkins = read_checkins(data)
    asked = cases(checkins, "all-visits", limit=20)
    [reader] = make_methods(["llm:diary"], Models(checkins, str(model), None, None), ProfileShelf([], checkins))
    looked = look(Asked(asked, reader), Fusion(), folder / TEST, name=data.name, progress=lambda *_: None)
    learned = LearnedGate.model_validate_json((folder / GATE).read_bytes())
    assert learned.made_from["part"] == "validation"
    half = float(np.median(looked.situations[:, 1]))
    gate = Gate(weights=(1.0, *learned.gate.weights[1:]), ask_from=half)
    learned.model_copy(update={"gate": gate}).write(folder)
    named = model_settings(str(model), None, None)
    beside = Beside(folder, checkins, [], named, lambda: connect_scorer(str(model), None))
    queries = [asked.query(number) for number in range(len(asked.examples))]
    rankings = Recommender(checkins, beside=beside).rank_as_of(
        asked.examples[0].as_of, queries, "fusion", k=len(checkins.pois)
    )
    assert {ranking.how.beside.asked for ranking in rankings} == {True, False}
    for ranking, scores in zip(rankings, mixture(looked, gate), strict=True):
        told = {place.poi: place.probability for place in ranking.places}
        assert [told[poi] for poi in range(len(scores))] == pytest.approx(np.exp(scores).tolist(), abs=1e-6)
