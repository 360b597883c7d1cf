"""Graphs of check-ins and the trees over places."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import make, quick

from eval.measures.concentration import concentration
from genrec.rankers.graphs import (
    CELL_DEGREES,
    cells,
    link_concentration,
    normalised,
    trees,
    visit_counts,
    visits_by_user,
    vocabulary_of,
)

degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@quick
@given(st.lists(degrees, min_size=2, max_size=20))
def test_cells_nest(points):
    latitude, longitude = np.array(points).T
    for small, large in pairwise(CELL_DEGREES):
        inner, outer = cells(latitude, longitude, small), cells(latitude, longitude, large)
        for cell in set(inner.tolist()):
            assert len(set(outer[inner == cell].tolist())) == 1


def test_places_of_unknown_categories_and_areas_hang_in_no_tree():
    pois = make([], ["Thai Restaurant", "unknown", "Pub", "Sushi Restaurant"]).pois
    vocabulary = vocabulary_of(pois[:3])
    above = trees(pois, vocabulary).above
    assert vocabulary[:2] == (("Pub", "Thai Restaurant"), ("pub", "restaurant"))
    assert above[1, :2].tolist() == [-1, -1] and above[3, 0] == -1
    assert above[3, 1] == above[0, 1] >= 0
    assert above.max() < trees(pois, vocabulary).nodes


@quick
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 7)), min_size=1, max_size=60))
def test_concentration_of_links_averages_to_that_of_users(visits):
    checkins = make([(user, poi, when) for when, (user, poi) in zip(iter(times()), visits, strict=False)])
    rows, counts = visits_by_user(checkins)
    links = link_concentration(counts)
    for user, places, value in concentration(checkins.frame).iter_rows():
        own = links.toarray()[rows[user]]
        assert own.sum() / places == pytest.approx(value or 0)


def times():
    from made import at

    hour = 0
    while True:
        hour += 1
        yield at(hour=hour)


def test_normalised_links_are_over_the_root_of_both_ends():
    links = normalised(visit_counts([0, 0, 1], [0, 1, 1], (2, 3)))
    np.testing.assert_allclose(links.toarray(), [[1 / np.sqrt(2), 1 / 2, 0], [0, 1 / np.sqrt(2), 0]])
