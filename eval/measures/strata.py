"""Groups of examples that are harder or easier, and how well what groups users predicts their accuracy."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval.measures.concentration import concentration
from eval.measures.intervals import Floats, percentiles, user_draws
from eval.measures.metrics import per_user
from genrec.checkins import Checkins
from genrec.columns import TIME, USER

UNDEFINED: Final = "undefined"  # concentration of users with fewer than two places in train

FRESH, OLDER = timedelta(days=14), timedelta(days=45)  # what evidence is called up to so long after its end

# Each stratifier and its strata, in the order of reports.
STRATA: Final[dict[str, tuple[str, ...]]] = {
    "activity": ("inactive", "normal", "very active"),
    "trajectory": ("short", "middle", "long"),
    "cold": ("0", "1-4", "5-9", "10+"),
    "poi": ("new", "known"),
    "age": ("up to 14", "up to 45", "more"),
    "concentration": ("low", "middle", "high", UNDEFINED),
}


def strata(examples: pl.DataFrame, checkins: Checkins, train_rows: int) -> pl.DataFrame:
    """The strata of each example: `example`, and a String column for each stratifier of STRATA.

    activity: terciles over users of their trajectories before their first example (GenUP, user cold start).
    trajectory: terciles over examples of the current trajectory's length (GenUP). cold: the user's check-ins before
    the evidence ends. poi: "new" if nobody had been at the target by then. age: days from then to the visit.
    concentration: terciles over users of topological concentration in the first `train_rows` check-ins. Equal values
    stay together: the cuts are those nearest to a third and two thirds, and a group may be empty.
    """
    users = user_values(examples, checkins, train_rows)
    groups = users.select(
        USER,
        _terciles(users["activity"], STRATA["activity"]),
        _terciles(users["concentration"], STRATA["concentration"]).fill_null(UNDEFINED),
    )
    joined = examples.join(groups, on=USER, how="left", maintain_order="left")
    history, (none, few, some, many) = pl.col("history"), map(pl.lit, STRATA["cold"])
    cold = pl.when(history == 0).then(none).when(history < 5).then(few).when(history < 10).then(some).otherwise(many)
    poi = pl.when("poi_seen").then(pl.lit("known")).otherwise(pl.lit("new"))
    passed, (fresh, older, oldest) = pl.col(TIME) - pl.col("as_of"), map(pl.lit, STRATA["age"])
    aged = pl.when(passed <= FRESH).then(fresh).when(passed <= OLDER).then(older)
    return joined.select(
        "example",
        "activity",
        _terciles(joined["length"].alias("trajectory"), STRATA["trajectory"]),
        cold.alias("cold"),
        poi.alias("poi"),
        aged.otherwise(oldest).alias("age"),
        "concentration",
    )


def user_values(examples: pl.DataFrame, checkins: Checkins, train_rows: int) -> pl.DataFrame:
    """What users are grouped by: user_id, activity (trajectories), concentration (null if undefined), by user_id."""
    activity = examples.group_by(USER).agg(pl.col("user_trajectories").min().alias("activity"))
    concentrated = concentration(checkins.frame[:train_rows]).drop("places")
    return activity.join(concentrated, on=USER, how="left").sort(USER)


def stratifier_power(
    scores: pl.DataFrame,
    examples: pl.DataFrame,
    checkins: Checkins,
    train_rows: int,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pl.DataFrame:
    """How well activity and concentration predict the Acc@1 of users: Spearman's rank correlation.

    Returns method, stratifier, users (for whom it is defined), spearman, low, high (95 %, percentile bootstrap over
    users); null where one side is the same for all users.
    """
    values = user_values(examples, checkins, train_rows)
    rows = []
    for (method,), own in per_user(scores, ["acc@1"]).group_by("method", maintain_order=True):
        for stratifier in ("activity", "concentration"):
            both = own.join(values.drop_nulls(stratifier), on=USER, maintain_order="left")
            x, y = both[stratifier].to_numpy(), both["acc@1"].to_numpy()
            rows.append((method, stratifier, len(both), *_correlation(x, y, resamples, seed)))
    schema = {"method": pl.String, "stratifier": pl.String, "users": pl.UInt32}
    schema |= dict.fromkeys(("spearman", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _correlation(
    x: NDArray[np.generic], y: NDArray[np.generic], resamples: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Spearman's correlation of users' values, and its interval."""
    users = len(x)
    if users < 2:
        return None, None, None
    [value] = _spearman(x, y, np.ones((1, users)))
    if np.isnan(value):
        return None, None, None
    resampled = np.concatenate([_spearman(x, y, draws) for draws in user_draws(users, resamples, seed)])
    return float(value), *percentiles(resampled, users)


def _spearman(x: NDArray[np.generic], y: NDArray[np.generic], draws: Floats) -> Floats:
    """Correlation of the ranks of x and y in each resample, (rows, users) -> (rows,); NaN if one has a single value."""
    middle = (draws.shape[1] + 1) / 2  # the mean of all ranks
    a, b = _ranks(x, draws) - middle, _ranks(y, draws) - middle
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (draws * a * b).sum(axis=1) / np.sqrt((draws * a**2).sum(axis=1) * (draws * b**2).sum(axis=1))
        )


def _ranks(values: NDArray[np.generic], draws: Floats) -> Floats:
    """Rank of each user's value in each resample, ties at their mean; draws (rows, users) -> the same shape."""
    distinct, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(distinct)))
    counts = np.add.reduceat(draws[:, order], starts, axis=1)
    ranks = np.cumsum(counts, axis=1) - (counts - 1) / 2
    return np.asarray(ranks[:, group])


def _terciles(values: pl.Series, labels: Sequence[str]) -> pl.Series:
    """The label of each value's third; null stays null."""
    distinct, counts = np.unique(values.drop_nulls().to_numpy(), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])  # values below each distinct one, and all
    first = int(np.abs(3 * below - below[-1]).argmin())
    second = first + 1 + int(np.abs(3 * below[first + 1 :] - 2 * below[-1]).argmin()) if counts.size else 0
    level = np.searchsorted([first, second], np.arange(len(distinct)), side="right")
    return values.replace_strict(distinct, [labels[i] for i in level], default=None, return_dtype=pl.String)
