"""What is known of places."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, make, quick

from genrec.evidence import Evidence
from genrec.rankers.metadata import HISTORY, LEVELS, POSITION, describe, history, parent_of, vocabulary_of

VISITS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, len(KINDS) - 1), st.integers(0, 90)), min_size=1)


@pytest.mark.parametrize(
    ("category", "parent"),
    [
        ("Thai Restaurant", "restaurant"),
        ("Coffee Shop", "shop"),
        ("Drugstore / Pharmacy", "drugstore"),
        ("Food > Asian > Ramen", "Asian"),
        ("Home (private)", "home"),
        ("unknown", "unknown"),
        ("???", "???"),
    ],
)
def test_a_category_has_a_broader_kind(category, parent):
    assert parent_of(category) == parent


@quick
@given(VISITS, st.integers(0, 90))
def test_history_is_what_the_evidence_shows_and_no_more(visits, day):
    rows = [(user, poi, at(when, 12)) for user, poi, when in visits]
    everything = Evidence(make(rows), at(day))
    past = [row for row in rows if row[2] < at(day)]
    told = history(everything)
    assert told.shape == (len(KINDS), HISTORY) and np.isfinite(told).all()
    assert (told[:, 24 : 24 + LEVELS].sum(axis=1) == 1).all()
    visited = {poi for _, poi, _ in past}
    assert {int(poi) for poi in np.flatnonzero(told[:, 24] == 0)} == visited
    if past:
        np.testing.assert_array_equal(told, history(Evidence(make(past), at(day))))


@quick
@given(
    st.lists(
        st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.text(), st.one_of(st.none(), st.text())), min_size=1
    )
)
def test_any_places_are_described(rows):
    pois = pl.DataFrame(
        {
            "latitude": [row[0] for row in rows],
            "longitude": [row[1] for row in rows],
            "category": [row[2] for row in rows],
            "name": pl.Series([row[3] for row in rows], dtype=pl.String),
        }
    )
    places = describe(pois, vocabulary_of(pois))
    assert places.position.shape == (len(rows), POSITION) and np.isfinite(places.position).all()
    assert (np.abs(places.km) <= 21_000).all()
    assert len(places.texts) == len(rows) == len(places.words)


def test_a_place_means_the_same_in_any_catalogue():
    pois = make([("a", 0, at(0))]).pois
    vocabulary = vocabulary_of(pois)
    whole, part = describe(pois, vocabulary), describe(pois[3:], vocabulary)
    np.testing.assert_array_equal(whole.words[3:], part.words)
    np.testing.assert_array_equal(whole.category[3:], part.category)
    np.testing.assert_allclose(whole.position[3:], part.position, atol=1e-5)
    assert vocabulary_of(pois[::-1]).categories == vocabulary.categories


def test_unknown_categories_and_other_cities_have_numbers_too():
    pois = make([("a", 0, at(0))]).pois
    vocabulary = vocabulary_of(pois)
    elsewhere = pois.with_columns(longitude=pl.lit(2.35), latitude=pl.col("latitude") - 3, category=pl.lit("Bistro"))
    places = describe(elsewhere, vocabulary)
    assert not places.category.any()
    assert np.abs(places.km).max() < 10  # around its own middle
