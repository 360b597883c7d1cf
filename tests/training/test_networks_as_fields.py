"""Networks as fields of a fusion: heard out of fold only, missing without harm, and worth no more than was learned."""

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from conftest import command
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at
from made_trained import BRIEF, LATE, city, cml, m2trec

from genrec.city import CityConfig, build_city
from genrec.errors import GenRecError, InputError
from genrec.evidence import Evidence
from genrec.rankers.asked import asked
from genrec.rankers.candidates import candidates
from genrec.rankers.features import ALL_FIELDS, features, heard, layout
from genrec.rankers.fusion import Fusion, counting
from genrec.rankers.fusion_file import SHIPPED, read_fusion, write_fusion
from genrec.rankers.networks import NETWORKS
from genrec.rankers.places import places_of
from genrec.rankers.ranker import Query
from genrec.rankers.simple import COUNTING, CountingRanker
from genrec.rankers.tables import Tables
from genrec.reading.reader import read_checkins
from training.cli import main
from training.progress import nothing
from training.rankers import stages
from training.rankers.coder import train_coder
from training.rankers.fusion import answers
from training.rankers.lists import lists_of, visits_to_learn, without
from training.rankers.material import TooFewError, material
from training.rankers.newcomers import introduce
from training.rankers.stages import train_rankers
from training.recipe import RankersRecipe

RECIPE = RankersRecipe(kind="rankers", visits=150, epochs=1)
QUERIES = [
    Query("u3", LATE, ((at(28), 2),)),
    Query("u3", None),
    Query("stranger", LATE),
    Query("stranger", None, ((at(28), 5), (at(28, 1), 5))),
]
some = settings(max_examples=15, deadline=None)


@cache
def coder():
    return train_coder(city(), 240, steps=10)


TRAINED = {"m2trec": m2trec, "cml": cml, "coder": coder}


def train(recipe, checkins, out):
    notes = []
    train_rankers(recipe, checkins, out, lambda _: nothing, notes.append)
    return notes


def scores(where, queries=QUERIES):
    return Fusion(where).score(queries, Evidence(city(), at(28)))


@pytest.mark.parametrize("name", [*TRAINED, *COUNTING])
def test_scores_of_some_places_are_those_of_all(name):
    """Of all places in another order these are the same; of some they are shares among these."""
    ranker = TRAINED[name]() if name in TRAINED else CountingRanker(name)
    evidence, draw = Evidence(city(), at(28)), np.random.default_rng(0)
    every = ranker.score(QUERIES, evidence)
    order = np.stack([draw.permutation(every.shape[1]) for _ in QUERIES])
    np.testing.assert_allclose(
        ranker.score_at(QUERIES, evidence, order), np.take_along_axis(every, order, axis=1), atol=1e-4
    )
    some = order[:, :9].copy()
    some[:2, 6:] = -1
    shares = np.where(some >= 0, ranker.score_at(QUERIES, evidence, some), -np.inf)
    assert np.isfinite(shares[:2, :6]).all() and (np.exp(shares).sum(axis=1) < 1 + 1e-6).all()
    alone = np.vstack([ranker.score_at([q], evidence, row[None]) for q, row in zip(QUERIES, some, strict=True)])
    np.testing.assert_allclose(shares, np.where(some >= 0, alone, -np.inf), atol=1e-4)


def test_a_network_says_nothing_of_what_it_may_have_seen():
    visits = visits_to_learn(city(), len(city().frame))
    last = m2trec().trained.trained_on.last
    lists = lists_of(city(), visits, {"m2trec": m2trec()})
    said = lists.present[:, ALL_FIELDS.index("m2trec")]
    later = np.array([visits[number].as_of > last for number in lists.example])
    assert said.any() and not said.all()
    np.testing.assert_array_equal(said, later)


@pytest.mark.slow
@pytest.mark.parametrize("weighed", [(), ("m2trec",), tuple(NETWORKS)])
def test_networks_that_are_weighed_learn_from_the_first_two_thirds_and_say_so(weighed, tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "TRAINERS", BRIEF)
    build_city(CityConfig(users=12, pois=80, days=60, checkins=900, seed=3)).write(tmp_path)
    checkins, out = read_checkins(tmp_path / "checkins.csv"), tmp_path / "rankers"
    recipe = RECIPE.model_copy(update={"weighed": weighed})
    assert not train(recipe, checkins, out)
    part = material(recipe, checkins)
    assert part.early.rows == part.trained_on.rows * 2 // 3
    assert part.early.last < part.trained_on.last
    fusion = Fusion(out)
    assert fusion.trained.trained_on == part.trained_on
    for name, kind in NETWORKS.items():
        expected = part.early if name in weighed else part.trained_on
        assert kind.load(out).trained.trained_on == expected, name
    assert set(fusion.trained.learned.rankers) - {"habits", "markov"} <= set(weighed)


def test_introduced_networks_change_nothing_where_they_are_silent():
    visits = visits_to_learn(city(), len(city().frame))
    lists = lists_of(city(), visits, {**counting(), "m2trec": m2trec(), "cml": cml()})
    _, network = read_fusion(SHIPPED, layout())
    silent = without(lists, ("m2trec", "cml"))
    before = answers(network, silent)
    introduce(network, ("m2trec", "cml"), lists)
    for one, two in zip(before, answers(network, silent), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert np.abs(answers(network, lists)[1] - before[1]).max() < 1.5  # and little where they speak


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """The fusion that ships, made ready to weigh all networks, beside them."""
    where = tmp_path_factory.mktemp("networks")
    facts, network = read_fusion(SHIPPED, layout())
    visits = visits_to_learn(city(), len(city().frame))
    voices = {name: trained() for name, trained in TRAINED.items()}
    introduce(network, voices, lists_of(city(), visits, voices))
    learned = facts.learned.model_copy(update={"rankers": ("habits", "markov", *voices)})
    seen = facts.trained_on.model_copy(update={"last": at(29)})
    write_fusion(where, facts.model_copy(update={"learned": learned, "trained_on": seen}), network)
    for voice in voices.values():
        voice.save(where)
    return where


@some
@given(gone=st.sets(st.sampled_from([f"{n}.{e}" for n in TRAINED for e in ("json", "safetensors")])))
def test_any_network_may_be_missing(networks, tmp_path_factory, gone):
    """Its field is then missing, as if it had never been there."""
    where = tmp_path_factory.mktemp("rankers") / "out"
    shutil.copytree(networks, where)
    for name in gone:
        (where / name).unlink()
    left = set(TRAINED) - {name.split(".")[0] for name in gone}
    assert set(Fusion(where).settings()["rankers"]) == {"habits", "markov"} | left
    found = scores(where)
    assert np.allclose(np.exp(found).sum(axis=1), 1)
    if not left:
        np.testing.assert_allclose(found, scores(None), atol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_a_damaged_network_is_one_line(name, networks, tmp_path):
    where = tmp_path / "out"
    shutil.copytree(networks, where)
    (where / f"{name}.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(InputError, match=name) as error:
        Fusion(where)
    assert "\n" not in str(error.value)


def test_a_network_that_knows_more_than_the_fusion_is_refused(networks, tmp_path):
    where = tmp_path / "out"
    shutil.copytree(networks, where)
    facts = json.loads((where / "fusion.json").read_text())
    facts["trained_on"]["last"] = at(0).isoformat()
    (where / "fusion.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="has seen check-ins up to") as error:
        Fusion(where)
    assert "\n" not in str(error.value)


def test_the_fusion_hears_candidates_only():
    evidence = Evidence(city(), at(28))
    tables = Tables(evidence, places_of(city().pois))
    questions = asked(QUERIES, tables, at(28))
    found = candidates(tables, questions)
    said = heard({"m2trec": m2trec(), "coder": coder()}, QUERIES, evidence, found)
    assert {values.shape for values in said.values()} == {found.poi.shape}
    made = features(tables, questions, found, said)
    assert made.present[:, ALL_FIELDS.index("m2trec")].all()
    assert made.present[:, ALL_FIELDS.index("coder")].tolist() == [True, True, False, True]
    assert not made.present[:, ALL_FIELDS.index("cml")].any()


def test_what_ships_hears_no_networks(tmp_path):
    where = tmp_path / "out"
    shutil.copytree(SHIPPED, where)
    m2trec().save(where)
    np.testing.assert_array_equal(scores(where), scores(None))
    assert set(Fusion(where).settings()["rankers"]) == {"habits", "markov"}


@pytest.mark.parametrize("rows", [0, 1, 5, 120])
def test_too_few_check_ins_get_the_fusion_that_ships(rows, tmp_path):
    out = tmp_path / "rankers"
    [note] = train(RECIPE, replace(city(), frame=city().frame[:rows]), out)
    assert "too few to learn from" in note
    np.testing.assert_array_equal(scores(out), scores(None))
    assert (out / "fusion.safetensors").read_bytes() == (SHIPPED / "fusion.safetensors").read_bytes()
    written = (out / "fusion.json").stat().st_mtime_ns
    train(RECIPE, replace(city(), frame=city().frame[:rows]), out)
    assert (out / "fusion.json").stat().st_mtime_ns == written


def test_too_few_people_with_a_history_get_it_as_well(tmp_path):
    everybody_once = replace(city(), frame=city().frame.with_columns(user_id=city().frame["time"].cast(str)))
    with pytest.raises(TooFewError, match="with a history"):
        material(RECIPE, everybody_once)
    [note] = train(RECIPE, everybody_once, tmp_path / "rankers")
    assert "with a history" in note
    assert Fusion(tmp_path / "rankers").ships


def test_too_few_for_networks_are_enough_for_a_fusion(tmp_path):
    out = tmp_path / "rankers"
    recipe = RECIPE.model_copy(update={"weighed": tuple(NETWORKS)})
    notes = train(recipe, replace(city(), frame=city().frame[:270]), out)
    assert notes == [f"{n}: skipped, 144 check-ins are too few to learn from (at least 200)" for n in NETWORKS]
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".safetensors") == ["fusion.safetensors"]
    assert not Fusion(out).ships


@pytest.fixture
def genrec_train(monkeypatch, capsys):
    return command("genrec-train", main, monkeypatch, capsys)


def test_a_run_ranks_by_the_fusion_that_ships_from_a_folder(tmp_path, genrec_eval, genrec_train):
    """Small data go on: nothing has to be taken back."""
    path = tmp_path / "few.csv"
    frame = city().frame[:120].join(city().pois, on="poi").select("user_id", "poi_id", "time", "category")
    frame.with_columns(latitude=51.0, longitude=-114.0, time=frame["time"].dt.strftime("%Y-%m-%d %H:%M")).write_csv(
        path
    )
    code, _, err = genrec_train("rankers", path, "--out", tmp_path / "rankers")
    assert code == 0 and "note: 96 check-ins are too few to learn from" in err
    run = ("run", path, "--split", "rolling", "--method", "fusion", "--rankers", tmp_path / "rankers")
    code, printed, err = genrec_eval(*run, "--out", tmp_path / "run")
    assert code == 0, err
    assert "fusion" in printed


def test_a_changed_recipe_is_named(tmp_path):
    out = tmp_path / "rankers"
    few = replace(city(), frame=city().frame[:50])
    train(RECIPE, few, out)
    with pytest.raises(GenRecError, match=r"epochs 1, not 5 \(see its recipe.yaml\)"):
        train(RECIPE.model_copy(update={"epochs": 5}), few, out)
