"""Strata by hand, and rank correlations against SciPy's."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import at, make, quick
from scipy.stats import spearmanr

from eval.measures.intervals import user_draws
from eval.measures.strata import STRATA, UNDEFINED, strata, stratifier_power

TOWN = make(
    [("a", 0, at(0)), ("a", 1, at(1)), ("b", 0, at(2)), ("b", 1, at(3)), ("b", 2, at(4))]
    + [("c", 3, at(5)), ("c", 4, at(6))]
    + [("d", poi, at(7)) for poi in range(5)]
    + [("d", 2, at(8)), ("z", 7, at(9))]
)  # fmt: skip
TRAIN_ROWS = 12  # up to day 7


def cases(rows, days=None):
    """From (user, trajectories, length, history, whether the POI was seen), and the days since the evidence ended."""
    schema = {
        "user_id": pl.String, "user_trajectories": pl.UInt32, "length": pl.UInt32, "history": pl.UInt32,
        "poi_seen": pl.Boolean,
    }  # fmt: skip
    times = [at(9 + day) for day in days or [0] * len(rows)]
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("example")
    return frame.with_columns(as_of=at(9), time=pl.Series(times, dtype=pl.Datetime("us")))


def test_by_hand():
    examples = cases(
        [
            ("a", 1, 1, 0, False),
            ("b", 4, 2, 1, True),
            ("d", 9, 3, 4, True),
            ("d", 12, 4, 5, True),  # still the activity of their first example
            ("z", 2, 5, 9, True),
            ("c", 5, 6, 10, True),
        ],
        days=[0, 14, 14.01, 45, 45.01, 400],
    )
    found = strata(examples, TOWN, TRAIN_ROWS)
    assert found["example"].to_list() == list(range(6))
    assert found["activity"].to_list() == [
        "inactive",
        "normal",
        "very active",
        "very active",
        "inactive",
        "very active",
    ]
    assert found["trajectory"].to_list() == ["short", "short", "middle", "middle", "long", "long"]
    assert found["cold"].to_list() == ["0", "1-4", "1-4", "5-9", "5-9", "10+"]
    assert found["poi"].to_list() == ["new"] + ["known"] * 5
    assert found["age"].to_list() == ["up to 14"] * 2 + ["up to 45"] * 2 + ["more"] * 2
    # a, b and c: 1; d: four of ten pairs (0-1, 0-2, 1-2, 3-4); z has no place in train.
    assert found["concentration"].to_list() == ["middle", "middle", "low", "low", UNDEFINED, "middle"]


def test_what_comes_after_train_does_not_matter():
    examples = cases([(user, 1, 1, 1, True) for user in "abcd"])
    later = TOWN.frame.with_columns(
        pl.when(pl.int_range(pl.len()) < TRAIN_ROWS).then("poi").otherwise(pl.lit(6, pl.UInt32)).alias("poi")
    )
    changed = type(TOWN)(later, TOWN.pois, "changed", [])
    assert not later.equals(TOWN.frame)
    assert strata(examples, changed, TRAIN_ROWS).equals(strata(examples, TOWN, TRAIN_ROWS))


numbers = st.integers(0, 12)


@quick
@given(st.lists(st.tuples(st.sampled_from("abcdz"), numbers, numbers, numbers, st.booleans()), min_size=1, max_size=30))
def test_every_example_has_a_stratum_of_each_kind_and_thirds_are_in_order(rows):
    examples = cases(rows)
    found = strata(examples, TOWN, TRAIN_ROWS)
    for stratifier, names in STRATA.items():
        assert found[stratifier].is_in(names).all()
    both = examples.join(found, on="example")
    level = both["trajectory"].replace_strict(
        dict(zip(STRATA["trajectory"], range(3), strict=True)), return_dtype=pl.Int8
    )
    by_length = level.gather(both["length"].arg_sort()).to_list()
    assert by_length == sorted(by_length)
    assert both.group_by("length").agg(pl.col("trajectory").n_unique())["trajectory"].max() == 1
    assert both.group_by("user_id").agg(pl.col("activity").n_unique())["activity"].max() == 1
    if both["length"].n_unique() == len(rows):
        sizes = [by_length.count(third) for third in range(3)]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("lengths", "thirds"),
    [
        ([1, 1, 1, 1, 1, 1, 2, 2, 3, 4], "ssssssmmll"),
        ([1, 2, 2, 2], "smmm"),
        ([1, 1, 1, 2], "mmml"),
        ([7, 7, 7], "mmm"),
        ([4, 3, 2, 1], "lmms"),
    ],
)
def test_equal_values_stay_together(lengths, thirds):
    found = strata(cases([("a", 1, length, 1, True) for length in lengths]), TOWN, TRAIN_ROWS)
    assert "".join(name[0] for name in found["trajectory"]) == thirds


def scores_of(accuracies):
    rows = [("m", i, user, float(hit)) for i, (user, hit) in enumerate(accuracies)]
    schema = {"method": pl.String, "example": pl.UInt32, "user_id": pl.String, "acc@1": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@quick
@given(st.lists(st.tuples(numbers, st.integers(0, 3)), min_size=2, max_size=12))
def test_power_is_spearmans_correlation_of_users_and_its_bootstrap(users):
    names = [f"u{i:02}" for i in range(len(users))]
    examples = cases([(name, trajectories, 1, 1, True) for name, (trajectories, _) in zip(names, users, strict=True)])
    scores = scores_of([(name, hit < hits) for name, (_, hits) in zip(names, users, strict=True) for hit in range(3)])
    row = stratifier_power(scores, examples, TOWN, TRAIN_ROWS, resamples=40).row(0, named=True)
    assert (row["method"], row["stratifier"], row["users"]) == ("m", "activity", len(users))
    x, y = np.array(users).T
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert row["spearman"] is row["low"] is row["high"] is None
        return
    assert row["spearman"] == pytest.approx(spearmanr(x, y).statistic)
    resamples = []
    for draw in np.vstack(list(user_draws(len(users), 40, 0))).astype(int):
        ours, theirs = np.repeat(x, draw), np.repeat(y, draw)
        if len(set(ours)) > 1 and len(set(theirs)) > 1:
            resamples.append(spearmanr(ours, theirs).statistic)
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(resamples, (0.025, 0.975))))


def test_power_of_concentration_leaves_out_users_without_it():
    examples = cases([(user, 1, 1, 1, True) for user in "abcdz"])
    found = stratifier_power(scores_of([(user, user in "ab") for user in "abcdz"]), examples, TOWN, TRAIN_ROWS)
    assert found["users"].to_list() == [5, 4]
    assert found["stratifier"].to_list() == ["activity", "concentration"]
    nobody = stratifier_power(scores_of([("z", 1)]), examples, TOWN, TRAIN_ROWS)
    assert nobody.select("users", "spearman", "low").rows() == [(1, None, None), (0, None, None)]
