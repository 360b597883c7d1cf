"""CODER: what it answers after a little training, what it learns, and what it refuses."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch
from made import at, make
from safetensors.torch import load_file, save_file

from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.rankers.coder import Coder
from genrec.rankers.ranker import Query
from training.rankers.coder import Weights, train_coder

KINDS = ["Pub", "Pub", "Gym", "Gym", "Park", "Park", "Museum", "unknown"]


@cache
def city():
    """Two circles: one goes to the places 0 to 2, the other to 3 to 5; nobody to 6 and 7. Two months, daily."""
    random = np.random.default_rng(0)
    visits = [
        (f"u{user}", int(random.integers(3)) + 3 * (user % 2), at(day, 8 + user % 8))
        for day in range(60)
        for user in range(8)
    ]
    return make(visits, KINDS)


@cache
def trained(**options):
    return train_coder(city(), 400, steps=60, **options)


QUERIES = [
    Query("u0", None),
    Query("u1", None, ((at(60), 4),)),
    Query("stranger", None, ((at(60), 1),)),
    Query("stranger", None),
]


def test_log_probabilities_and_nothing_for_who_was_never_seen():
    scores = trained().score(QUERIES, Evidence(city(), at(50)))
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), [1, 1, 1, 0], rtol=1e-6)
    assert np.isneginf(scores[3]).all()


def test_it_learns_who_goes_where():
    first, second, third, _ = trained().score(QUERIES, Evidence(city(), at(50)))
    assert first[:3].min() > first[3:6].max() and second[3:6].min() > second[:3].max()
    assert third[:3].mean() > third[3:6].mean()


def test_who_came_after_training_is_known_by_the_places_they_went_to():
    """Also those of the evidence alone, the trajectory being the same."""
    later = make([*city().frame.select("user_id", "poi", "time").rows(), *arrivals(3, 5)], KINDS)
    row = trained().score([Query("new", None)], Evidence(later, at(70)))[0]
    assert row[3:6].mean() > row[:3].mean()


def arrivals(*pois):
    return [("new", poi, at(61 + day, 8)) for day, poi in enumerate(pois * 4)]


def test_nothing_after_the_train_part_is_learned():
    cut = replace(city(), frame=city().frame[:400])
    again = train_coder(cut, 400, steps=60)
    for name, weights in trained().network.state_dict().items():
        torch.testing.assert_close(weights, again.network.state_dict()[name], rtol=0, atol=0)


def test_later_check_ins_change_no_score():
    cut = replace(city(), frame=city().frame.filter(pl.col("time") < at(50)))
    np.testing.assert_array_equal(
        trained().score(QUERIES, Evidence(city(), at(50))), trained().score(QUERIES, Evidence(cut, at(50)))
    )


def test_places_added_behind_the_catalogue_are_ranked():
    grown = replace(city(), pois=pl.concat([city().pois, make([], [*KINDS, "Gym"]).pois[-1:]]))
    scores = trained().score(QUERIES[:3], Evidence(grown, at(50)))
    assert scores.shape == (3, len(KINDS) + 1) and np.isfinite(scores).all()


@pytest.mark.parametrize("kinds", [["unknown"] * 8, ["Pub"] * 8])
def test_cities_without_kinds_and_with_a_single_one(kinds):
    checkins = make(city().frame.select("user_id", "poi", "time").rows(), kinds)
    scores = train_coder(checkins, 400, steps=10).score(QUERIES[:3], Evidence(checkins, at(50)))
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "options",
    [{"weights": Weights(groups=0)}, {"weights": Weights(contrast=0)}, {"seed": 1}],
)
def test_each_option_matters(options):
    evidence = Evidence(city(), at(50))
    assert not np.allclose(trained().score(QUERIES[:3], evidence), trained(**options).score(QUERIES[:3], evidence))


def test_links_are_weighed_by_their_concentration():
    """Somebody alone goes from circle to circle."""
    more = make([*city().frame.select("user_id", "poi", "time").rows(), *arrivals(1, 4)], KINDS)
    rows, evidence = len(more.frame), Evidence(more, at(80))
    plain, weighed = (train_coder(more, rows, steps=10, concentration=share) for share in (0.0, 0.5))
    query = [Query("new", None)]
    assert not np.allclose(plain.score(query, evidence), weighed.score(query, evidence))


def test_it_is_the_same_after_a_folder(tmp_path):
    trained().save(tmp_path)
    loaded, evidence = Coder.load(tmp_path), Evidence(city(), at(50))
    assert loaded.trained == trained().trained
    np.testing.assert_array_equal(loaded.score(QUERIES, evidence), trained().score(QUERIES, evidence))


def test_too_few_visits_are_refused():
    with pytest.raises(GenRecError, match="199 visits are too few to train on; at least 200 are needed"):
        train_coder(city(), 199)


def test_another_catalogue_is_refused():
    other = replace(city(), pois=city().pois.with_columns(poi_id=pl.format("q{}", "poi")))
    with pytest.raises(GenRecError, match="another catalogue"):
        trained().score(QUERIES, Evidence(other, at(50)))


@pytest.mark.parametrize(
    ("key", "value"), [("format", 2), ("places", 0), ("places", 7), ("users", []), ("nodes", []), ("layers", "x")]
)
def test_faulty_settings_are_refused(tmp_path, key, value):
    trained().save(tmp_path)
    path = tmp_path / "coder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(GenRecError, match=str(tmp_path)):
        Coder.load(tmp_path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_damaged_weights_are_refused(tmp_path, number):
    trained().save(tmp_path)
    weights = load_file(tmp_path / "coder.safetensors")
    weights["popularity"][0] = number
    save_file(weights, tmp_path / "coder.safetensors")
    with pytest.raises(GenRecError, match="popularity"):
        Coder.load(tmp_path)
