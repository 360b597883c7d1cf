"""How sure the averages are: bootstrap intervals over users, and paired comparisons of methods.

A user's examples are alike, so users are drawn, with replacement, and all their examples come along (the cluster
bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). A mean needs only the
users' sums, so that resampling it is a product of matrices.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from eval.measures.metrics import DISTANCE, bins_of
from genrec.ahead import ahead
from genrec.columns import USER
from genrec.errors import GenRecError

TAILS: Final = (0.025, 0.975)  # of a 95 % interval
CELLS: Final = 4_000_000  # drawn counts held at a time: 32 MB
OFF_MIDDLE: Final = (1 / 2, 1 / 8, 1 / 32, 1 / 128)  # of all values: blocks around the middle, where medians are
GRADED: Final = ("mrr", "ndcg@10")  # the metrics that are not 0 or 1

Floats = NDArray[np.float64]


class _Column:
    """What is averaged: `values` (n,) without nulls, and the number of each value's user, `user` (n,)."""

    def __init__(self, values: pl.Series, user: NDArray[np.intp]) -> None:
        given = values.is_not_null().to_numpy()
        self.values: Floats = values.drop_nulls().to_numpy()
        self.user = user[given]
        self.users = len(np.unique(self.user))


def intervals(scores: pl.DataFrame, metrics: Sequence[str], *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Each method's metrics with 95 % percentile bootstrap intervals over users.

    Args:
        scores: what `eval.measures.metrics.score` returns, or some of its rows.
        metrics: columns, averaged over the examples where they are not null; distance_km by its median.
        resamples: how often all users are drawn. Every method is measured on the same draws.
        seed: of the draws.

    Returns:
        method, metric, users and n (users and examples with a value), value, low, high; by method, then in the order
        of `metrics`. All three are null without examples, low and high also from fewer than two users. Where all
        examples have the same value, the interval has width 0: a bootstrap cannot tell what the sample never shows.

    """
    scores = scores.sort("method", "example")
    user, users = _user_numbers(scores[USER])
    methods = scores["method"].unique(maintain_order=True).to_list()
    rows_of = {method: np.flatnonzero(scores["method"] == method) for method in methods}
    labels = [(method, metric) for method in methods for metric in metrics]
    columns = [_Column(scores[metric].gather(rows_of[method]), user[rows_of[method]]) for method, metric in labels]
    medians = {i: _Median(columns[i], users) for i, (_, metric) in enumerate(labels) if metric == DISTANCE}
    averaged = [i for i in range(len(labels)) if i not in medians]
    means = _Means([columns[i] for i in averaged], users)

    def statistics(draws: Floats) -> Floats:
        values = np.empty((len(draws), len(labels)))
        values[:, averaged] = means.of(draws)
        for i, median in medians.items():
            values[:, i] = median.of(draws)
        return values

    measured, resampled = _bootstrap(statistics, users, resamples, seed)
    rows = [
        (*label, column.users, len(column.values), float(value), *percentiles(values, column.users))
        for label, column, value, values in zip(labels, columns, measured, resampled.T, strict=True)
    ]
    schema = {"method": pl.String, "metric": pl.String, "users": pl.UInt32, "n": pl.UInt32}
    schema |= dict.fromkeys(("value", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("value").fill_nan(None))


def expected_calibration_error(
    scores: pl.DataFrame, bins: int = 10, *, resamples: int = 2000, seed: int = 0
) -> pl.DataFrame:
    """Each method's ECE (Guo et al., ICML 2017, equation 3) with a 95 % percentile bootstrap interval over users.

    The mean of |accuracy - confidence| over the bins of `eval.measures.metrics.reliability`, weighted by their
    examples. Chance alone adds to it, and resampling once more: the interval of a well calibrated method leans upwards,
    and may even begin above the value. `scores`, `resamples` and `seed` as in `intervals`.

    Returns method, users and n (users and examples with a probability), ece, low, high; by method. low and high are
    null from fewer than two users. A method that states no probability has no row.
    """
    user, users = _user_numbers(scores[USER])
    stated = scores.select("method", "example", "acc@1", "confidence", user=pl.Series(user)).drop_nulls("confidence")
    parts = stated.sort("method", "example").partition_by("method", maintain_order=True)
    errors = [_CalibrationError(part, users, bins) for part in parts]

    def statistics(draws: Floats) -> Floats:
        return np.array([error.of(draws) for error in errors]).reshape(-1, len(draws)).T

    measured, resampled = _bootstrap(statistics, users, resamples, seed)
    rows = [
        (part["method"][0], error.users, len(part), float(value), *percentiles(values, error.users))
        for part, error, value, values in zip(parts, errors, measured, resampled.T, strict=True)
    ]
    schema = {"method": pl.String, "users": pl.UInt32, "n": pl.UInt32}
    schema |= dict.fromkeys(("ece", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def compare(
    scores: pl.DataFrame,
    pairs: Sequence[tuple[str, str]],
    metric: str = "acc@1",
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> pl.DataFrame:
    """Differences between pairs of methods on the same examples.

    Args:
        scores: what `eval.measures.metrics.score` returns, or the rows of some examples.
        pairs: methods (a, b).
        metric: one of `eval.measures.metrics.METRICS`.
        resamples: how often all users are drawn. As p_bootstrap is at least 2 / (resamples + 1), and Holm multiplies
            it by up to the number of pairs, many pairs need more.
        seed: of the draws.

    Returns:
        a, b, n (examples), difference (mean of a minus mean of b), low, high (95 %, percentile bootstrap over users),
        p_bootstrap (two-sided, from the same resamples), p_mcnemar (exact; takes examples as independent, which a
        user's are not; null for mrr and ndcg@10) and p_holm (p_bootstrap, corrected for all rows). Nothing follows
        from fewer than two users: low and high are null, p_bootstrap is 1.

    Raises:
        GenRecError: a method is not in the scores, or has other examples than the rest.

    """
    wide = _by_example(scores, sorted({method for pair in pairs for method in pair}), metric)
    user, users = _user_numbers(wide[USER])
    columns = [_Column(wide[a] - wide[b], user) for a, b in pairs]
    measured, resampled = _bootstrap(_Means(columns, users).of, users, resamples, seed)
    rows = [
        (
            *pair,
            len(column.values),
            float(difference),
            *percentiles(values, column.users),
            _two_sided(values, column.users),
            None if metric in GRADED else _mcnemar(column.values),
        )
        for pair, column, difference, values in zip(pairs, columns, measured, resampled.T, strict=True)
    ]
    schema = {"a": pl.String, "b": pl.String, "n": pl.UInt32}
    schema |= dict.fromkeys(("difference", "low", "high", "p_bootstrap", "p_mcnemar"), pl.Float64)
    compared = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("difference").fill_nan(None))
    return compared.with_columns(p_holm=holm(compared["p_bootstrap"]))


def holm(p_values: ArrayLike) -> Floats:
    """P-values adjusted for their number (Holm, Scandinavian Journal of Statistics, 1979); same order, at most 1."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1)
    return result


def percentiles(resampled: Floats, users: int) -> tuple[float | None, float | None]:
    """Bounds of a 95 % interval; resamples without a value (NaN) do not count. None from fewer than two users."""
    defined = resampled[~np.isnan(resampled)]
    if users < 2 or not len(defined):
        return None, None
    low, high = np.quantile(defined, TAILS)
    return float(low), float(high)


def user_draws(users: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each user is drawn: blocks of (rows, users), `resamples` rows in all, each of which sums to `users`."""
    generator = np.random.default_rng(seed)
    block = max(1, CELLS // users)
    for start in range(0, resamples, block):
        draws = np.empty((min(block, resamples - start), users))
        for row in draws:
            row[:] = np.bincount(generator.integers(users, size=users), minlength=users)
        yield draws


def _bootstrap(statistic: Callable[[Floats], Floats], users: int, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Statistics of drawn users, (rows, users) -> (rows, columns): of everybody once, (columns,), and of resamples."""
    measured: Floats = statistic(np.ones((1, users)))[0]
    return measured, np.vstack([statistic(draws) for draws in ahead(user_draws(users, resamples, seed))])


class _Means:
    """Means of columns over resampled users. Most columns have values of the same examples, which are counted once."""

    def __init__(self, columns: Sequence[_Column], users: int) -> None:
        shape = (len(columns), users)
        self._sums, counts = np.zeros(shape), np.zeros(shape)
        for i, column in enumerate(columns):
            self._sums[i] = np.bincount(column.user, column.values, minlength=users)
            counts[i] = np.bincount(column.user, minlength=users)
        self._counts, self._count_of = np.unique(counts, axis=0, return_inverse=True)

    def of(self, draws: Floats) -> Floats:
        """Shape (rows, users) -> (rows, columns); NaN where nobody drawn has a value."""
        with np.errstate(invalid="ignore"):
            return (draws @ self._sums.T) / (draws @ self._counts.T)[:, self._count_of]


class _Median:
    """Medians of one column over resampled users, exact, without writing the resamples out.

    Values are sorted and cut into blocks, small ones around the middle. Counts of users by block say in which block a
    resample's median lies; only that block is then counted value by value.
    """

    def __init__(self, column: _Column, users: int) -> None:
        order = np.argsort(column.values, kind="stable")
        self._values, self._user = column.values[order], column.user[order]
        parts = [1 / 2 - off for off in OFF_MIDDLE] + [1 / 2 + off for off in reversed(OFF_MIDDLE)]
        self._starts = (np.array(parts) * len(order)).astype(np.intp)
        blocks = len(parts) - 1
        block = np.searchsorted(self._starts[1:], np.arange(len(order)), side="right")
        cells = np.bincount(self._user * blocks + block, minlength=users * blocks)
        self._counts = cells.reshape(users, blocks).astype(np.float64)

    def of(self, draws: Floats) -> Floats:
        """Shape (rows, users) -> (rows,); NaN where nobody drawn has a value."""
        through = np.cumsum(draws @ self._counts, axis=1)  # (rows, blocks): values up to the end of each block
        medians = np.full(len(draws), np.nan)
        for row, total in enumerate(through[:, -1]):
            if total:
                middle = [self._nth(draws[row], through[row], n) for n in ((total - 1) // 2, total // 2)]
                medians[row] = sum(middle) / 2
        return medians

    def _nth(self, drawn: Floats, through: Floats, n: float) -> float:
        """The value at position `n` (from 0) of one sorted resample."""
        block = int(np.searchsorted(through, n, side="right"))
        start, end = self._starts[block], self._starts[block + 1]
        before = through[block - 1] if block else 0.0
        counts = np.cumsum(drawn[self._user[start:end]])
        return float(self._values[start + np.searchsorted(counts, n - before, side="right")])


class _CalibrationError:
    """The calibration error of a method over resampled users."""

    def __init__(self, stated: pl.DataFrame, users: int, bins: int) -> None:
        user, gaps = stated["user"].to_numpy(), stated["acc@1"] - stated["confidence"]
        cells = user * bins + bins_of(stated["confidence"], bins)
        self._gaps = np.bincount(cells, gaps, minlength=users * bins).reshape(users, bins)
        self._counts = np.bincount(user, minlength=users).astype(np.float64)
        self.users = int((self._counts > 0).sum())

    def of(self, draws: Floats) -> Floats:
        """Shape (rows, users) -> (rows,); NaN where nobody drawn states a probability."""
        gaps: Floats = np.abs(draws @ self._gaps).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return gaps / (draws @ self._counts)


def _user_numbers(user_ids: pl.Series) -> tuple[NDArray[np.intp], int]:
    """Users numbered from 0 in the order of their ids, and how many there are (at least 1)."""
    numbers = user_ids.rank("dense").to_numpy().astype(np.intp) - 1
    return numbers, int(numbers.max(initial=0)) + 1


def _by_example(scores: pl.DataFrame, methods: Sequence[str], metric: str) -> pl.DataFrame:
    """One row an example, in order: example, user_id, and `metric` of each method."""
    parts = {method: scores.filter(method=method).sort("example") for method in methods}
    for method, part in parts.items():
        if not len(part):
            raise GenRecError(f"no method {method!r} to compare; there are {', '.join(sorted(set(scores['method'])))}")
        if not part["example"].equals(parts[methods[0]]["example"]):
            raise GenRecError(f"methods {methods[0]!r} and {method!r} have different examples: nothing can be paired")
    first = next(iter(parts.values()), scores.clear())
    return first.select("example", USER, *(parts[method][metric].alias(method) for method in methods))


def _two_sided(resampled: Floats, users: int) -> float:
    """P-value of a difference from its resamples; twice the share on the rarer side of 0.

    One is added to both counts, so that it is never 0 (Davison and Hinkley, 1997, section 4.4).
    """
    if users < 2:
        return 1.0
    rarer = min((resampled <= 0).sum(), (resampled >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (np.isfinite(resampled).sum() + 1)))


def _mcnemar(differences: Floats) -> float:
    """Exact McNemar test (1947): are the examples that one method alone hits split evenly between the two."""
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
