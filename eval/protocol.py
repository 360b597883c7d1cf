"""What is asked: the examples of a split, the same for every method, and an account of all that is left out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import polars as pl

from genrec.checkins import Checkins
from genrec.clock import rows_before
from genrec.columns import POI, USER
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.filters import PRESETS, PresetName, frequent
from genrec.fingerprint import fingerprint
from genrec.prepared import catalogue_hash
from genrec.rankers.ranker import Query
from genrec.trajectories import Example, Part, Split, all_visits, llm4poi, rolling, sessionise

FrozenSplit = Literal["llm4poi", "all-visits"]  # all evidence is as of the start of the test period
SplitName = Literal[FrozenSplit, "rolling"]
TimeKnown = Literal["given", "unknown"]  # whether methods are told the time of the visit

REFRESH_DAYS = 7


SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "example": pl.UInt32,
    "user_id": pl.String,
    "as_of": pl.Datetime("us"),
    "time": pl.Datetime("us"),
    "target": pl.UInt32,
    "history": pl.UInt32,
    "user_trajectories": pl.UInt32,
    "length": pl.UInt32,
    "last": pl.UInt32,
    "repeat": pl.Boolean,
    "poi_seen": pl.Boolean,
    "prefix": pl.List(pl.Struct({"time": pl.Datetime("us"), "poi": pl.UInt32})),
}


@dataclass(frozen=True, eq=False)
class Cases:
    """The examples of a run, and where they come from.

    Attributes:
        checkins: the check-ins, after the preset's filters.
        examples: in time order.
        frame: one row an example, columns as in `SCHEMA`; see `examples_frame`.
        excluded: candidates that are not examples, by reason.
        sampled_from: how many examples a limit drew these from; None if these are all.
        warnings: what a reader of the results must know, one line each.
        train_rows: the first rows of the check-ins: all that a trained method may see.
        timed: whether methods are told the time of the visit.
        settings: what was asked for, and of which data, in plain types.
        home: another city, in which trained methods learn instead of in the train part; None: they learn here.

    """

    checkins: Checkins
    examples: tuple[Example, ...]
    frame: pl.DataFrame
    excluded: dict[str, int]
    sampled_from: int | None
    warnings: list[str]
    train_rows: int
    timed: bool
    settings: dict[str, Any]
    home: Checkins | None = None

    def at(self, example: Example) -> datetime | None:
        """The time of the visit, as far as methods are told."""
        return example.time if self.timed else None

    def query(self, number: int) -> Query:
        """What an example asks, without its answer."""
        example = self.examples[number]
        return Query(example.user_id, self.at(example), example.prefix)

    def description(self) -> dict[str, Any]:
        """All that config.json says of the examples, in plain types."""
        return self.settings | {
            "train_rows": self.train_rows,
            "examples": len(self.examples),
            "sampled_from": self.sampled_from,
            "excluded": dict(sorted(self.excluded.items())),
            "warnings": self.warnings,
        }


def cases(
    checkins: Checkins,
    split: SplitName = "llm4poi",
    *,
    part: Part = "test",
    preset: PresetName | None = None,
    refresh_days: int = REFRESH_DAYS,
    timed: bool = True,
    limit: int | None = None,
    seed: int = 0,
) -> Cases:
    """The examples of a split (genrec.trajectories), after a preset's filters, or a seeded sample of `limit` of them.

    Raises GenRecError if nothing is left, or if arguments contradict each other.
    """
    if preset and split != "llm4poi":
        raise GenRecError(f"--preset {preset} means the split llm4poi; leave out --split {split}")
    if split == "rolling" and part != "test":
        raise GenRecError("the split rolling has no validation part; take llm4poi or all-visits")
    kept = frequent(checkins, PRESETS[preset].rounds) if preset else checkins
    parts = _split(kept, split, part, refresh_days)
    examples, sampled_from = parts.examples, None
    if not examples:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in parts.excluded.items())
        other = "; --split all-visits or rolling may have some" if split == "llm4poi" and not preset else ""
        raise GenRecError(f"the split {split} has no examples here; left out: {reasons or 'nothing'}{other}")
    if limit is not None and limit < len(examples):
        sampled_from = len(examples)
        chosen = sorted(random.Random(seed).sample(range(len(examples)), limit))
        examples = tuple(examples[i] for i in chosen)
    return Cases(
        checkins=kept,
        examples=examples,
        frame=examples_frame(kept, examples),
        excluded=parts.excluded,
        sampled_from=sampled_from,
        warnings=_warnings(preset, len(parts.examples)),
        train_rows=parts.train_rows,
        timed=timed,
        settings={
            "data": _data(checkins),
            "kept": _data(kept),
            "split": split,
            "part": part,
            "preset": preset,
            "refresh_days": refresh_days if split == "rolling" else None,
            "time": "given" if timed else "unknown",
            "start": parts.start.isoformat(),
            "limit": limit,
            "sample_seed": seed,
        },
    )


@lru_cache(maxsize=1)
def evidence_at(cases: Cases, as_of: datetime) -> Evidence:
    """The evidence as of a moment. Only the last one is kept: ask in the order of the moments."""
    return Evidence(cases.checkins, as_of)


def examples_frame(checkins: Checkins, examples: Sequence[Example]) -> pl.DataFrame:
    """One row an example, in order.

    `history` and `user_trajectories`: the user's check-ins and trajectories before `as_of`. `length`: visits of the
    current trajectory, the target included. `last`: the POI where the user was last seen. `repeat`: the user has
    been to the target, in the evidence or the prefix. `poi_seen`: anybody has, before `as_of`.
    """
    users = _histories(checkins.frame)
    first_visits = dict(checkins.frame.with_row_index("row").group_by(POI).agg(pl.col("row").min()).iter_rows())
    past = {moment: rows_before(checkins.frame, moment) for moment in {example.as_of for example in examples}}
    rows = []
    for number, example in enumerate(examples):
        own, pois, trajectories = users[example.user_id]
        earlier = int(np.searchsorted(own, past[example.as_of]))
        visited = [poi for _, poi in example.prefix]
        before = visited or pois[:earlier].tolist()
        rows.append(
            (
                number,
                example.user_id,
                example.as_of,
                example.time,
                example.target,
                earlier,
                int(trajectories[earlier - 1]) if earlier else 0,
                len(visited) + 1,
                before[-1] if before else None,
                example.target in visited or bool((pois[:earlier] == example.target).any()),
                first_visits[example.target] < past[example.as_of],
                [{"time": time, "poi": poi} for time, poi in example.prefix],
            )
        )
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _histories(frame: pl.DataFrame) -> dict[str, tuple[np.ndarray[Any, Any], ...]]:
    """Rows, POIs, and the running number of the trajectory of each user's check-ins."""
    rows = frame.select(USER, POI, sessionise(frame)).with_row_index("row")
    groups = rows.group_by(USER).agg("row", POI, pl.col("trajectory").rle_id() + 1)
    return {user: tuple(np.array(column) for column in columns) for user, *columns in groups.iter_rows()}


def _split(checkins: Checkins, split: SplitName, part: Part, refresh_days: int) -> Split:
    if split == "rolling":
        return rolling(checkins, refresh_days)
    return llm4poi(checkins, part) if split == "llm4poi" else all_visits(checkins, part)


def _warnings(preset: PresetName | None, size: int) -> list[str]:
    """Whether this is the paper's test set, as far as its size tells."""
    expected = PRESETS[preset].test_size if preset else None
    if expected is None or size == expected:
        return []
    return [
        f"{preset}: {size:,} test examples, but GenUP has {expected:,}: results are not comparable with the paper's"
    ]


def _data(checkins: Checkins) -> dict[str, Any]:
    """Which data these are; nothing of them."""
    return {
        "sha256": fingerprint(checkins),
        "catalogue": catalogue_hash(checkins.pois),
        "check_ins": len(checkins.frame),
        "users": checkins.frame[USER].n_unique(),
        "pois": len(checkins.pois),
    }
