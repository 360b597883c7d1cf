from bisect import bisect_right
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, made_checkins, make, quick

from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.trajectories import (
    ONE_VISIT,
    POI_UNSEEN,
    USER_UNSEEN,
    Split,
    all_visits,
    llm4poi,
    rolling,
    sessionise,
    training,
)

DAY = timedelta(hours=24)


def test_a_gap_of_24_hours_starts_a_trajectory_and_users_do_not_mix():
    frame = make([("a", 0, at()), ("b", 1, at()), ("a", 2, at(hour=23.9)), ("b", 0, at(1)), ("a", 0, at(2))]).frame
    assert sessionise(frame).to_list() == [0, 1, 0, 2, 3]
    assert sessionise(frame, gap=48).to_list() == [0, 1, 0, 1, 0]
    assert sessionise(frame[:0]).to_list() == []


@quick
@given(made_checkins(min_size=1))
def test_trajectories_partition_the_checkins(checkins):
    frame = checkins.frame.with_columns(sessionise(checkins.frame))
    groups = frame.partition_by("trajectory", maintain_order=True)
    assert [group["trajectory"][0] for group in groups] == list(range(len(groups)))
    ends = {}
    for group in groups:
        assert group["user_id"].n_unique() == 1
        assert all(gap < DAY for gap in group["time"].diff().drop_nulls())
        user = group["user_id"][0]
        assert user not in ends or group["time"][0] - ends[user] >= DAY
        ends[user] = group["time"][-1]


@quick
@given(made_checkins(), st.integers(1, 5))
def test_examples_follow_their_evidence_and_their_prefix(checkins, every):
    everything = [(split(checkins, part), part) for split in (llm4poi, all_visits) for part in ("validation", "test")]
    for split, _ in [*everything, (rolling(checkins, every), "")]:
        for example in split.examples:
            check_prefix(checkins, example)
        assert [e.time for e in split.examples] == sorted(e.time for e in split.examples)
    for split, part in everything:
        assert {example.as_of for example in split.examples} <= {split.start}
        assert split.train_rows == len(checkins.frame) * 8 // 10
        assert part == "test" or split.start == checkins.frame["time"][split.train_rows]


def check_prefix(checkins: Checkins, example) -> None:
    """The prefix is the user's last visits before the target, in order, each within a day of the next."""
    assert example.as_of <= example.time
    rows = checkins.frame.filter(user_id=example.user_id)
    own = list(zip(rows["time"], rows["poi"], strict=True))
    visits = [*example.prefix, (example.time, example.target)]
    assert any(own[i : i + len(visits)] == visits for i in range(len(own)))
    times = [time for time, _ in visits]
    assert all(later - earlier < DAY for earlier, later in pairwise(times))


@quick
@given(made_checkins())
def test_parts_are_disjoint_and_together_everything(checkins):
    validation, test = all_visits(checkins, "validation"), all_visits(checkins, "test")
    rows = checkins.frame.select("user_id", "poi", "time").rows()
    targets = [(e.user_id, e.target, e.time) for split in (validation, test) for e in split.examples]
    assert rows[: validation.train_rows] + targets == rows
    half = rolling(checkins)
    assert rows[: half.train_rows] + [(e.user_id, e.target, e.time) for e in half.examples] == rows
    assert len(half.examples) == len(rows) // 2


@quick
@given(made_checkins())
def test_every_trajectory_of_the_test_part_is_an_example_or_counted(checkins):
    split = llm4poi(checkins)
    first = len(checkins.frame) * 9 // 10
    trajectories = sessionise(checkins.frame[first:]).n_unique()
    assert len(split.examples) + sum(split.excluded.values()) == trajectories
    train = checkins.frame[: split.train_rows]
    for example in split.examples:
        assert example.prefix
        assert example.user_id in train["user_id"]
        assert example.target in train["poi"]


def test_llm4poi_names_its_reasons():
    train = [("a", 0, at(i)) for i in range(14)] + [("b", 1, at(14)), ("b", 1, at(15))]
    validation = [("a", 0, at(20)), ("a", 0, at(21))]
    # 20 check-ins: the last two are the test part, so each case needs data of its own.
    cases = {
        (("a", 0), ("a", 1)): None,
        (("a", 0), ("b", 1)): ONE_VISIT,
        (("z", 0), ("z", 1)): USER_UNSEEN,
        (("a", 0), ("a", 7)): POI_UNSEEN,
    }
    for visits, reason in cases.items():
        test = [(user, poi, at(30, hour)) for hour, (user, poi) in enumerate(visits)]
        split = llm4poi(make(train + validation + test))
        assert bool(split.examples) == (reason is None)
        assert set(split.excluded) == ({reason} if reason else set())


def test_llm4poi_cuts_trajectories_at_the_part_and_all_visits_does_not():
    checkins = make([("a", 0, at(hour=hour)) for hour in range(20)])
    (example,) = llm4poi(checkins).examples
    assert example.prefix == ((at(hour=18), 0),)
    assert [len(e.prefix) for e in all_visits(checkins).examples] == [18, 19]


def test_equal_times_keep_the_order_of_the_file():
    checkins = make([("a", poi % 8, at()) for poi in range(20)])
    second = all_visits(checkins).examples[1]
    assert [poi for _, poi in second.prefix] == [poi % 8 for poi in range(19)]
    assert second.target == 19 % 8


@quick
@given(made_checkins(), st.integers(1, 5))
def test_rolling_refreshes_on_time(checkins, every):
    split = rolling(checkins, every)
    for example in split.examples:
        assert (example.as_of - split.start) % timedelta(days=every) == timedelta(0)
        assert timedelta(0) <= example.time - example.as_of < timedelta(days=every)


@quick
@given(made_checkins(), st.lists(st.integers(0, 24 * 12).map(lambda hour: at(hour=hour)), min_size=1))
def test_training_examples_use_the_latest_moment_with_history(checkins, moments):
    rows = len(checkins.frame) * 8 // 10
    split = training(checkins, rows, moments)
    frame = checkins.frame[:rows]
    ordered = sorted(moments)
    for example in split.examples:
        assert example.as_of == ordered[bisect_right(ordered, example.time) - 1]
        assert frame.filter(user_id=example.user_id)["time"].min() < example.as_of
    assert len(split.examples) + sum(split.excluded.values()) == (frame["time"] >= ordered[0]).sum()
    last = training(checkins, rows, moments, last_only=True)
    assert set(last.examples) <= set(split.examples)
    assert len(last.examples) <= sessionise(frame).n_unique()


def test_bad_requests_are_named():
    few = make([("a", 0, at(i)) for i in range(5)])
    for split in (llm4poi, all_visits):
        with pytest.raises(GenRecError, match="5 check-ins are too few"):
            split(few, "validation")
    with pytest.raises(GenRecError, match="1 check-ins are too few"):
        rolling(make([("a", 0, at())]))
    with pytest.raises(GenRecError, match="every 0 days"):
        rolling(few, 0)
    with pytest.raises(GenRecError, match="at least one moment"):
        training(few, 5, [])
    assert isinstance(rolling(few), Split)
