"""Rankers that go by the crowd, against counts by hand and by property."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick

from genrec.evidence import Evidence
from genrec.rankers.crowd import BACK_OFF, CROWD, CrowdRanker, co_visits, largest, transitions
from genrec.rankers.graphs import visit_counts
from genrec.rankers.ranker import Query

# a and b go to 0 and 1, b also to 2; c to 3 and 4. Each goes on within the hour.
VISITS = [
    ("a", 0, at(0, 8)), ("a", 1, at(0, 9)),
    ("b", 0, at(0, 8)), ("b", 1, at(0, 9)), ("b", 2, at(0, 10)),
    ("c", 3, at(0, 8)), ("c", 4, at(0, 9)),
]  # fmt: skip


def places(name, query, visits=VISITS):
    """The places that a ranker proposes, with their probabilities."""
    [row] = CrowdRanker(name).score([query], Evidence(make(visits), at(5)))
    return {int(poi): float(np.exp(row[poi])) for poi in np.flatnonzero(np.isfinite(row))}


def test_item_item_proposes_what_shares_visitors():
    assert set(places("item-item", Query("a", None))) == {0, 1, 2}
    assert set(places("item-item", Query("stranger", None, ((at(6), 3),)))) == {4}


def test_user_user_proposes_where_those_alike_go_and_nobody_is_their_own_neighbour():
    assert places("user-user", Query("a", None)) == pytest.approx({0: 1 / 3, 1: 1 / 3, 2: 1 / 3})
    assert places("user-user", Query("c", None)) == {}
    assert set(places("user-user", Query("c", None, ((at(6), 2),)))) == {0, 1, 2}


def test_crowd_markov_goes_by_the_last_place_and_more_by_the_last_two():
    more = [*VISITS, ("d", 5, at(1, 8)), ("d", 1, at(1, 9)), ("d", 6, at(1, 10))]
    last = places("crowd-markov", Query("z", None, ((at(6), 1),)), more)
    assert last == pytest.approx({2: 1 / 2, 6: 1 / 2})
    both = places("crowd-markov", Query("z", None, ((at(6), 5), (at(6, 1), 1))), more)
    assert both == pytest.approx({2: BACK_OFF / 2 / (1 + BACK_OFF), 6: (1 + BACK_OFF / 2) / (1 + BACK_OFF)})
    assert places("crowd-markov", Query("a", None)) == {}


@pytest.mark.slow
@quick
@given(made_checkins(), st.integers(0, 12), st.sampled_from(sorted(CROWD)), st.data())
def test_probabilities_or_nothing_and_nothing_of_later_check_ins(checkins, day, name, data):
    poi = st.integers(0, len(KINDS) - 1)
    queries = [
        Query(
            user, None, tuple((at(day, hour), place) for hour, place in enumerate(data.draw(st.lists(poi, max_size=3))))
        )
        for user in ("a", "b", "stranger")
    ]
    scores = CrowdRanker(name).score(queries, Evidence(checkins, at(day)))
    assert scores.shape == (len(queries), len(KINDS))
    sums = np.exp(scores).sum(axis=1)
    assert all(np.isclose(sums, 1) | (sums == 0))
    past = make(checkins.frame.filter(pl.col("time") < at(day)).select("user_id", "poi", "time").rows())
    np.testing.assert_array_equal(scores, CrowdRanker(name).score(queries, Evidence(past, at(day))))
    alone = np.vstack([CrowdRanker(name).score([query], Evidence(checkins, at(day))) for query in queries])
    np.testing.assert_allclose(np.exp(scores), np.exp(alone))


@quick
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=30))
def test_co_visits_are_cosines_without_the_place_itself(pairs):
    user, poi = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    found = co_visits(visit_counts(user, poi, (5, 6))).toarray()
    been = (visit_counts(user, poi, (5, 6)).toarray() > 0) / np.sqrt(
        np.maximum((visit_counts(user, poi, (5, 6)).toarray() > 0).sum(axis=1, keepdims=True), 1)
    )
    lengths = np.maximum(np.linalg.norm(been, axis=0), 1e-9)
    expected = (been.T @ been) / np.outer(lengths, lengths)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@quick
@given(st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 6))
def test_the_largest_of_each_row_stay(rows, count):
    matrix = np.array(rows, dtype=float)
    row, column = np.nonzero(matrix)
    found = largest(visit_counts(row, column, matrix.shape).multiply(matrix).tocsr(), count).toarray()
    for kept, whole in zip(found, matrix, strict=True):
        assert sorted(kept[kept > 0], reverse=True) == sorted(whole[whole > 0], reverse=True)[:count]


def test_steps_end_with_the_trajectory():
    single, pairs, double = transitions(make([*VISITS, ("a", 2, at(3))]).frame, len(KINDS))
    assert {(int(i), int(j)) for i, j in zip(*single.nonzero(), strict=True)} == {(0, 1), (1, 2), (3, 4)}
    assert pairs.tolist() == [0 * len(KINDS) + 1] and double.toarray()[0].nonzero()[0].tolist() == [2]
