"""Counting rankers answer many queries at once, with the very numbers that each has when it is asked alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick
from reference import REFERENCE

from genrec.city import CityConfig, build_city
from genrec.evidence import Evidence
from genrec.geo import Positions, haversine_km
from genrec.rankers.habit_weights import HabitWeights
from genrec.rankers.habits import rank_habits, score_habits
from genrec.rankers.ranker import Query, best
from genrec.rankers.simple import COUNTING, CountingRanker
from genrec.reading.reader import read_checkins
from genrec.trajectories import rolling

SAME = 1e-9

moments = st.integers(0, 24 * 14).map(lambda hour: at(hour=hour))
visits = st.tuples(moments, st.integers(0, len(KINDS) - 1))


@st.composite
def asks(draw):
    """Evidence, and queries of strangers and others, with and without a time and a trajectory before or since it."""
    checkins, as_of = draw(made_checkins()), draw(st.integers(0, 12).map(at))
    own = Evidence(checkins, as_of).visits("a")[-3:]
    since = [visit for visit in sorted(draw(st.lists(visits, max_size=4))) if visit[0] >= as_of]
    queries = [
        Query(user, draw(st.none() | moments), tuple(draw(st.sampled_from([(), since, own if user == "a" else since]))))
        for user in draw(st.lists(st.sampled_from("abcz"), min_size=1, max_size=6))
    ]
    return replace(checkins, dates_only=draw(st.booleans())), as_of, queries


def require_same(scores, expected):
    """Equal numbers, and the same order of all places, ties included, but where rounding alone tells them apart."""
    assert np.abs(np.exp(scores) - expected).max() < SAME
    assert np.abs(scores - np.log(expected)).max() < SAME
    for row, reference in zip(scores, expected, strict=True):
        order = np.argsort(-reference, kind="stable")
        mine = np.argsort(-row, kind="stable")
        assert np.allclose(reference[order], reference[mine], rtol=1e-13, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCE)
@quick
@given(asked=asks())
def test_a_batch_has_the_numbers_of_the_plain_formula(name, asked):
    checkins, as_of, queries = asked
    scores = CountingRanker(name).score(queries, Evidence(checkins, as_of))
    evidence = Evidence(checkins, as_of)
    require_same(scores, np.array([REFERENCE[name](evidence, query) for query in queries]))


@pytest.mark.parametrize("name", COUNTING)
@quick
@given(asked=asks())
def test_who_asks_beside_does_not_matter(name, asked):
    checkins, as_of, queries = asked
    ranker, evidence = CountingRanker(name), Evidence(checkins, as_of)
    alone = np.concatenate([ranker.score([query], evidence) for query in queries])
    assert np.array_equal(ranker.score(queries, evidence), alone)
    assert np.exp(alone).sum(axis=1) == pytest.approx(1)


@quick
@given(asks(), st.floats(0, 0.9), st.floats(0.1, 50))
def test_a_profile_ranks_as_the_evidence_does(asked, novelty, prior):
    checkins, as_of, queries = asked
    evidence, weights = Evidence(checkins, as_of), HabitWeights(novelty=novelty, prior_visits=prior)
    scores = score_habits(queries, evidence, weights)
    for query, row in zip(queries, scores, strict=True):
        own = evidence.habits(query.user_id)
        ranked = rank_habits(own, evidence.city, checkins.pois, at=query.at, prefix=query.prefix, weights=weights)
        with np.errstate(divide="ignore"):
            assert np.array_equal(row, np.log(ranked))


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    build_city(CityConfig(seed=3)).write(folder)
    return read_checkins(folder / "checkins.csv")


@pytest.mark.parametrize("name", REFERENCE)
def test_a_city_is_ranked_as_by_the_plain_formula(city, name):
    split = rolling(city, every=21)
    as_of = sorted({example.as_of for example in split.examples})[1]
    asked = [example for example in split.examples if example.as_of == as_of][::20]
    queries = [Query(example.user_id, example.time, example.prefix) for example in asked]
    evidence = Evidence(city, as_of)
    expected = np.array([REFERENCE[name](evidence, query) for query in queries])
    scores = CountingRanker(name).score(queries, evidence)
    require_same(scores, expected)
    for row, reference in zip(best(scores, 20), expected, strict=True):
        assert row.tolist() == np.argsort(-reference, kind="stable")[:20].tolist()


def test_popularity_by_hour():
    """The pub has as many visits as the office, each at its hours; the gym is of a kind of its own and never seen."""
    checkins = make([("a", 1, at(day, 9)) for day in range(9)] + [("b", 4, at(day, 22)) for day in range(9)])
    evidence, ranker = Evidence(checkins, at(20)), CountingRanker("popularity-by-hour")
    morning, night, unknown = ranker.score([Query("z", time) for time in (at(20, 9), at(20, 22), None)], evidence)
    assert morning.argmax() == 1
    assert night.argmax() == 4
    assert morning[1] > unknown[1] > night[1]
    assert np.array_equal(unknown, CountingRanker("popularity").score([Query("z", None)], evidence)[0])
    dates = Evidence(replace(checkins, dates_only=True), at(20))
    assert np.array_equal(ranker.score([Query("z", at(20))], dates)[0], unknown)


def test_impossible_places_have_minus_infinity_and_no_warning():
    evidence = Evidence(make([("a", 1, at(day)) for day in range(5)]), at(9))
    scores = score_habits([Query("a", at(9))], evidence, HabitWeights(novelty=0))[0]
    assert scores[1] == 0
    assert np.isneginf(np.delete(scores, 1)).all()


@quick
@given(
    st.integers(1, 12).flatmap(
        lambda size: st.lists(
            st.lists(st.sampled_from([-np.inf, -2.0, -1.0, 0.0]), min_size=size, max_size=size), min_size=1, max_size=4
        )
    ),
    st.integers(1, 15),
)
def test_the_best_are_those_of_a_stable_sort(rows, k):
    scores = np.array(rows)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert [row.tolist() for row in best(scores, k)] == expected.tolist()


@quick
@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=9))
def test_distances_to_all_are_those_of_pairs(points):
    latitudes, longitudes = np.array(points).T
    positions = Positions(latitudes, longitudes)
    for i in range(len(points)):
        expected = haversine_km(latitudes[i], longitudes[i], latitudes, longitudes)
        assert np.array_equal(positions.km_from(i), expected)
