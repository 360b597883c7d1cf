"""What came since: found whether the check-ins are named with those that were learned, or alone."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import as_read, at, made_checkins, make, quick
from polars.testing import assert_frame_equal

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.prepared import catalogue_hash, places_known
from training.rankers.material import trained_on
from training.updates.arrival import Known, arrival


def known(checkins: Checkins, train: str = "all", rows: int | None = None) -> Known:
    part = replace(checkins, frame=checkins.frame[: rows or len(checkins.frame)])
    return Known(Path("run"), catalogue_hash(checkins.pois), trained_on(part, 0), train)


@quick
@given(made_checkins(), st.data())
def test_new_check_ins_alone_and_with_the_old_ones_are_the_same(checkins: Checkins, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(checkins.frame) - 1))
    old, whole, alone = (as_read(checkins, rows) for rows in (slice(cut), slice(None), slice(cut, None)))
    found = arrival(known(old), whole, None)
    assert (found.rows, len(found.new)) == (cut, len(checkins.frame) - cut)
    assert places_known(whole.pois, catalogue_hash(old.pois)) == len(old.pois)
    before, came = set(old.frame["user_id"]), found.came()
    assert came.people == found.new["user_id"].n_unique()
    assert came.new_people == len(set(found.new["user_id"]) - before)
    # A row that equals an old one counts as the same where the new ones are named alone; at new places alone they are
    # taken for another city's.
    apart = not set(alone.frame.rows()) & set(old.frame.rows()) and alone.frame["time"][0] > old.frame["time"][-1]
    if apart and set(alone.pois["poi_id"]) & set(old.pois["poi_id"]):
        merged = arrival(known(old), alone, lambda: old)
        assert_frame_equal(merged.checkins.frame, whole.frame)
        assert merged.checkins.pois["poi_id"].to_list() == whole.pois["poi_id"].to_list()


def days(first: int, last: int, user: str = "u") -> Checkins:
    return as_read(make([(user, day % 8, at(day, 9)) for day in range(first, last)]), slice(None))


def elsewhere() -> Checkins:
    """Later check-ins in a city of other places."""
    later = days(30, 40)
    return replace(later, pois=later.pois.with_columns(poi_id=pl.format("other {}", "poi_id")))


@pytest.mark.parametrize(
    ("of", "given", "history", "says"),
    [
        (days(0, 20), days(0, 20), None, "nothing new: run was trained on 20 of these 20 check-ins"),
        (days(0, 20), days(0, 20), days(0, 20), "nothing new"),
        (
            days(10, 20),
            days(0, 5),
            None,
            "has nothing new: its last check-in is of .*run has learned what was up to",
        ),
        (days(10, 20), days(0, 5), days(10, 20), "has nothing new: its last check-in is of"),
        (days(0, 20), days(23, 30), None, "another catalogue of places than run .* with --history"),
        (days(0, 20), days(20, 30), days(21, 25), "does not begin with the 20 check-ins"),
        (
            days(0, 20),
            days(0, 30, "v"),
            None,
            "not what run has learned from: 20 check-ins .* it has seen 20, or others",
        ),
        (days(0, 20), elsewhere(), days(0, 20), "another catalogue of places"),
        (days(0, 20), days(0, 12), None, "has nothing new: its last check-in is of"),
    ],
)
def test_what_cannot_be_gone_on_with_is_said(
    of: Checkins, given: Checkins, history: Checkins | None, says: str
) -> None:
    with pytest.raises(GenRecError, match=says) as raised:
        arrival(known(of), given, (lambda: history) if history else None)
    assert "\n" not in str(raised.value)


def test_the_part_that_was_kept_for_evaluation_is_not_new() -> None:
    whole = days(0, 20)
    for train, rows in (("llm4poi", 16), ("rolling", 10)):
        with pytest.raises(GenRecError, match=f"trained on {rows} of these 20 .* are for genrec-eval"):
            arrival(known(whole, train, rows), whole, None)
    assert arrival(known(whole, "llm4poi", 16), days(0, 25), None).rows == 16


def test_a_catalogue_knows_what_it_has_grown_from() -> None:
    pois = days(0, 8).pois
    assert [places_known(pois, catalogue_hash(pois[:count])) for count in range(1, 9)] == list(range(1, 9))
    assert places_known(pois, catalogue_hash(days(1, 8).pois)) is None
