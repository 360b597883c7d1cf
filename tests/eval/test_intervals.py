"""Intervals against resamples written out, comparisons by hand, and what must hold of both."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from scipy.stats import binom

from eval.measures.intervals import compare, expected_calibration_error, holm, intervals, user_draws
from eval.measures.metrics import reliability
from genrec.errors import GenRecError

COLUMNS = ("acc@1", "mrr", "distance_km")


def scores(rows):
    """From (method, example, user, acc@1, mrr, distance_km)."""
    schema = {"method": pl.String, "example": pl.UInt32, "user_id": pl.String} | dict.fromkeys(COLUMNS, pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def hits(**methods):
    """Scores of methods whose hits are given as 0s and 1s, two examples a user."""
    return scores(
        [
            (method, i, f"u{i // 2}", float(hit), float(hit), 1.0 - hit)
            for method, row in methods.items()
            for i, hit in enumerate(row)
        ]
    )


@st.composite
def random_scores(draw, methods=("a", "b")):
    """A few users of several examples each; distances tie, and are null now and then."""
    users = draw(st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=25))
    value = st.tuples(
        st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 1 / 3, 1.0]), st.none() | st.integers(0, 9).map(float)
    )
    rows = [(method, i, user, *draw(value)) for method in methods for i, user in enumerate(users)]
    return scores(rows)


def sure(made, confidences):
    """Scores with the probability of each first place."""
    return made.with_columns(confidence=pl.Series(confidences, dtype=pl.Float64))


def error_by_curve(stated):
    """The calibration error as it is defined: from the points of the reliability curve."""
    curve = reliability(stated, 4)
    return ((curve["accuracy"] - curve["confidence"]).abs() * curve["n"]).sum() / curve["n"].sum()


@pytest.mark.slow
@quick
@given(random_scores(), st.integers(0, 5))
def test_intervals_are_those_of_resamples_written_out(made, seed):
    found = intervals(made, COLUMNS, resamples=30, seed=seed)
    assert found["method"].to_list() == ["a"] * 3 + ["b"] * 3
    assert found["metric"].to_list() == list(COLUMNS) * 2
    users = sorted(set(made["user_id"]))
    draws = np.vstack(list(user_draws(len(users), 30, seed)))
    for row in found.iter_rows(named=True):
        own = made.filter(pl.col("method") == row["method"], pl.col(row["metric"]).is_not_null())
        statistic = np.median if row["metric"] == "distance_km" else np.mean
        values, whose = own[row["metric"]].to_numpy(), own["user_id"].to_list()
        assert (row["n"], row["users"]) == (len(own), len(set(whose)))
        assert row["value"] == (pytest.approx(statistic(values)) if len(own) else None)
        times = draws[:, [users.index(user) for user in whose]].astype(int)
        resamples = [statistic(np.repeat(values, time)) for time in times if time.sum()]
        if row["users"] < 2:
            assert row["low"] is row["high"] is None
        else:
            assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(resamples, (0.025, 0.975))))


def test_many_examples_make_many_blocks_of_the_median():
    generator = np.random.default_rng(0)
    values, whose = generator.gamma(1, 5, 3001).round(1), generator.integers(40, size=3001)
    made = scores([("m", i, f"u{u:02}", 0.0, 0.0, v) for i, (u, v) in enumerate(zip(whose, values, strict=True))])
    found = intervals(made, ["distance_km"], resamples=200, seed=3).row(0, named=True)
    draws = np.vstack(list(user_draws(40, 200, 3))).astype(int)
    expected = np.quantile([np.median(np.repeat(values, draw[whose])) for draw in draws], (0.025, 0.975))
    assert found["value"] == np.median(values)
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected))


@quick
@given(random_scores(), st.randoms())
def test_neither_the_order_of_rows_nor_other_methods_matter(made, random):
    found = intervals(made, COLUMNS, resamples=20)
    order = list(range(len(made)))
    random.shuffle(order)
    assert intervals(made[order], COLUMNS, resamples=20).equals(found)
    alone = intervals(made.filter(method="b"), COLUMNS, resamples=20)
    assert alone.equals(found.filter(method="b"))


@quick
@given(random_scores(), st.permutations("uvwxyz"))
def test_permuting_the_users_leaves_the_values(made, names):
    renamed = made.with_columns(pl.col("user_id").replace_strict(dict(zip("uvwxyz", names, strict=True))))
    before, after = intervals(made, COLUMNS, resamples=20), intervals(renamed, COLUMNS, resamples=20)
    assert after.drop("low", "high", "value").equals(before.drop("low", "high", "value"))
    assert after["value"].fill_null(-1).to_list() == pytest.approx(before["value"].fill_null(-1).to_list())
    pairs = [("a", "b")]
    assert compare(renamed, pairs, resamples=5)["difference"][0] == pytest.approx(
        compare(made, pairs, resamples=5)["difference"][0]
    )


def test_users_are_drawn_not_examples():
    """Twenty users of fifty equal examples each say no more than twenty examples."""
    generator = np.random.default_rng(0)
    of_user = generator.integers(0, 2, 20)
    rows = [("m", i, f"u{i // 50}", float(of_user[i // 50]), 0.0, 0.0) for i in range(1000)]
    apart = [(*row[:2], str(i), *row[3:]) for i, row in enumerate(rows)]
    clustered, independent = (intervals(scores(r), ["acc@1"]).row(0, named=True) for r in (rows, apart))
    width = clustered["high"] - clustered["low"]
    assert width == pytest.approx((independent["high"] - independent["low"]) * 50**0.5, rel=0.15)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        rate = generator.beta(2, 2, size=60)  # of each user; 0.5 on average
        found = hits(m=(generator.random(120) < np.repeat(rate, 2)).astype(int))
        row = intervals(found, ["acc@1"], resamples=200).row(0, named=True)
        inside += row["low"] <= 0.5 <= row["high"]
    assert 88 <= inside <= 99


def test_one_user_gives_no_interval_and_no_evidence():
    made = hits(a=[1, 1], b=[0, 0])
    assert intervals(made, ["acc@1"]).rows() == [
        ("a", "acc@1", 1, 2, 1.0, None, None),
        ("b", "acc@1", 1, 2, 0.0, None, None),
    ]
    row = compare(made, [("a", "b")]).row(0, named=True)
    assert (row["difference"], row["low"], row["high"], row["p_bootstrap"], row["p_holm"]) == (1, None, None, 1, 1)


def test_no_scores_give_no_rows():
    assert intervals(scores([]), COLUMNS).shape == (0, 7)
    assert expected_calibration_error(sure(scores([]), [])).shape == (0, 6)
    assert expected_calibration_error(sure(hits(m=[1, 0]), [None, None])).shape == (0, 6)
    assert compare(hits(a=[1, 0]), []).shape == (0, 9)


@pytest.mark.slow
@quick
@given(random_scores(), st.data(), st.integers(0, 5))
def test_intervals_of_the_calibration_error_are_those_of_resamples_written_out(made, data, seed):
    stated = st.none() | st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.97, 1.0])
    made = sure(made, data.draw(st.lists(stated, min_size=len(made), max_size=len(made))))
    found = expected_calibration_error(made, 4, resamples=30, seed=seed)
    users = sorted(set(made["user_id"]))
    draws = np.vstack(list(user_draws(len(users), 30, seed))).astype(int)
    known = made.drop_nulls("confidence")
    assert found["method"].to_list() == sorted(set(known["method"]))
    for row in found.iter_rows(named=True):
        own = known.filter(method=row["method"])
        whose = own["user_id"].to_list()
        assert (row["n"], row["users"]) == (len(own), len(set(whose)))
        assert row["ece"] == pytest.approx(error_by_curve(own))
        times = draws[:, [users.index(user) for user in whose]]
        resamples = [error_by_curve(own[np.repeat(np.arange(len(own)), time)]) for time in times if time.sum()]
        if row["users"] < 2:
            assert row["low"] is row["high"] is None
        else:
            assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(resamples, (0.025, 0.975))))


@quick
@given(random_scores(), st.sampled_from(["acc@1", "mrr"]))
def test_comparisons_are_antisymmetric(made, metric):
    there, back, same = compare(made, [("a", "b"), ("b", "a"), ("a", "a")], metric, resamples=40).iter_rows(named=True)
    assert back["difference"] == -there["difference"]
    assert back["p_bootstrap"] == there["p_bootstrap"]
    assert back["p_mcnemar"] == there["p_mcnemar"]
    if there["low"] is not None:
        assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]))
    assert (same["difference"], same["p_bootstrap"], same["p_holm"]) == (0, 1, 1)
    for row in (there, back, same):
        assert row["p_bootstrap"] <= row["p_holm"] <= 1


def test_a_comparison_by_hand():
    # a alone hits 9 examples, b alone 1; both hit 4, none 6.
    made = hits(a=[1] * 9 + [0] + [1] * 4 + [0] * 6, b=[0] * 9 + [1] + [1] * 4 + [0] * 6)
    row = compare(made, [("a", "b")]).row(0, named=True)
    assert (row["a"], row["b"], row["n"]) == ("a", "b", 20)
    assert row["difference"] == pytest.approx(8 / 20)
    assert row["p_mcnemar"] == pytest.approx(2 * (1 + 10) / 2**10)
    assert row["p_mcnemar"] == pytest.approx(2 * binom.cdf(1, 10, 0.5))
    assert 0 < row["low"] < 0.4 < row["high"]
    assert row["p_bootstrap"] < 0.05
    assert compare(made, [("a", "b")], "mrr")["p_mcnemar"].to_list() == [None]


def test_no_p_value_is_zero_and_holm_counts_the_pairs():
    made = hits(a=[1] * 40, b=[0] * 40, c=[1, 0] * 20)
    rows = compare(made, [("a", "b"), ("a", "c"), ("c", "b")], resamples=999)
    assert rows["p_bootstrap"].to_list() == [0.002] * 3
    assert rows["p_holm"].to_list() == pytest.approx([0.006] * 3)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_what_cannot_be_compared():
    made = hits(a=[1, 0], b=[1, 0])
    with pytest.raises(GenRecError, match=r"no method 'c' to compare; there are a, b"):
        compare(made, [("a", "c")])
    with pytest.raises(GenRecError, match="different examples"):
        compare(made[:-1], [("a", "b")])


def test_the_same_seed_draws_the_same_users():
    blocks = [np.vstack(list(user_draws(3000, 5, seed))) for seed in (1, 1, 2)]
    assert (blocks[0] == blocks[1]).all()
    assert (blocks[0] != blocks[2]).any()
    assert (blocks[0].sum(axis=1) == 3000).all()
    assert sum(len(block) for block in user_draws(2_000_001, 3, 0)) == 3  # more than one block
