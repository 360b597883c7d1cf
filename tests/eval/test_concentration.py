"""Topological concentration against a count with sets, and by hand."""

from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick

from eval.measures.concentration import approximate_concentration, concentration


def checkins(*visits):
    return pl.DataFrame(visits, schema={"user_id": pl.String, "poi": pl.UInt32}, orient="row")


def by_sets(visits):
    """The definition, word for word."""
    places = {}
    for user, poi in visits:
        places.setdefault(user, set()).add(poi)
    result = {}
    for user, own in places.items():
        shares = []
        for poi in own:
            co_visited = {
                q for other, theirs in places.items() if other != user and poi in theirs for q in theirs - {poi}
            }
            rest = own - {poi}
            shares += [len(rest & co_visited) / len(rest)] if rest else []
        result[user] = (len(own), sum(shares) / len(shares) if shares else None)
    return result


def test_by_hand():
    # a and b share 0 and 1; c shares only 1 with them, d only 2 with c.
    visits = [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 3), ("c", 1), ("c", 2), ("d", 2)]
    assert concentration(checkins(*visits)).rows() == [
        ("a", 2, 1.0),  # 0 and 1: both went to by b
        ("b", 3, pytest.approx((1 / 2 + 1 / 2 + 0) / 3)),  # 0-1 by a; 3 by nobody else
        ("c", 2, 0.0),  # nobody else combines 1 and 2
        ("d", 1, None),
    ]


@quick
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 8)), max_size=60), st.randoms())
def test_it_is_the_definition_and_the_order_does_not_matter(visits, random):
    found = concentration(checkins(*visits))
    assert found["user_id"].is_sorted()
    assert {user: (places, value) for user, places, value in found.iter_rows()} == {
        user: (places, value if value is None else pytest.approx(value))
        for user, (places, value) in by_sets(visits).items()
    }
    random.shuffle(visits)
    assert concentration(checkins(*visits, *visits[:5])).equals(found)


def test_people_apart_have_none():
    found = concentration(checkins(*[(user, 10 * i + place) for i, user in enumerate("abc") for place in range(3)]))
    assert found["concentration"].to_list() == [0, 0, 0]


def test_a_heavy_user_does_not_fill_the_memory():
    """Everybody's pairs together would be 10^8; only pairs with a place that somebody else knows are looked at."""
    found = concentration(checkins(*[("heavy", poi) for poi in range(10_000)], ("light", 0), ("light", 1)))
    assert found.rows() == [("heavy", 10_000, pytest.approx(2 / (10_000 * 9_999))), ("light", 2, 1.0)]


@quick
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 8)), max_size=60), st.integers(1, 64))
def test_the_approximation_is_a_share_for_the_same_users(visits, dimensions):
    exact = concentration(checkins(*visits))
    approximate = approximate_concentration(checkins(*visits), dimensions)
    assert approximate.drop("concentration").equals(exact.drop("concentration"))
    assert approximate["concentration"].is_null().equals(exact["concentration"].is_null())
    assert approximate["concentration"].drop_nulls().is_between(0, 1).all()


def test_more_dimensions_come_nearer_to_the_count():
    """People of four circles, who mostly go to their circle's places, but the later ones ever more elsewhere."""
    random = Random(0)
    visits = [
        (
            f"u{user:03}",
            random.choice(range(user % 4 * 30, user % 4 * 30 + 30) if random.random() > user / 120 else range(400)),
        )
        for user in range(120)
        for _ in range(25)
    ]
    exact = concentration(checkins(*visits))["concentration"].to_numpy()
    errors, correlations = [], []
    for dimensions in (8, 128, 2048):
        found = approximate_concentration(checkins(*visits), dimensions)["concentration"].to_numpy()
        errors.append(abs(found - exact).mean())
        correlations.append(np.corrcoef(found, exact)[0, 1])
    assert correlations == sorted(correlations)
    assert correlations[-1] > 0.95
    assert errors[-1] < errors[0] and errors[-1] < 0.1
