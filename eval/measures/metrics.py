"""Metrics of rankings, example by example, and how often the first place is right at each probability.

Each example has one right answer, so all ranking metrics follow from its rank alone. Lists are cut at 20 places: a
target that is not among them is a miss, and MRR is MRR@20. The order of a list counts, also where probabilities tie.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, USER
from genrec.errors import GenRecError
from genrec.geo import haversine_km

DEPTH: Final = 20
NEAR_KM: Final = 1.0
UNKNOWN_CATEGORY: Final = "unknown"  # as in genrec.checkins.Checkins.pois

RANK_METRICS: Final = ("acc@1", "acc@5", "acc@10", "acc@20", "mrr", "ndcg@10")
METRICS: Final = (*RANK_METRICS, "category_acc@1", "within_1km")
DISTANCE: Final = "distance_km"  # summarised by its median


def score(examples: pl.DataFrame, rankings: pl.DataFrame, pois: pl.DataFrame) -> pl.DataFrame:
    """Score each ranking: one row a ranking, by method and example.

    Args:
        examples: `example` (UInt32), `user_id`, `target` (UInt32, POI index), `repeat` (Boolean).
        rankings: `method`, `example`, `pois` (List[UInt32], best first), `probabilities` (List[Float32]),
            `in_prompt` (Boolean), `failure` (String). With a failure, or without places, it is a miss.
        pois: the catalogue, row i being POI i.

    Returns:
        method, example, user_id, rank (UInt32, 1-based; null for a miss), first (UInt32: the first place), the METRICS
        (Float64, 0 to 1), distance_km (of the first place to the target), confidence (probability of the first place),
        repeat, in_prompt, failure. A failure has no first place, distance and confidence. Where the target's category
        is unknown, category_acc@1 is null: it cannot be judged.

    Raises:
        GenRecError: a method does not rank every example exactly once.

    """
    aligned = _aligned(examples, rankings)
    first, target = aligned["pois"].list.first(), aligned["target"]
    category, right_category = pois[CATEGORY].gather(first), pois[CATEGORY].gather(target)
    distance = _distances(pois, first, target)
    same = category.eq_missing(right_category).cast(pl.Float64)
    near = (distance < NEAR_KM).fill_null(value=False).cast(pl.Float64)
    places = pl.DataFrame(
        {
            "category_acc@1": same.set(right_category == UNKNOWN_CATEGORY, None),
            "within_1km": near,
            DISTANCE: distance,
        }
    )
    ranked = _score_ranks(aligned)
    after = ranked.columns.index("confidence")
    return pl.concat([ranked[:, :after], places, ranked[:, after:]], how="horizontal")


def rank_scores(examples: pl.DataFrame, rankings: pl.DataFrame) -> pl.DataFrame:
    """What `score` says without a catalogue: RANK_METRICS instead of METRICS, and no distance."""
    return _score_ranks(_aligned(examples, rankings))


def per_user(scores: pl.DataFrame, metrics: Sequence[str] = METRICS) -> pl.DataFrame:
    """Each user's averages: method, user_id, n (examples), the metrics; the median if one is distance_km."""
    averages = [pl.col(metric).median() if metric == DISTANCE else pl.col(metric).mean() for metric in metrics]
    # Sorted first, and groups kept in order: floating-point sums depend on the order of their terms.
    groups = scores.sort("method", USER, "example").group_by("method", USER, maintain_order=True)
    return groups.agg(pl.len().alias("n"), *averages)


def disagreeing(scores: pl.DataFrame, a: str, b: str) -> pl.Series:
    """The examples (UInt32, ascending) at which methods `a` and `b` put different places first."""
    firsts, seconds = (scores.filter(method=method).select("example", "first") for method in (a, b))
    pairs = firsts.join(seconds, on="example", validate="1:1")
    return pairs.filter(pl.col("first").ne_missing(pl.col("first_right")))["example"].sort()


def reliability(scores: pl.DataFrame, bins: int = 10) -> pl.DataFrame:
    """The reliability curve of the first place's probability (Guo et al., ICML 2017, section 2).

    Returns method, bin (1 to `bins`; bin b holds confidences above (b - 1) / bins, up to b / bins), n, confidence and
    accuracy (means in the bin). Bins without examples are left out, and so are failures: they state no probability.
    """
    stated = scores.filter(pl.col("confidence").is_not_null()).sort("method", "example")
    binned = stated.with_columns(bin=pl.Series(bins_of(stated["confidence"], bins) + 1, dtype=pl.UInt32))
    means = binned.group_by("method", "bin", maintain_order=True).agg(
        pl.len().alias("n"), pl.col("confidence").mean(), pl.col("acc@1").mean().alias("accuracy")
    )
    return means.sort("method", "bin")


def bins_of(confidence: pl.Series, bins: int) -> NDArray[np.intp]:
    """The bin of each probability, from 0; an edge belongs to the bin below it."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence.to_numpy())


def _aligned(examples: pl.DataFrame, rankings: pl.DataFrame) -> pl.DataFrame:
    """The rankings by method and example, each with its example; at most DEPTH places, none (null) with a failure."""
    rankings = rankings.sort("method", "example")
    _require_same_examples(examples, rankings)
    about = examples.select("example", USER, "target", "repeat")
    return rankings.with_columns(
        pois=pl.when(pl.col("failure").is_null()).then(pl.col("pois").list.head(DEPTH)),
    ).join(about, on="example", how="left", maintain_order="left")


def _score_ranks(aligned: pl.DataFrame) -> pl.DataFrame:
    rank = _ranks(aligned["pois"], aligned["target"].to_numpy())
    first = pl.col("pois").list.first()
    confidence = pl.when(first.is_not_null()).then(pl.col("probabilities").list.first())
    return aligned.select(
        "method",
        "example",
        USER,
        pl.Series("rank", rank, pl.UInt32).replace(0, None),
        first.alias("first"),
        *(pl.Series(metric, values[rank]) for metric, values in _values_by_rank().items()),
        confidence.cast(pl.Float64).alias("confidence"),
        "repeat",
        "in_prompt",
        "failure",
    )


def _values_by_rank() -> dict[str, NDArray[np.float64]]:
    """Each metric at every rank: (DEPTH + 1,), index 0 being a miss. NDCG's ideal gain is 1: one right answer."""
    rank = np.arange(DEPTH + 1)
    hit = rank > 0
    values = {f"acc@{k}": np.where(hit & (rank <= k), 1.0, 0.0) for k in (1, 5, 10, 20)}
    values["mrr"] = np.where(hit, 1 / np.maximum(rank, 1), 0.0)
    values["ndcg@10"] = np.where(hit & (rank <= 10), 1 / np.log2(rank + 1.0, where=hit, out=np.ones(len(rank))), 0.0)
    return values


def _ranks(lists: pl.Series, target: NDArray[np.uint32]) -> NDArray[np.intp]:
    """The 1-based rank of each list's target, 0 if it is not there or the list is null."""
    lengths = lists.list.len().fill_null(0).to_numpy().astype(np.intp)
    places = lists.filter(pl.Series(lengths > 0)).explode().to_numpy()  # an empty list would explode to a null
    [hits] = np.nonzero(places == np.repeat(target, lengths))
    starts = np.cumsum(lengths) - lengths
    row = np.searchsorted(starts + lengths, hits, side="right")
    ranks = np.zeros(len(lists), dtype=np.intp)
    ranks[row[::-1]] = (hits - starts[row] + 1)[::-1]  # backwards, so that the best rank of a repeated place stays
    return ranks


def _distances(pois: pl.DataFrame, first: pl.Series, target: pl.Series) -> pl.Series:
    """In km; null without a first place."""
    position = pois.select(LATITUDE, LONGITUDE)
    here, there = position[first.fill_null(0)], position[target]
    km = haversine_km(here[LATITUDE], here[LONGITUDE], there[LATITUDE], there[LONGITUDE])
    return pl.Series(DISTANCE, km).set(first.is_null(), None)


def _require_same_examples(examples: pl.DataFrame, rankings: pl.DataFrame) -> None:
    """Every method ranks each example exactly once: a missing one would be a hard case dropped in silence."""
    expected = examples["example"].sort()
    for (method,), own in rankings.group_by("method", maintain_order=True):
        if not own["example"].equals(expected):
            raise GenRecError(
                f"method {method!r} has {own['example'].n_unique():,} different examples in {len(own):,} rankings;"
                f" each of the {len(expected):,} examples must be ranked once (a failure is a ranking without places)"
            )
