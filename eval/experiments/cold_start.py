"""How accuracy grows with a user's history: the same visits, ranked after the user's last 0, 1, 3 ... check-ins.

Few data have newcomers enough, so they are made: a sample of users who have more is cut back to each length, all of
them at once, as if they had come to the city just then. Everybody else's check-ins stay. The real newcomers, those
with too few check-ins to be cut back, are ranked beside them.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.experiments import cold_more, cold_report
from eval.experiments.cold_report import HISTORY
from eval.experiments.experiment import OVERVIEW, Outcome, Row, differences, examine, failures, settings_of
from eval.methods.method import Method
from eval.protocol import Cases, examples_frame
from eval.report.findings import pairs
from eval.run import Progress
from genrec.checkins import Checkins
from genrec.clock import before, rows_before
from genrec.columns import USER
from genrec.errors import GenRecError
from genrec.fingerprint import fingerprint
from genrec.trajectories import Visit, since

LENGTHS: Final = (0, 1, 3, 5, 10, 20)
REAL = "newcomers"
TOO_FEW = f"user with fewer than {max(LENGTHS)} earlier check-ins"
NOT_SAMPLED = "user not in the sample"
ENOUGH = f"user with at least {max(LENGTHS)} earlier check-ins"

MethodsFor = Callable[[Cases], Sequence[Method]]


def default_methods(*, adapted: bool) -> tuple[str, ...]:
    """The names of the methods that are examined unless others are named."""
    return ("popularity", "most-frequent", "habits", "fusion", "llm:full-adapted" if adapted else "llm:full")


@dataclass(frozen=True)
class Newcomers:
    """The visits to predict.

    Attributes:
        asked: those of the users whose history is cut, before it is.
        users: these users.
        as_of: when the evidence is frozen.
        share: of all check-ins before `as_of`, made by these users.
        real: visits of users who have fewer than max(LENGTHS) earlier check-ins; None if there are none.

    """

    asked: Cases
    users: frozenset[str]
    as_of: datetime
    share: float
    real: Cases | None


def newcomers(asked: Cases, *, users: int, limit: int | None, seed: int) -> Newcomers:
    """Sample users with at least max(LENGTHS) earlier check-ins, and up to `limit` of their examples.

    Raises GenRecError if the evidence of the examples is not frozen at one moment, or if nobody has so many.
    """
    moments = {example.as_of for example in asked.examples}
    if len(moments) > 1:
        raise GenRecError("histories can be cut only where evidence is frozen once: take llm4poi or all-visits")
    [as_of] = moments
    long = asked.frame.filter(pl.col("history") >= max(LENGTHS))
    veterans = sorted(long[USER].unique())
    if not veterans:
        raise GenRecError(f"nobody in the test part has {max(LENGTHS)} check-ins before it, from which to cut back")
    draw = random.Random(seed)
    sample = frozenset(draw.sample(veterans, min(users, len(veterans))))
    drawn = pl.col(USER).is_in(list(sample))
    mine, short = asked.frame.filter(drawn)["example"], asked.frame.filter(pl.col("history") < max(LENGTHS))["example"]
    excluded = {TOO_FEW: len(short), NOT_SAMPLED: len(long) - len(mine)}
    past = before(asked.checkins.frame, as_of)
    asked = replace(asked, settings=asked.settings | {"limit": limit, "sample_seed": seed})
    cut = _part(asked, mine, limit, draw, excluded)
    cut = replace(cut, settings=cut.settings | {"sampled_users": len(sample)})
    real = _part(asked, short, limit, draw, {ENOUGH: len(long)}) if len(short) else None
    return Newcomers(cut, sample, as_of, len(past.filter(drawn)) / len(past), real)


def _part(
    asked: Cases, numbers: pl.Series, limit: int | None, draw: random.Random, excluded: Mapping[str, int]
) -> Cases:
    """Some of the examples, at most `limit`; the others are counted as `excluded`."""
    chosen = sorted(draw.sample(numbers.to_list(), min(limit or len(numbers), len(numbers))))
    examples = tuple(asked.examples[i] for i in chosen)
    return replace(
        asked,
        examples=examples,
        frame=examples_frame(asked.checkins, examples),
        excluded=asked.excluded | {reason: count for reason, count in excluded.items() if count},
        sampled_from=len(numbers) if len(chosen) < len(numbers) else None,
    )


def after(sample: Newcomers, length: int) -> Cases:
    """The cases as if the sample's users had made only their last `length` check-ins before the evidence is frozen."""
    asked, frame = sample.asked, sample.asked.checkins.frame
    past = pl.col("row") < rows_before(frame, sample.as_of)
    latest = past.cast(pl.UInt32).cum_sum(reverse=True).over(USER) <= length
    kept = frame.with_row_index("row").select(~past | ~pl.col(USER).is_in(list(sample.users)) | latest).to_series()
    train_rows = int(kept[: asked.train_rows].sum())
    if not train_rows:
        raise GenRecError("the sample's users are everybody in the train part: nobody's check-ins are left; cut fewer")
    checkins = replace(asked.checkins, frame=frame.filter(kept))
    examples = tuple(replace(example, prefix=_cut(example.prefix, sample.as_of, length)) for example in asked.examples)
    size = {"sha256": fingerprint(checkins), "check_ins": len(checkins.frame)}
    return replace(
        asked,
        checkins=checkins,
        examples=examples,
        frame=examples_frame(checkins, examples),
        train_rows=train_rows,
        settings=asked.settings | {HISTORY: length, "kept": asked.settings["kept"] | size},
        warnings=[
            *asked.warnings,
            f"Made cold: of {len(sample.users):,} users, only the last {length} check-ins before {sample.as_of} are "
            f"known. With all, they made {sample.share:.0%} of the check-ins until then.",
        ],
    )


def cold_start(
    sample: Newcomers,
    methods_for: MethodsFor,
    out: Path,
    *,
    name: str,
    progress: Progress,
    whole: Checkins,
    home: Checkins | None = None,
    city_methods_for: MethodsFor | None = None,
) -> Outcome:
    """Run the methods after each length of history, at new places and in a new city, and write the overview.

    Each run has a folder of its own. `whole`: all check-ins. In the new city: `home`, another city for what is trained;
    `city_methods_for`, its methods, if they are others.
    """
    overall: list[Row] = []
    compared: list[Row] = []
    failed: list[Row] = []
    for length in LENGTHS:
        asked = after(sample, length)
        metrics = examine(
            asked,
            methods_for(asked),
            folder_of(out, length),
            name=name,
            progress=_named(progress, f"{length} earlier"),
        )
        known = {HISTORY: length}
        overall += [known | row for row in metrics["overall"]]
        compared += [known | row for row in differences(folder_of(out, length), pairs(_methods(metrics)))]
        failed += [known | row for row in failures(metrics)]
    groups: list[Row] = []
    if sample.real:
        called = _named(progress, REAL)
        metrics = examine(sample.real, methods_for(sample.real), out / REAL, name=name, progress=called)
        groups = [row for row in metrics["slices"] if row["slicing"] == "cold" and row["users"] > 1]
        failed += [{HISTORY: REAL} | row for row in failures(metrics)]
    more = cold_more.cold_places(whole, methods_for, out, name=name, progress=_named(progress, "cold places"))
    more |= cold_more.cold_city(
        whole, home, city_methods_for or methods_for, out, name=name, progress=_named(progress, "cold city")
    )
    settings = _settings(sample, folder_of(out, LENGTHS[-1]))
    outcome = Outcome("cold-start", settings, [cold_report.verdict(overall)], overall, compared, failed, groups, more)
    cold_report.write(out, outcome)
    return outcome


def contents() -> set[str]:
    """What the folder of the preset holds."""
    return {*OVERVIEW, REAL, *cold_more.FOLDERS, *(folder_of(Path(), length).name for length in LENGTHS)}


def folder_of(out: Path, length: int) -> Path:
    """The run after one length of history."""
    return out / f"history-{length}"


def _named(progress: Progress, which: str) -> Progress:
    """Say which of the runs a method is in."""
    return lambda method, done, total: progress(f"{method}, {which}", done, total)


def _methods(metrics: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in metrics["overall"]))


def _cut(prefix: Sequence[Visit], as_of: datetime, length: int) -> tuple[Visit, ...]:
    """The trajectory so far: of its visits before `as_of`, which are the user's latest, those that are known."""
    early = len(prefix) - len(since(prefix, as_of))
    return tuple(prefix[max(early - length, 0) :])


def _settings(sample: Newcomers, folder: Path) -> dict[str, Any]:
    """What the runs have in common."""
    settings = settings_of(folder) | {"warnings": sample.asked.warnings, "train_rows": sample.asked.train_rows}
    del settings["kept"], settings[HISTORY]
    return settings | {"histories": list(LENGTHS), "share_of_past_check_ins": sample.share}
