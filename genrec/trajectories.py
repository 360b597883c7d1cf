"""Trajectories, and the examples of the three evaluation splits.

Order, gaps and cuts follow the moments of the visits (`genrec.clock`), ties the order of the file; `as_of` and the
times of visits are local. Evidence as of a local time is what came before anybody's clock showed it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from genrec.checkins import Checkins
from genrec.clock import MOMENT, local_span, moments, rows_before
from genrec.columns import POI, TIME, USER
from genrec.errors import GenRecError

# GETNext (Yang et al., SIGIR 2022), section 5: check-ins less than 24 hours apart.
GAP_HOURS = 24.0

# Why a candidate is no example.
ONE_VISIT = "one-visit trajectory"
USER_UNSEEN = "user unseen in train"
POI_UNSEEN = "POI unseen in train"
NO_HISTORY = "no history before the evidence is frozen"

Visit = tuple[datetime, int]  # local time, POI index
Part = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class Example:
    """A visit to predict: evidence stops before `as_of`, the current trajectory goes on up to the visit."""

    user_id: str
    as_of: datetime
    prefix: tuple[Visit, ...]  # earlier visits of the current trajectory, in order
    target: int  # POI index
    time: datetime  # of the target, never before `as_of`


@dataclass(frozen=True)
class Split:
    """Examples in time order, and how many candidates were left out for each reason."""

    examples: tuple[Example, ...]
    excluded: dict[str, int]
    train_rows: int  # the first rows of the check-ins: all that training may see
    start: datetime  # the earliest local time of the period that the examples come from


def sessionise(frame: pl.DataFrame, gap: float = GAP_HOURS) -> pl.Series:
    """The trajectory of each row: a user's check-ins with less than `gap` hours from one to the next.

    `frame` is in order; trajectories are numbered from 0 by their first visit. Shape: (rows,).
    """
    starts = (pl.col(MOMENT).diff() >= timedelta(hours=gap)).fill_null(value=True)
    timed = frame.select(USER, moments(frame))
    rows = timed.select(USER, nth=starts.cum_sum().over(USER)).with_row_index("row")
    first_row = rows.select(pl.col("row").first().over(USER, "nth"))["row"]
    return (first_row.rank("dense") - 1).cast(pl.UInt32).alias("trajectory")


def steps(frame: pl.DataFrame) -> pl.DataFrame:
    """Each visit with a next one in its trajectory, in order: `user_id`, `poi`, and the POI `after` it."""
    following = pl.col(POI, MOMENT).shift(-1).over(USER)
    pairs = frame.select(USER, POI, moments(frame)).with_columns(following.name.suffix("_after"))
    near = pl.col(f"{MOMENT}_after") - pl.col(MOMENT) < timedelta(hours=GAP_HOURS)
    return pairs.filter(near).select(USER, POI, pl.col(f"{POI}_after").alias("after"))


def since(visits: Sequence[Visit], as_of: datetime) -> Sequence[Visit]:
    """The visits of a trajectory that evidence as of a local time does not hold: from the first at that time on."""
    first = next((i for i, (time, _) in enumerate(visits) if time >= as_of), len(visits))
    return visits[first:]


def llm4poi(checkins: Checkins, part: Part = "test", gap: float = GAP_HOURS) -> Split:
    """The last visit of each of the part's trajectories of two visits or more, user and POI known from train.

    Check-ins are cut 80/10/10 by time, trajectories within each part; evidence is frozen at the start of the
    part. Source: GETNext (SIGIR 2022), LLM4POI (SIGIR 2024), GenUP. Raises GenRecError if the part is empty.
    """
    train_rows, first, end = _tenths(checkins, part)
    train, period = checkins.frame[:train_rows], checkins.frame[first:end]
    start = _start(checkins, first, end)
    users, pois = set(train[USER].unique().to_list()), set(train[POI].unique().to_list())

    def reason(example: Example) -> str | None:
        if not example.prefix:
            return ONE_VISIT
        if example.user_id not in users:
            return USER_UNSEEN
        return None if example.target in pois else POI_UNSEEN

    examples = _examples(period, sessionise(period, gap), [start], last_only=True)
    return _split(examples, reason, train_rows, start)


def all_visits(checkins: Checkins, part: Part = "test", gap: float = GAP_HOURS) -> Split:
    """Every visit of the part (the same 80/10/10 cut), evidence frozen at its start; nothing is left out.

    A trajectory that began before the part keeps its earlier visits as prefix: they are past by then.
    """
    train_rows, first, end = _tenths(checkins, part)
    start = _start(checkins, first, end)
    frame = checkins.frame[:end]
    examples = _examples(frame, sessionise(frame, gap), [start], first_row=first)
    return _split(examples, _keep, train_rows, start)


def rolling(checkins: Checkins, every: int = 7, gap: float = GAP_HOURS) -> Split:
    """Every visit after the first half of the check-ins, evidence refreshed every `every` days from then on."""
    if every < 1:
        raise GenRecError(f"evidence cannot be refreshed every {every} days; give 1 or more")
    frame = checkins.frame
    first = (len(frame) + 1) // 2
    start = _start(checkins, first, len(frame))
    days = (local_span(frame)[1] - start).days
    cutoffs = [start + timedelta(days=day) for day in range(0, days + 1, every)]
    return _split(_examples(frame, sessionise(frame, gap), cutoffs, first_row=first), _keep, first, start)


def first_weeks(checkins: Checkins, known_days: int, days: int, gap: float = GAP_HOURS) -> Split:
    """Every visit of `days` days after the first `known_days`, where evidence is frozen; nothing is left out."""
    frame = checkins.frame
    start = local_span(frame)[0] + timedelta(days=known_days)
    first, end = rows_before(frame, start), rows_before(frame, start + timedelta(days=days))
    frame = frame[:end]
    return _split(_examples(frame, sessionise(frame, gap), [start], first_row=first), _keep, first, start)


def training(
    checkins: Checkins, rows: int, cutoffs: Collection[datetime], *, last_only: bool = False, gap: float = GAP_HOURS
) -> Split:
    """Examples within the first `rows` check-ins, each with the latest of `cutoffs` at or before it.

    Every visit from the first cutoff on is a candidate, or the last of each trajectory with `last_only`. One
    whose user has no check-in before its cutoff has nothing to go by: it is left out and counted.
    """
    cutoffs = sorted(cutoffs)
    if not cutoffs or rows < 1:
        raise GenRecError("training examples need check-ins and at least one moment at which evidence is frozen")
    frame = checkins.frame[:rows]
    first_rows = dict(frame.with_row_index("row").group_by(USER).agg(pl.col("row").min()).iter_rows())
    known = {cutoff: rows_before(frame, cutoff) for cutoff in cutoffs}

    def reason(example: Example) -> str | None:
        return None if first_rows[example.user_id] < known[example.as_of] else NO_HISTORY

    first = known[cutoffs[0]]
    examples = _examples(frame, sessionise(frame, gap), cutoffs, first_row=first, last_only=last_only)
    return _split(examples, reason, rows, cutoffs[0])


def _tenths(checkins: Checkins, part: Part) -> tuple[int, int, int]:
    """Row counts: of train, and where the part begins and ends."""
    count = len(checkins.frame)
    train, validation = count * 8 // 10, count * 9 // 10
    return (train, train, validation) if part == "validation" else (train, validation, count)


def _start(checkins: Checkins, first: int, end: int) -> datetime:
    """The earliest local time of the period, rows `first` to `end`: no visit of it is before, on its own clock."""
    if not 0 < first < end:
        raise GenRecError(f"{len(checkins.frame)} check-ins are too few to split; give at least 10")
    return local_span(checkins.frame[first:end])[0]


def _examples(
    frame: pl.DataFrame,
    trajectories: pl.Series,
    cutoffs: Sequence[datetime],
    *,
    first_row: int = 0,
    last_only: bool = False,
) -> list[Example]:
    """Examples of the rows from `first_row` on whose clock shows the first of the `cutoffs`, which ascend, or later."""
    last_row = dict(zip(trajectories, range(len(frame)), strict=True))
    visits: dict[int, list[Visit]] = defaultdict(list)
    examples = []
    rows = zip(frame[USER], frame[POI], frame[TIME], trajectories, strict=True)
    for row, (user, poi, time, trajectory) in enumerate(rows):
        if row >= first_row and time >= cutoffs[0] and (not last_only or last_row[trajectory] == row):
            as_of = cutoffs[bisect_right(cutoffs, time) - 1]
            examples.append(Example(user, as_of, tuple(visits[trajectory]), poi, time))
        visits[trajectory].append((time, poi))
    return examples


def _keep(_: Example) -> str | None:
    return None


def _split(
    candidates: list[Example], reason: Callable[[Example], str | None], train_rows: int, start: datetime
) -> Split:
    """Keep the candidates without a reason against them, count the others."""
    reasons = [reason(example) for example in candidates]
    examples = tuple(example for example, why in zip(candidates, reasons, strict=True) if why is None)
    return Split(examples, dict(Counter(why for why in reasons if why)), train_rows, start)
