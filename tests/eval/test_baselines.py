"""Baselines by hand and by property; the fit of the habits' weights; SASRec."""

from dataclasses import replace
from datetime import timedelta
from importlib.metadata import PackageNotFoundError

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, at, made_checkins, make, quick
from made_city import town

from eval.experiments.fit import RANGES, SEARCH, _point, _weights, fit, fit_set, mean_log_probability
from eval.methods.rankers import RankerMethod
from eval.methods.sasrec import SasRec, training_rows
from eval.protocol import cases
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.rankers.habit_weights import HabitWeights, fitted_weights
from genrec.rankers.habits import DEFAULT_WEIGHTS, rank_habits
from genrec.rankers.ranker import Query
from genrec.rankers.simple import BACK_OFF, COUNTING, CountingRanker

# a: 0 three times, 1 twice, 2 once and last; b and c make 5 the most popular.
VISITS = [
    *(("a", poi, at(day, hour)) for day in range(2) for poi, hour in ((0, 8), (1, 9))),
    ("a", 0, at(4, 8)),
    ("a", 2, at(5, 8)),
    *((user, 5, at(day, hour)) for user in "bc" for day in (0, 1) for hour in (8, 9)),
    ("b", 6, at(1, 10)),
    ("c", 0, at(3, 8)),
    ("c", 6, at(3, 9)),
]
PREFIX = ((at(7, 7), 7), (at(7, 8), 0))


def probable(name, evidence, query):
    return np.exp(CountingRanker(name).score([query], evidence)[0])


def ranked(name, prefix=(), user="a", time=None):
    checkins = make(VISITS)
    probabilities = probable(name, Evidence(checkins, at(7)), Query(user, time, tuple(prefix)))
    assert probabilities.sum() == pytest.approx(1)
    return probabilities, np.argsort(-probabilities, kind="stable").tolist()


def test_popularity_counts_everybody():
    probabilities, order = ranked("popularity")
    assert probabilities[5] == pytest.approx(8.5 / (17 + 8 * 0.5))
    assert order[:2] == [5, 0]
    assert ranked("popularity", PREFIX)[1] == order


def test_most_frequent_counts_the_user_then_everybody():
    assert ranked("most-frequent")[1] == [0, 1, 2, 5, 6, 3, 4, 7]
    popular = ranked("popularity")[0]
    probabilities, order = ranked("most-frequent", PREFIX)
    assert order[:4] == [0, 1, 2, 7]
    assert probabilities[0] == pytest.approx((4 + BACK_OFF * popular[0]) / (8 + BACK_OFF))
    assert ranked("most-frequent", user="z")[1] == ranked("popularity")[1]


def test_most_recent_puts_the_latest_first():
    assert ranked("most-recent")[1] == [2, 0, 1, 5, 6, 3, 4, 7]
    assert ranked("most-recent", PREFIX)[1] == [0, 7, 2, 1, 5, 6, 3, 4]
    assert ranked("most-recent", user="z")[1] == ranked("popularity")[1]


def test_markov_backs_off_step_by_step():
    """From 0, a went to 1 twice within a trajectory; c went to 6; nobody ever to 3."""
    probabilities, order = ranked("markov", PREFIX)
    assert order[:2] == [1, 0]
    assert probabilities[6] > probabilities[5], "a step of somebody else's beats popularity"
    assert ranked("markov")[1] == ranked("most-frequent")[1], "at the start of a trajectory there is no step"
    stranger = ranked("markov", [(at(7, 8), 0)], user="z")
    assert stranger[1][:3] == [0, 1, 6], "the one visit, then everybody's steps"
    # By hand, user's steps: 2 to POI 1 of 2; visits: 8, two at POI 1; everybody's steps from 0: 2 of 3 to POI 1.
    coarsest = (2 + BACK_OFF * ranked("popularity")[0][1]) / (3 + BACK_OFF)
    visits = (2 + BACK_OFF * coarsest) / (8 + BACK_OFF)
    assert probabilities[1] == pytest.approx((2 + BACK_OFF * visits) / (2 + BACK_OFF))


def test_a_gap_of_a_day_is_no_step():
    checkins = make([("a", 0, at(0)), ("a", 1, at(1)), ("a", 0, at(3)), ("a", 2, at(3, 23))])
    assert Evidence(checkins, at(9)).steps == {0: {2: 1}}
    probabilities = probable("markov", Evidence(checkins, at(9)), Query("a", None, ((at(9), 0),)))
    assert probabilities[2] > probabilities[1]


def test_nearest_goes_by_distance_from_where_the_user_was_last_seen():
    assert ranked("nearest")[1] == [2, 1, 3, 0, 4, 5, 6, 7]
    assert ranked("nearest", [(at(7, 8), 7)])[1] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert ranked("nearest", user="z")[1] == ranked("popularity")[1]


@pytest.mark.parametrize("time", [None, at(7, 9)])
def test_habits_are_those_of_recommend(time):
    evidence = Evidence(make(VISITS), at(7))
    expected = rank_habits(evidence.habits("a"), evidence.city, evidence.past.pois, at=time, prefix=PREFIX)
    assert np.array_equal(ranked("habits", PREFIX, time=time)[0], np.exp(np.log(expected)))


@quick
@given(made_checkins(), st.sampled_from(sorted(COUNTING)), st.booleans(), st.randoms())
def test_no_baseline_sees_the_future(checkins, name, timed, rng):
    """Whatever happens from the evidence's moment on, but for the trajectory so far, the ranking stays."""
    asked = cases(checkins, "rolling", refresh_days=3, timed=timed)
    number = rng.randrange(len(asked.examples))
    example = asked.examples[number]
    later = pl.col("time") >= example.as_of
    past = checkins.frame.filter(~later)
    mixed = past.vstack(
        checkins.frame.filter(later).with_columns(
            poi=(7 - pl.col("poi")), user_id=pl.lit(rng.choice("abc")), time=pl.col("time") + timedelta(hours=1)
        )
    )
    rankings = [
        probable(name, Evidence(replace(checkins, frame=frame), example.as_of), asked.query(number))
        for frame in (checkins.frame, past, mixed)
    ]
    assert rankings[0].shape == (len(KINDS),)
    assert (rankings[0] > 0).all()
    assert rankings[0].sum() == pytest.approx(1)
    assert all(np.array_equal(rankings[0], other) for other in rankings[1:])


@pytest.mark.parametrize("name", COUNTING)
def test_a_baseline_as_a_method(name):
    asked = cases(town(), "rolling")
    answers = list(RankerMethod(CountingRanker(name)).rank(asked, range(len(asked.examples)), 3))
    assert [answer.example for answer in answers] == list(range(len(asked.examples)))
    for answer in answers:
        assert len(set(answer.pois)) == 3
        assert list(answer.probabilities) == sorted(answer.probabilities, reverse=True)
        assert answer.failure is answer.in_prompt is answer.profile_user is None


# --- the fit ---


def test_the_shipped_weights_say_where_they_come_from():
    fitted = fitted_weights()
    assert fitted.weights == DEFAULT_WEIGHTS
    assert fitted.command.startswith("genrec-eval fit-habits")
    assert all(data.first <= data.last and len(data.sha256) == 64 for data in fitted.data)
    assert "/" not in fitted.command
    for name, value in fitted.weights.model_dump().items():
        low, high = RANGES[name]
        assert low <= value <= high


@pytest.mark.parametrize("position", [0.0, 0.3, 1.0])
def test_points_and_weights_are_inverse(position):
    point = np.full(len(RANGES), position)
    assert _point(_weights(point)) == pytest.approx(point)


def test_fitting_looks_at_the_second_quarter_only():
    checkins = town(6)
    half = len(checkins.frame) // 2
    start = checkins.frame[half, "time"]
    fitted_on = fit_set(checkins, "town", limit=1000, seed=0)
    assert fitted_on.data.last < start
    assert fitted_on.data.examples == sum(len(targets) for _, targets in fitted_on.asked) > 10
    for split in ("rolling", "all-visits"):
        assert all(example.as_of > fitted_on.data.last for example in cases(checkins, split).examples)
    later = checkins.frame.with_columns(poi=pl.when(pl.col("time") >= start).then(7).otherwise("poi").cast(pl.UInt32))
    changed = fit_set(replace(checkins, frame=later), "town", limit=1000, seed=0)
    weights = HabitWeights()
    assert mean_log_probability([changed], weights) == mean_log_probability([fitted_on], weights)
    with pytest.raises(GenRecError, match="too few to fit on"):
        fit_set(make(VISITS[:2]), "two", limit=10, seed=0)


def test_a_fit_is_better_and_repeatable(monkeypatch):
    monkeypatch.setitem(SEARCH, "maxiter", 5)
    sets = [fit_set(town(6), "town", limit=12, seed=0)]
    steps = []
    one, two = (fit(sets, command="here", seed=3, progress=steps.append) for _ in range(2))
    assert one == two
    assert one.score > one.score_before == pytest.approx(mean_log_probability(sets, HabitWeights()))
    assert one.score == mean_log_probability(sets, one.weights)
    assert steps[:5] == sorted(steps[:5])
    assert one.score == pytest.approx(steps[-1], abs=1e-2)  # but for the rounding
    assert [data.name for data in one.data] == ["town"]


# --- SASRec ---


def test_sasrec_is_trained_before_the_first_moment():
    asked = cases(town(), "rolling")
    first = asked.examples[0].as_of
    rows = training_rows(asked)
    assert rows.frame.equals(asked.checkins.frame[: len(rows.frame)])
    assert rows.frame["time"].max() < first
    assert len(rows.frame) <= asked.train_rows


def test_without_cornac_there_is_no_sasrec(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("eval.methods.sasrec.version", missing)
    with pytest.raises(GenRecError, match=r"sasrec needs Cornac: pip install 'genrec.sasrec"):
        SasRec().settings(cases(town(), "rolling"))


@pytest.mark.slow
def test_sasrec_learns_the_steps_of_a_town():
    pytest.importorskip("cornac")
    days = range(120)
    checkins = make([("abcdefgh"[day % 8], poi, at(day, hour)) for day in days for hour, poi in enumerate((2, 1, 4))])
    asked = cases(checkins, "rolling", limit=30)
    one, two = (list(SasRec(seed=1, epochs=40).rank(asked, range(30), 3)) for _ in range(2))
    assert one == two
    hits = [answer.pois[0] == asked.examples[answer.example].target for answer in one]
    assert np.mean(hits) > 0.6
    settings = SasRec(seed=1, epochs=40).settings(asked)
    assert settings["trained_on"]["check_ins"] == len(training_rows(asked).frame)
