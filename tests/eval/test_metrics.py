"""Metrics against tables worked out by hand, another library, and what must hold of any ranking."""

from itertools import permutations
from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import KINDS, make, quick

from eval.measures.intervals import expected_calibration_error
from eval.measures.metrics import (
    METRICS,
    RANK_METRICS,
    disagreeing,
    per_user,
    rank_scores,
    reliability,
    score,
)
from genrec.errors import GenRecError

POIS = make([], KINDS).pois  # eight places, a kilometre apart, each of its own category


def examples(targets, users=None):
    return pl.DataFrame(
        {"example": range(len(targets)), "user_id": users or ["u"] * len(targets), "target": targets},
        schema={"example": pl.UInt32, "user_id": pl.String, "target": pl.UInt32},
    ).with_columns(repeat=pl.col("target") == 0)


def rankings(method, lists, probabilities=None, failures=None):
    columns = {
        "method": [method] * len(lists),
        "example": range(len(lists)),
        "pois": lists,
        "probabilities": probabilities or [[1 / (i + 2) for i in range(len(places))] for places in lists],
        "in_prompt": [None] * len(lists),
        "failure": failures or [None] * len(lists),
    }
    lists_of = {"pois": pl.List(pl.UInt32), "probabilities": pl.List(pl.Float32)}
    schema = {"method": pl.String, "example": pl.UInt32} | lists_of | {"in_prompt": pl.Boolean, "failure": pl.String}
    return pl.DataFrame(columns, schema=schema)


def one_target_at(rank, depth):
    """A list of `depth` places with place 0 at `rank` (1-based)."""
    places = list(range(1, depth + 1))
    places[rank - 1] = 0
    return places


# Rank of the target; then Acc@1, Acc@5, Acc@10, Acc@20, MRR, NDCG@10.
BY_HAND = {
    1: (1, 1, 1, 1, 1, 1),
    2: (0, 1, 1, 1, 1 / 2, 1 / log2(3)),
    5: (0, 1, 1, 1, 1 / 5, 1 / log2(6)),
    6: (0, 0, 1, 1, 1 / 6, 1 / log2(7)),
    10: (0, 0, 1, 1, 1 / 10, 1 / log2(11)),
    11: (0, 0, 0, 1, 1 / 11, 0),
    20: (0, 0, 0, 1, 1 / 20, 0),
    21: (0, 0, 0, 0, 0, 0),  # lists are cut at 20
}


def test_a_table_worked_out_by_hand():
    lists = [one_target_at(rank, 25) for rank in BY_HAND]
    scored = rank_scores(examples([0] * len(lists)), rankings("m", lists))
    assert scored["rank"].to_list() == [1, 2, 5, 6, 10, 11, 20, None]
    for row, values in zip(scored.select(RANK_METRICS).iter_rows(), BY_HAND.values(), strict=True):
        assert row == pytest.approx(values)


def test_places_categories_and_distances():
    pois = POIS.with_columns(category=pl.Series(["Pub", "Pub", "Gym", "unknown", "unknown", "Bar", "Bar", "Zoo"]))
    lists = [[1, 0], [2], [4], [3], [], [7]]
    cases, ranked = examples([0, 2, 3, 0, 0, 5]), rankings("m", lists)
    scored = score(cases, ranked, pois)
    assert scored.columns == [
        "method", "example", "user_id", "rank", "first", *METRICS, "distance_km", "confidence", "repeat", "in_prompt",
        "failure",
    ]  # fmt: skip
    assert scored["first"].to_list() == [1, 2, 4, 3, None, 7]
    # An unknown category of the target cannot be judged; one of the place put first is wrong.
    assert scored["category_acc@1"].to_list() == [1, 1, None, 0, 0, 0]
    # 0.009 degrees of latitude are 1.0008 km.
    assert scored["distance_km"].is_null().to_list() == [False] * 4 + [True, False]
    assert scored["distance_km"].drop_nulls().to_list() == pytest.approx([1.0008, 0, 1.0008, 3.0023, 2.0015], rel=1e-4)
    assert scored["within_1km"].to_list() == [0, 1, 0, 0, 0, 0]
    assert scored["confidence"].to_list() == [0.5, 0.5, 0.5, 0.5, None, 0.5]
    assert scored["repeat"].to_list() == [True, False, False, True, True, False]
    assert scored.select(*RANK_METRICS).equals(rank_scores(cases, ranked).select(*RANK_METRICS))


def test_a_failure_is_a_miss_whatever_it_ranks():
    ranked = rankings("m", [[0], [0]], failures=[None, "the server did not answer"])
    scored = score(examples([0, 0]), ranked, POIS)
    assert scored["acc@1"].to_list() == [1, 0]
    assert scored[1].select("rank", "first", "distance_km", "confidence").row(0) == (None,) * 4
    assert scored["failure"].to_list() == [None, "the server did not answer"]
    no_list = ranked.with_columns(pois=pl.lit(None, pl.List(pl.UInt32)), failure=pl.lit(None, pl.String))
    assert score(examples([0, 0]), no_list, POIS)["acc@20"].to_list() == [0, 0]


@pytest.mark.parametrize("ranked", [[0], [0, 0], [0, 1, 1], [0, 2]])
def test_each_example_is_ranked_once(ranked):
    whole = rankings("whole", [[0], [1]])
    part = rankings("part", [[0]] * len(ranked)).with_columns(example=pl.Series(ranked, dtype=pl.UInt32))
    with pytest.raises(GenRecError, match=r"'part' .* each of the 2 examples must be ranked once"):
        score(examples([0, 0]), whole.vstack(part), POIS)
    assert len(score(examples([0, 0]), whole, POIS)) == 2


lists_of_places = st.lists(st.integers(0, 40), max_size=25, unique=True)


@quick
@given(st.lists(st.tuples(st.integers(0, 40), lists_of_places), min_size=1, max_size=15), st.randoms())
def test_what_holds_of_any_rankings(cases, random):
    targets, lists = [target for target, _ in cases], [places for _, places in cases]
    scored = rank_scores(examples(targets), rankings("m", lists))
    for row, target, places in zip(scored.iter_rows(named=True), targets, lists, strict=True):
        rank = places.index(target) + 1 if target in places[:20] else None
        assert row["rank"] == rank
        assert row["acc@1"] <= row["acc@5"] <= row["acc@10"] <= row["acc@20"] == (rank is not None)
        assert row["acc@1"] <= row["ndcg@10"] <= row["acc@10"]
        assert row["acc@1"] <= row["mrr"] <= row["acc@20"]
        assert row["mrr"] <= row["ndcg@10"] or rank is None or rank > 10
    order = list(range(len(cases)))
    random.shuffle(order)
    assert rank_scores(examples(targets)[order[::-1]], rankings("m", lists)[order]).equals(scored)


def test_another_library_agrees_on_random_rankings():
    import torch  # deferred: it is slow to load
    from torchmetrics.functional import retrieval

    generator = np.random.default_rng(0)
    lists = [generator.permutation(30)[: generator.integers(1, 21)].tolist() for _ in range(100)]
    # Probabilities tie often. The order of the list decides, so the library is given the order.
    probabilities = [np.sort(generator.integers(1, 4, len(places)))[::-1] / 10 for places in lists]
    targets = generator.integers(0, 30, len(lists)).tolist()
    scored = rank_scores(examples(targets), rankings("m", lists, probabilities))
    assert scored["rank"].is_null().any()
    for row, target, places in zip(scored.iter_rows(named=True), targets, lists, strict=True):
        order, right = torch.arange(len(places), 0, -1).float(), torch.tensor(places) == target
        for k in (1, 5, 10, 20):
            assert row[f"acc@{k}"] == retrieval.retrieval_hit_rate(order, right, top_k=min(k, len(places)))
        assert row["mrr"] == pytest.approx(float(retrieval.retrieval_reciprocal_rank(order, right)))
        top = min(10, len(places))
        assert row["ndcg@10"] == pytest.approx(float(retrieval.retrieval_normalized_dcg(order, right, top_k=top)))


def test_another_library_averages_over_the_orders_of_ties():
    import torch
    from torchmetrics.functional.retrieval import retrieval_normalized_dcg

    generator = np.random.default_rng(1)
    for _ in range(20):
        probabilities = generator.integers(1, 4, 6) / 10
        expected = float(retrieval_normalized_dcg(torch.tensor(probabilities), torch.arange(6) == 0, top_k=6))
        orders = [p for p in permutations(range(6)) if (np.diff(probabilities[list(p)]) <= 0).all()]
        scored = rank_scores(examples([0] * len(orders)), rankings("m", orders, [[0.5] * 6] * len(orders)))
        assert scored["ndcg@10"].mean() == pytest.approx(expected)


def test_users_and_their_averages():
    cases = examples([0, 0, 1], ["b", "a", "b"])
    scored = score(cases, rankings("m", [[0], [1, 0], [0, 1]]), POIS)
    users = per_user(scored, ["acc@1", "mrr", "distance_km"])
    assert users.rows() == [
        ("m", "a", 1, 0, 0.5, pytest.approx(1.0008, rel=1e-4)),
        ("m", "b", 2, 0.5, 0.75, pytest.approx(0.5004, rel=1e-4)),
    ]
    assert (users["acc@1"] * users["n"]).sum() == scored["acc@1"].sum()


def test_where_two_methods_disagree():
    ranked = rankings("a", [[0, 1], [2], [], [3]]).vstack(rankings("b", [[0], [3, 2], [], []]))
    assert disagreeing(rank_scores(examples([0] * 4), ranked), "a", "b").to_list() == [1, 3]


def test_a_reliability_curve_by_hand():
    confidences = [0.05, 0.1, 0.11, 0.95, 0.85, 1.0]
    lists = [[1], [0], [0], [0], [1], [0], []]
    ranked = rankings("m", lists, [[c] for c in confidences] + [[]])
    scored = rank_scores(examples([0] * 7), ranked).with_columns(confidence=pl.Series([*confidences, None]))
    curve = reliability(scored)
    assert curve.rows() == [
        ("m", 1, 2, pytest.approx(0.075), 0.5),  # 0.1 belongs to the bin that ends there
        ("m", 2, 1, pytest.approx(0.11), 1),
        ("m", 9, 1, pytest.approx(0.85), 0),
        ("m", 10, 2, pytest.approx(0.975), 1),
    ]
    gaps = 2 * abs(0.5 - 0.075) + abs(1 - 0.11) + 0.85 + 2 * abs(1 - 0.975)
    assert expected_calibration_error(scored).rows() == [("m", 1, 6, pytest.approx(gaps / 6), None, None)]


def test_another_library_agrees_on_the_calibration_error():
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    generator = np.random.default_rng(2)
    confidence, hit = generator.random(500), generator.random(500) < 0.4
    lists = [[0] if right else [1] for right in hit]
    scored = rank_scores(examples([0] * 500), rankings("m", lists, [[c] for c in confidence]))
    for bins in (5, 10, 15):
        expected = binary_calibration_error(torch.tensor(confidence), torch.tensor(hit), n_bins=bins)
        [ece] = expected_calibration_error(scored, bins, resamples=1)["ece"]
        assert ece == pytest.approx(float(expected), abs=1e-6)
