"""Loads to replay: gaps with heavy tails as arXiv 2410.06145 found them, as people's days go, and in bursts."""

from math import gamma
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from scipy.optimize import brentq

from eval.serving.replay import Floats, Load
from genrec.errors import InputError
from genrec.validation import shortened

GAP_MEAN, GAP_SD = 1.25, 3.66  # seconds between requests of the busiest adapter
START_MEAN, START_SD = 3.24, 7.10  # seconds of a start
ZIPF: Final = 1.2
DAY: Final = 86400.0
MOST_DAYS: Final = 3660  # of a log
# Requests of an hour of the day, as check-ins come; any number of them, only their shares count.
HOURS: Final = (4, 2, 1, 1, 1, 2, 5, 10, 14, 12, 11, 13, 17, 15, 12, 11, 12, 15, 19, 20, 18, 15, 11, 7)


def weibull(mean: float, deviation: float) -> tuple[float, float]:
    """Shape and scale of the Weibull distribution with that mean and standard deviation."""
    wanted = (deviation / mean) ** 2 + 1

    def excess(shape: float) -> float:
        return gamma(1 + 2 / shape) / gamma(1 + 1 / shape) ** 2 - wanted

    shape = float(brentq(excess, 0.1, 20))
    return shape, mean / gamma(1 + 1 / shape)


def log_normal(mean: float, deviation: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the log-normal distribution with those of its own."""
    variance = np.log(1 + (deviation / mean) ** 2)
    return float(np.log(mean) - variance / 2), float(np.sqrt(variance))


def fitted(times: Floats, adapters: list[str], starts: Floats | None, seed: int, name: str) -> Load:
    """A load of requests that came; starts are drawn from those that were measured, or as the paper has them."""
    draw = np.random.default_rng(seed)
    numbers = {adapter: number for number, adapter in enumerate(dict.fromkeys(adapters))}
    order = np.argsort(times, kind="stable")
    which = np.array([numbers[adapter] for adapter in adapters], dtype=np.intp)[order]
    times = times[order]
    return Load(name, times, which, _starts(draw, len(times), starts), float(times[-1]))


def heavy_tails(adapters: int, seconds: float, seed: int, starts: Floats | None = None) -> Load:
    """Each adapter's gaps are Weibull with the paper's ratio of deviation to mean; the n-th is n^ZIPF times as rare."""
    draw = np.random.default_rng(seed)
    shape, scale = weibull(GAP_MEAN, GAP_SD)
    times = []
    for number in range(adapters):
        longer = 8 * (number + 1) ** ZIPF
        count = int(3 * seconds / (GAP_MEAN * longer)) + 50
        arrivals = np.cumsum(scale * longer * draw.weibull(shape, count))
        times.append(arrivals[arrivals < seconds])
    return _load("heavy tails", times, seconds, draw, starts)


def days(adapters: int, seconds: float, seed: int, starts: Floats | None = None) -> Load:
    """Cities in several time zones: a Poisson process whose rate follows the hours of the day there."""
    draw = np.random.default_rng(seed)
    rates = np.array(HOURS) / np.mean(HOURS)
    times = []
    for number in range(adapters):
        count = draw.poisson(seconds / (10 * (number + 1) ** ZIPF) * rates.max())
        arrivals = np.sort(draw.uniform(0, seconds, count))
        zone = draw.integers(24)
        rate = rates[((arrivals / 3600).astype(int) + zone) % 24]
        times.append(arrivals[draw.uniform(0, rates.max(), count) < rate])
    return _load("days", times, seconds, draw, starts)


def bursts(adapters: int, seconds: float, seed: int, starts: Floats | None = None) -> Load:
    """People who come, ask a dozen times some seconds apart, and go."""
    draw = np.random.default_rng(seed)
    times = []
    for number in range(adapters):
        visits = np.sort(draw.uniform(0, seconds, draw.poisson(seconds / (600 * (number + 1)))))
        asks = [visit + np.cumsum(draw.exponential(12, draw.geometric(1 / 12))) for visit in visits]
        arrivals = np.sort(np.concatenate(asks)) if asks else np.empty(0)
        times.append(arrivals[arrivals < seconds])
    return _load("bursts", times, seconds, draw, starts)


GENERATED: Final = (heavy_tails, days, bursts)


def read_log(path: Path) -> tuple[Floats, list[str]]:
    """Times in seconds and adapters of a CSV of requests with the columns `time` and `adapter`.

    Raises InputError that names the row.
    """
    try:
        frame = pl.read_csv(path, schema_overrides={"adapter": pl.String}, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"is not a CSV of requests: {shortened(str(error))}.", file=path) from None
    for column in ("time", "adapter"):
        if column not in frame.columns:
            raise InputError("is missing.", file=path, column=column, fix="Name the columns time and adapter.")
    times = frame["time"]
    if not times.dtype.is_numeric():
        parsed = times.cast(pl.String).str.to_datetime(strict=False, time_zone="UTC").dt.epoch("us") / 1e6
        times = times.cast(pl.Float64, strict=False).fill_null(parsed)
    bad = times.is_null() | times.cast(pl.Float64).is_infinite() | times.cast(pl.Float64).is_nan()
    if len(frame) < 2 or bad.any():
        row = int(bad.arg_max() or 0) + 2 if bad.any() else None
        what = "is not a time." if bad.any() else "holds fewer than two requests."
        raise InputError(what, file=path, row=row, column="time", fix="Give seconds, or 2024-03-05T08:00:00.")
    seconds = times.cast(pl.Float64).to_numpy()
    if (span := float(np.ptp(seconds)) / DAY) > MOST_DAYS:
        raise InputError(
            f"spans {span:,.0f} days, and at most {MOST_DAYS:,} are replayed.",
            file=path,
            column="time",
            fix="Give seconds, not milliseconds.",
        )
    if (nameless := frame["adapter"].is_null()).any():
        row = int(nameless.arg_max() or 0) + 2
        raise InputError("is empty.", file=path, row=row, column="adapter", fix="Say which adapter was asked for.")
    return seconds, frame["adapter"].to_list()


def _load(name: str, times: list[Floats], seconds: float, draw: np.random.Generator, starts: Floats | None) -> Load:
    whose = np.repeat(np.arange(len(times)), [len(own) for own in times])
    together = np.concatenate(times)
    order = np.argsort(together, kind="stable")
    return Load(name, together[order], whose[order], _starts(draw, len(order), starts), seconds)


def _starts(draw: np.random.Generator, count: int, measured: Floats | None) -> Floats:
    """Seconds of starts, of those that were measured or as the paper has them."""
    if measured is not None:
        return np.asarray(draw.choice(measured, count))
    return np.asarray(draw.lognormal(*log_normal(START_MEAN, START_SD), count))
