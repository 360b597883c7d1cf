"""`genrec-train rankers`: a folder that ranks, made of nothing but the train part, that a killed run goes on with."""

from dataclasses import replace

import numpy as np
import pytest
from made_trained import BRIEF

from genrec.city import CityConfig, build_city
from genrec.clock import local_span
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.rankers.features import ABOUT, layout
from genrec.rankers.fields import RANKERS
from genrec.rankers.fusion import Fusion
from genrec.rankers.fusion_file import Learned, read_fusion
from genrec.rankers.ranker import Query
from genrec.rankers.simple import CountingRanker
from genrec.reading.reader import read_checkins
from training.progress import nothing
from training.rankers import shipped, stages
from training.rankers.fusion import Settings, answers, calibrate, fit, new_network
from training.rankers.lists import aged, lists_of, visits_to_learn
from training.rankers.material import material
from training.rankers.stages import train_rankers
from training.recipe import RANKERS_RECIPE, RankersRecipe, load_recipe

RECIPE = RankersRecipe(kind="rankers", visits=150, epochs=1)


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(stages, "TRAINERS", BRIEF)


@pytest.fixture(scope="module")
def checkins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    build_city(CityConfig(users=12, pois=80, days=60, checkins=900, seed=3)).write(folder)
    return read_checkins(folder / "checkins.csv")


def train(recipe, checkins, out):
    """Train all stages; what was noted."""
    notes = []
    train_rankers(recipe, checkins, out, lambda _: nothing, notes.append)
    return notes


def test_training_sees_the_train_part_only(checkins):
    part = material(RECIPE, checkins)
    assert len(part.checkins.frame) == len(checkins.frame) * 8 // 10
    visits = visits_to_learn(part.checkins, len(part.checkins.frame))
    assert visits
    assert max(visit.time for visit in visits) <= part.trained_on.last
    assert all(visit.as_of <= visit.time for visit in visits)


def test_aged_evidence_is_older_and_the_visit_the_same(checkins):
    visits = visits_to_learn(checkins, len(checkins.frame))
    older = aged(visits, checkins, 1.0, 0)
    assert older
    same = {(visit.user_id, visit.time, visit.target): visit.as_of for visit in visits}
    assert all(visit.as_of < same[visit.user_id, visit.time, visit.target] for visit in older)


def test_a_network_learns_and_is_the_same_each_time(checkins):
    visits = visits_to_learn(checkins, len(checkins.frame))[:200]
    lists = lists_of(checkins, visits, {"habits": CountingRanker("habits")})
    learned = Learned(layout=layout(), about=ABOUT, rankers=("habits",), width=16)
    settings = Settings(epochs=3, contrast=0.1)
    losses = []
    for _ in range(2):
        network = new_network(lists, learned, settings)
        before = answers(network, lists)[1].mean()
        fit(network, lists, settings)
        calibrate(network, lists)
        losses.append(answers(network, lists)[1].mean())
    assert losses[0] == losses[1] > before


@pytest.mark.slow
def test_a_folder_that_ranks_and_is_not_made_again(checkins, tmp_path):
    out = tmp_path / "rankers"
    assert not train(RECIPE, checkins, out)
    settings, _ = read_fusion(out, layout())
    assert settings.catalogue != "any"
    assert set(settings.learned.rankers) <= set(RANKERS)
    written = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    notes = train(RECIPE, checkins, out)
    assert notes == [f"{name}: finished before, skipped" for name in ("m2trec", "cml", "coder", "fusion")]
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == written
    with pytest.raises(GenRecError, match="was made with seed 0, not 1"):
        train(RECIPE.model_copy(update={"seed": 1}), checkins, out)
    with pytest.raises(GenRecError, match="something else"):
        train(RECIPE, replace(checkins, frame=checkins.frame[:-5]), out)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == written
    (out / "fusion.json").unlink()
    (out / "cml.safetensors").unlink()
    assert train(RECIPE, checkins, out) == ["m2trec: finished before, skipped", "coder: finished before, skipped"]


def test_the_recipe_is_the_default():
    assert load_recipe(RANKERS_RECIPE) == RankersRecipe(kind="rankers")


@pytest.mark.slow
def test_a_trained_folder_is_not_examined_on_what_it_has_seen(checkins, tmp_path, genrec_eval):
    out, data = tmp_path / "rankers", tmp_path / "city"
    build_city(CityConfig(users=12, pois=80, days=60, checkins=900, seed=3)).write(data)
    train(RECIPE, checkins, out)
    run = ("run", data / "checkins.csv", "--method", "fusion", "--rankers", out, "--out")
    code, _, err = genrec_eval(*run, tmp_path / "one", "--split", "rolling")
    assert code == 2
    assert "trained on check-ins up to" in err
    code, printed, _ = genrec_eval(*run, tmp_path / "two", "--split", "all-visits", "--limit", "20")
    assert code == 0
    assert "fusion" in printed
    code, printed, _ = genrec_eval("audit", tmp_path / "two")
    assert code == 0
    assert "training ended before the first moment (2 checked)" in printed


@pytest.mark.slow
def test_the_shipped_fusion_can_be_made(checkins, tmp_path, monkeypatch):
    small = {"SYNTHETIC": 1, "REAL_VISITS": 60, "REAL_AGED": 10, "KEPT_VISITS": 20, "SYNTHETIC_VISITS": 20}
    for name, value in small.items():
        monkeypatch.setattr(shipped, name, value)
    monkeypatch.setattr(shipped, "SETTINGS", Settings(epochs=1))
    shipped.ship([checkins, checkins], tmp_path)
    settings, _ = read_fusion(tmp_path, layout())
    assert (settings.catalogue, settings.trained_on.rows) == ("any", 2 * ((len(checkins.frame) + 1) // 2))
    ranker = Fusion(tmp_path)
    scores = ranker.score([Query("nobody", None)], Evidence(checkins, local_span(checkins.frame)[1]))
    assert np.isclose(np.exp(scores).sum(), 1)
