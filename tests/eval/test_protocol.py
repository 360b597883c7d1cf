"""The examples of a run: those of the split, described truly, with an account of what is left out."""

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick
from made_city import town

from eval.protocol import cases
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.filters import frequent
from genrec.fingerprint import fingerprint
from genrec.habits import city_habits, habits_of
from genrec.trajectories import ONE_VISIT, POI_UNSEEN, USER_UNSEEN, all_visits, llm4poi, rolling, sessionise

SPLITS = {"llm4poi": llm4poi, "all-visits": all_visits, "rolling": rolling}


@pytest.mark.parametrize("split", SPLITS)
def test_the_examples_are_those_of_the_split(split):
    asked, expected = cases(town(), split), SPLITS[split](town())
    assert asked.examples == expected.examples
    assert (asked.excluded, asked.train_rows) == (expected.excluded, expected.train_rows)
    assert asked.sampled_from is None
    assert asked.frame["example"].to_list() == list(range(len(expected.examples)))


def test_every_excluded_example_is_counted_with_its_reason():
    known = [("a", poi, at(day, hour)) for day in range(32) for poi, hour in ((0, 8), (1, 9))][:63]
    pairs = [("a", 0, at(40, 8)), ("a", 1, at(40, 9)), ("a", 0, at(42, 8)), ("a", 7, at(42, 9))]
    test = [*pairs, ("b", 0, at(44, 8)), ("b", 1, at(44, 9)), ("a", 0, at(46))]
    asked = cases(make([*known, *test]), "llm4poi")
    assert [(example.user_id, example.target) for example in asked.examples] == [("a", 1)]
    assert asked.excluded == asked.description()["excluded"] == {ONE_VISIT: 1, POI_UNSEEN: 1, USER_UNSEEN: 1}
    with pytest.raises(GenRecError, match=r"has no examples here; left out: .*user unseen"):
        cases(make([*known, *test[2:], ("b", 1, at(45)), ("a", 0, at(48))]), "llm4poi")


def test_a_frame_by_hand():
    """Evidence is frozen on day 4; the trajectory of that morning began before."""
    visits = [("a", 0, at(0, 8)), ("a", 1, at(0, 9)), ("b", 2, at(1)), ("a", 0, at(3, 20))]
    visits += [("a", 3, at(4, 8)), ("a", 2, at(4, 9)), ("b", 2, at(9)), ("c", 5, at(9, 1))]
    frame = cases(make(visits), "rolling", refresh_days=100).frame
    assert frame["as_of"].unique().to_list() == [at(4, 8)]
    columns = ["user_id", "target", "history", "user_trajectories", "length", "last", "repeat", "poi_seen"]
    assert frame.select(columns).rows() == [
        ("a", 3, 3, 2, 2, 0, False, False),
        ("a", 2, 3, 2, 3, 3, False, True),
        ("b", 2, 1, 1, 1, 2, True, True),
        ("c", 5, 0, 0, 1, None, False, False),
    ]
    assert frame["prefix"][1].to_list() == [{"time": at(3, 20), "poi": 0}, {"time": at(4, 8), "poi": 3}]


@pytest.mark.slow
@quick
@given(made_checkins(), st.sampled_from(["all-visits", "rolling"]))
def test_the_frame_against_brute_force(checkins, split):
    asked = cases(checkins, split)
    frame = checkins.frame.with_columns(sessionise(checkins.frame))
    for row, example in zip(asked.frame.iter_rows(named=True), asked.examples, strict=True):
        past = frame.filter(pl.col("time") < example.as_of)
        own = past.filter(user_id=example.user_id)
        seen = own["poi"].to_list() + [poi for _, poi in example.prefix]
        assert row["history"] == len(own)
        assert row["user_trajectories"] == own["trajectory"].n_unique()
        assert row["length"] == len(example.prefix) + 1
        assert row["repeat"] == (example.target in seen)
        assert row["poi_seen"] == (example.target in past["poi"].to_list())
        last = example.prefix[-1][1] if example.prefix else own["poi"].to_list()[-1] if len(own) else None
        assert row["last"] == last


def test_a_limit_draws_a_seeded_sample_and_says_so():
    everything = cases(town(), "rolling")
    first, again, other = (cases(town(), "rolling", limit=10, seed=seed) for seed in (1, 1, 2))
    assert first.examples == again.examples != other.examples
    assert len(first.examples) == 10
    assert set(first.examples) <= set(everything.examples)
    assert list(first.examples) == sorted(first.examples, key=lambda example: example.time)
    assert first.sampled_from == first.description()["sampled_from"] == len(everything.examples)
    assert cases(town(), "rolling", limit=1000).sampled_from is None


def test_the_time_may_be_withheld():
    told, untold = cases(town(), "rolling"), cases(town(), "rolling", timed=False)
    example = told.examples[3]
    assert (told.at(example), untold.at(example)) == (example.time, None)
    assert (told.description()["time"], untold.description()["time"]) == ("given", "unknown")


def test_the_filters_of_the_preset():
    """Of ten check-ins at POI 1 one is by b, who goes; so nine stay, which only a second round notices."""
    visits = [("a", 0, at(day)) for day in range(12)] + [("a", 1, at(20 + day)) for day in range(9)]
    visits += [("b", 1, at(40)), *(("b", 2, at(41 + day)) for day in range(9))]
    once, twice = frequent(make(visits)), frequent(make(visits), rounds=2)
    assert Counter(once.frame["user_id"]) == {"a": 21}
    assert Counter(once.frame["poi"]) == {0: 12, 1: 9}
    assert once.pois["poi_id"].to_list() == ["p0", "p1"]
    assert Counter(twice.frame["poi"]) == {0: 12}
    with pytest.raises(GenRecError, match="no user and POI has 50 check-ins"):
        frequent(make(visits), least=50)


@quick
@given(made_checkins(min_size=40))
def test_filtered_check_ins_are_the_same_visits(checkins):
    try:
        kept = frequent(checkins, least=5)
    except GenRecError:
        return
    assert kept.frame["poi"].unique().sort().to_list() == kept.pois["poi"].to_list() == list(range(len(kept.pois)))
    named = kept.frame.join(kept.pois, on="poi", maintain_order="left").select("user_id", "time", "poi_id")
    original = checkins.frame.join(checkins.pois, on="poi", maintain_order="left").select("user_id", "time", "poi_id")
    assert set(named.rows()) <= set(original.rows())
    assert set(Counter(named["user_id"]).values()) <= set(range(5, 1000))


def test_a_preset_compares_sizes_only_with_data_that_are_named():
    checkins = town(6)
    assert cases(checkins, preset="genup").warnings == []
    [warning] = cases(checkins, preset="genup-nyc").warnings
    assert "but GenUP has 1,429" in warning
    assert cases(checkins, preset="genup").description()["kept"]["pois"] < len(KINDS)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"preset": "genup", "split": "rolling"}, "means the split llm4poi"),
        ({"part": "validation", "split": "rolling"}, "has no validation part"),
        ({"split": "rolling", "refresh_days": 0}, "give 1 or more"),
    ],
)
def test_contradictions_are_refused(arguments, reason):
    with pytest.raises(GenRecError, match=reason):
        cases(town(), **arguments)


@pytest.mark.slow
@quick
@given(made_checkins(), st.integers(0, 24 * 12))
def test_evidence_is_what_was_before(checkins, hour):
    evidence = Evidence(checkins, at(hour=hour))
    past = checkins.frame.filter(pl.col("time") < evidence.as_of)
    for user in "abc":
        assert evidence.habits(user) == habits_of(checkins, user, evidence.as_of)
        assert evidence.visits(user) == past.filter(user_id=user).select("time", "poi").rows()
    assert (evidence.city.visits == city_habits(checkins, evidence.as_of).visits).all()
    trajectories = past.with_columns(sessionise(past))
    pairs = trajectories.select("poi", after=pl.col("poi").shift(-1).over("trajectory")).drop_nulls().rows()
    assert {(a, b): n for a, row in evidence.steps.items() for b, n in row.items()} == Counter(pairs)


@pytest.mark.slow
@quick
@given(made_checkins(), st.data())
def test_a_fingerprint_changes_with_every_check_in(checkins, data):
    row = data.draw(st.integers(0, len(checkins.frame) - 1))
    assert fingerprint(checkins) == fingerprint(replace(checkins))
    others = {"user_id": "z", "time": at(99), "poi": 7 - checkins.frame[row, "poi"]}
    for column, value in others.items():
        frame = checkins.frame.clone()
        frame[row, column] = value
        assert fingerprint(replace(checkins, frame=frame)) != fingerprint(checkins)
    renamed = checkins.pois.with_columns(poi_id=pl.lit("q") + pl.col("poi_id"))
    assert fingerprint(replace(checkins, pois=renamed)) != fingerprint(checkins)
