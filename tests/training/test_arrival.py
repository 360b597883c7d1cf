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


@pytest.mark.slow
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


def moved(checkins: Checkins, places: int) -> Checkins:
    """The first places stand somewhere else."""
    latitude = pl.when(pl.int_range(pl.len()) < places).then(pl.col("latitude") + 0.5).otherwise("latitude")
    return replace(checkins, pois=checkins.pois.with_columns(latitude))


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
        (days(0, 20), elsewhere(), days(0, 20), "none of the 8 places is among the 8 there"),
        (days(0, 20), moved(days(20, 30), 5), days(0, 20), "5 of the 8 places .* more than 1 km from where they were"),
        (days(0, 20), replace(days(20, 30), dates_only=True), days(0, 20), "dates without hours"),
        (days(0, 20), days(20, 370_000), days(0, 20), "check-ins of the future, up to 3037"),
        (days(0, 20), days(0, 370_000), None, "check-ins of the future, up to 3037"),
        (days(0, 20), days(0, 12), None, "has nothing new: its last check-in is of"),
    ],
)
def test_what_cannot_be_gone_on_with_is_said(
    of: Checkins, given: Checkins, history: Checkins | None, says: str
) -> None:
    with pytest.raises(GenRecError, match=says) as raised:
        arrival(known(of), given, (lambda: history) if history else None)
    assert "\n" not in str(raised.value)


def test_what_is_odd_is_noted() -> None:
    before = days(0, 20)
    assert arrival(known(before), days(20, 30), lambda: before).notes == ()
    (note,) = arrival(known(before), moved(days(20, 30), 2), lambda: before).notes
    assert note.startswith("WARNING: 2 POIs are more than 1 km")
    (note,) = arrival(known(before, rows=15), days(20, 30), lambda: before).notes
    assert note.startswith("5 check-ins of made that run had not learned from")


@pytest.mark.parametrize(("hours", "warned"), [(1, False), (9, True), (-3, True)])
def test_clocks_that_stand_otherwise_are_noted(hours: int, warned: bool) -> None:
    before, later = days(0, 20), days(20, 30)
    later = replace(later, frame=later.frame.with_columns(pl.col("time") + pl.duration(hours=hours)))
    notes = arrival(known(before), later, lambda: before).notes
    assert [f"{hours:+d} h from UTC in what came, and +0 h" in note for note in notes] == [True] * warned
    unknown = replace(later, frame=later.frame.with_columns(utc_time=pl.lit(None, later.frame.schema["time"])))
    assert arrival(known(before), unknown, lambda: before).notes == ()


def test_data_of_which_all_dates_are_in_the_future_are_left_alone() -> None:
    far = days(370_000, 370_020)
    assert arrival(known(far), days(370_020, 370_030), lambda: far).rows == 20


def test_more_new_check_ins_than_there_were_are_new_ones_alone() -> None:
    """Also where the file of places is the same each month, so that the catalogue is."""
    assert arrival(known(days(0, 8)), days(8, 24), lambda: days(0, 8)).rows == 8


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
