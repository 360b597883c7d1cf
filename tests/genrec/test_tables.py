"""What is counted as of a moment: of some persons alone as of all."""

import numpy as np
from hypothesis import given
from made import made_checkins, quick

from genrec.clock import local_span
from genrec.evidence import Evidence
from genrec.rankers.places import places_of
from genrec.rankers.tables import Tables


@quick
@given(made_checkins(min_size=1))
def test_who_is_like_one_person_does_not_depend_on_who_else_is_asked_about(checkins):
    tables = Tables(Evidence(checkins, local_span(checkins.frame)[1]), places_of(checkins.pois))
    together = tables.alike.toarray()
    for user in range(tables.stranger + 1):
        [alone] = tables.alike_of(np.array([user])).toarray()
        assert (alone == together[user]).all()
        assert tables.rows_of(user).tolist() == np.flatnonzero(tables.visits.user == user).tolist()
    assert not together[tables.stranger].any()
