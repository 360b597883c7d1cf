"""The largest entries of rows, and what goes together with some places only: the same as by sorting, and as of all."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made import at, made_checkins
from scipy.sparse import csr_array

from genrec.evidence import Evidence
from genrec.rankers.places import places_of
from genrec.rankers.sparse import KeptRows, best_of_rows, with_best_of_rows
from genrec.rankers.tables import Tables

some = settings(max_examples=50, deadline=None)
rows = st.integers(1, 9).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 3), min_size=width, max_size=width), min_size=1, max_size=6)
)


@some
@given(values=rows, most=st.integers(1, 5))
def test_the_largest_entries_of_a_row_stay_and_of_equal_ones_the_first(values, most):
    matrix = csr_array(np.array(values, dtype=np.float64))
    kept, best = with_best_of_rows(matrix.copy(), most).toarray(), best_of_rows(matrix.copy(), most)
    for row, whole in enumerate(values):
        order = [place for place in sorted(range(len(whole)), key=lambda i: (-whole[i], i)) if whole[place]][:most]
        assert best[row].tolist() == order + [-1] * (most - len(order))
        assert kept[row].tolist() == [value if place in order else 0 for place, value in enumerate(whole)]


@some
@given(checkins=made_checkins(), hours=st.integers(0, 24 * 12), pois=st.sets(st.integers(0, 7)))
def test_some_places_have_the_rows_of_all(checkins, hours, pois):
    evidence = Evidence(checkins, at(hour=hours))
    tables = Tables(evidence, places_of(checkins.pois))
    chosen = np.array(sorted(pois), dtype=np.int64)
    assert np.array_equal(tables.together_of(chosen).toarray(), tables.together.toarray()[chosen])


def test_kept_rows_are_those_that_would_be_made():
    matrix, made = csr_array(np.arange(12.0).reshape(4, 3)), []

    def make(rows):
        made.append(rows.tolist())
        return csr_array(matrix[rows])

    kept = KeptRows(2)
    for wanted in ([1, 3, 1], [3], [], [0, 3], [1]):
        numbers = np.array(wanted, dtype=np.int64)
        assert np.array_equal(kept.of(numbers, make).toarray(), matrix.toarray()[numbers])
    assert made == [[1, 3], [], [0], [1]]
