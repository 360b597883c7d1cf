"""Leakage: proves that nothing a run used knows the moment it was asked about, or later ones.

Everything is computed anew from the check-ins of the run folder, and compared with what the run says it used. Not
provable from a run folder: what a language model or an adapter saw in its training, and that the rankings are what
the methods answered.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eval.run import PROFILES
from eval.run_files import read_tables
from genrec.clock import MOMENT, moments, rows_before
from genrec.columns import CATEGORY, POI, TIME, USER
from genrec.evidence import Evidence
from genrec.fingerprint import fingerprint
from genrec.habit_models import as_kept
from genrec.habits import city_habits, habits_of
from genrec.profiles.faithfulness import check, supported
from genrec.profiles.profile import profile_lines
from genrec.rankers.habit_weights import FitData
from genrec.trajectories import GAP_HOURS, Visit, sessionise

# What a leak would change; shares and distances follow from it, up to the last digit of a processor.
COUNTED = {"checkins", "places", "transitions", "recent"}
CITY_TABLES = ("visits", "users", "category_hours")


@dataclass(frozen=True)
class Check:
    """One check of an audit: what was looked at, how many times, and each leak in one line."""

    name: str
    checked: int
    leaks: list[str]


def audit(run: Path) -> list[Check]:
    """All checks of a run folder (eval.run). Raises InputError if it is not a finished one."""
    folder = _Run(run)
    return [
        _check("the check-ins are those of the run", 1, folder.check_ins_changed()),
        _check("every method ranked every example once", len(folder.methods), folder.incomplete()),
        _check("trajectories hold only visits before the target", len(folder.examples), folder.prefixes()),
        _check("evidence ends before its moment, and that before the visit", len(folder.used), folder.evidence()),
        _check("profiles shown are of the example's moment or before", len(folder.shown), folder.late_profiles()),
        _check("profiles given rest on check-ins before their moment", len(folder.profiles), folder.profile_contents()),
        _check("weights were fitted before the first moment", len(folder.fits), folder.fitted()),
        _check("training ended before the first moment", len(folder.trainings) + 1, folder.trained()),
    ]


def _check(name: str, checked: int, leaks: Iterator[str]) -> Check:
    return Check(name, checked, list(leaks))


class _Run:
    """What a run folder holds."""

    def __init__(self, folder: Path) -> None:
        self.config, self.checkins, self.examples, self.rankings = read_tables(folder)
        # Unlike in other files of profiles, a user may have several.
        path = folder / PROFILES
        self.profiles = [profile for _, profile in profile_lines(path)] if path.exists() else []
        self.methods: dict[str, dict[str, Any]] = self.config["methods"]
        self.first: datetime = self.examples["as_of"].min()  # type: ignore[assignment]

    @cached_property
    def used(self) -> pl.DataFrame:
        """What each ranking rests on, once for all that are alike."""
        moments = self.examples.select("example", "as_of")
        columns = ["method", "as_of", "evidence", "profile_user", "profile_as_of"]
        return self.rankings.join(moments, on="example").select(columns).unique(maintain_order=True)

    @cached_property
    def shown(self) -> pl.DataFrame:
        """Those of `used` that show a profile."""
        return self.used.filter(pl.col("profile_as_of").is_not_null())

    @cached_property
    def fits(self) -> list[tuple[str, FitData]]:
        """Methods with fitted weights, and each set of check-ins that they were fitted on."""
        return [(name, FitData(**data)) for name, settings in self.methods.items() for data in settings.get("data", [])]

    @cached_property
    def trainings(self) -> list[tuple[str, dict[str, Any]]]:
        """Methods that were trained on check-ins of the run, and on which."""
        return [(name, settings["trained_on"]) for name, settings in self.methods.items() if "trained_on" in settings]

    def check_ins_changed(self) -> Iterator[str]:
        if fingerprint(self.checkins) != self.config["kept"]["sha256"]:
            yield "the check-ins in the run folder are not the ones that config.json names: nothing is proven"

    def incomplete(self) -> Iterator[str]:
        expected = list(range(self.config["examples"]))
        if self.examples["example"].to_list() != expected:
            yield f"examples.parquet does not hold the {len(expected)} examples of config.json"
        answered: dict[str, list[int]] = dict(self.rankings.group_by("method").agg("example").iter_rows())
        for method in self.methods.keys() | answered.keys():
            if sorted(answered.get(method, [])) != expected:
                yield f"{method}: {len(answered.get(method, []))} rankings for {len(expected)} examples"

    def prefixes(self) -> Iterator[str]:
        """The prefix must be the visits just before the target, in their order, without a gap of a day."""
        visits: dict[str, list[Visit]] = defaultdict(list)
        trajectories: dict[str, list[int]] = defaultdict(list)
        frame = self.checkins.frame
        for user, time, poi, trajectory in frame.select(USER, TIME, POI, sessionise(frame)).iter_rows():
            visits[user].append((time, poi))
            trajectories[user].append(trajectory)
        for row in self.examples.iter_rows(named=True):
            target = row["time"], row["target"]
            prefix = [(visit["time"], visit["poi"]) for visit in row["prefix"]]
            own, numbers = visits[row["user_id"]], trajectories[row["user_id"]]
            spans = [(max(i - len(prefix), 0), i) for i, visit in enumerate(own) if visit == target]
            matching = [(first, end) for first, end in spans if own[first:end] == prefix]
            if not spans:
                yield f"example {row['example']}: no such check-in"
            elif not matching:
                late = [visit for visit in prefix if visit == target or visit[0] > row["time"]]
                what = "the target or later visits" if late else "other visits than those just before the target"
                yield f"example {row['example']}: the trajectory so far holds {what}"
            elif all(numbers[first] != numbers[end] for first, end in matching):
                yield f"example {row['example']}: the trajectory so far has a gap of {GAP_HOURS:g} hours"

    def evidence(self) -> Iterator[str]:
        late = self.examples.filter(pl.col("as_of") > pl.col("time"))
        for number, as_of, time in late.select("example", "as_of", "time").iter_rows():
            yield f"example {number}: evidence as of {as_of}, after the visit at {time}"
        for as_of, group in self.used.group_by("as_of", maintain_order=True):
            past = Evidence(self.checkins, as_of[0])
            for method, used in group.select("method", "evidence").unique(maintain_order=True).iter_rows():
                if used != past.fingerprint:
                    yield f"{method}: its evidence as of {as_of[0]} is not the check-ins before that moment"
            everybody = city_habits(self.checkins, past.as_of)
            if not all(np.array_equal(getattr(everybody, name), getattr(past.city, name)) for name in CITY_TABLES):
                yield f"the habits of all users as of {as_of[0]} change with later check-ins"

    def late_profiles(self) -> Iterator[str]:
        given = {(profile.user_id, profile.as_of) for profile in self.profiles}
        for method, as_of, _, user, moment in self.shown.iter_rows():
            if moment > as_of:
                yield f"{method}: shows a profile of {user!r} as of {moment} at {as_of}"
            elif moment != as_of and (user, moment) not in given:
                yield f"{method}: shows a profile of {user!r} as of {moment} that nobody gave"

    def profile_contents(self) -> Iterator[str]:
        """Counts must be those of the check-ins before; sentences must not need later ones to be true."""
        vocabulary = self.checkins.pois[CATEGORY].unique().sort().to_list()
        for profile in self.profiles:
            whose = f"profile of {profile.user_id!r} as of {profile.as_of}"
            early = as_kept(habits_of(self.checkins, profile.user_id, profile.as_of), profile.habits)
            late = habits_of(self.checkins, profile.user_id)
            if profile.habits.model_dump(include=COUNTED) != early.model_dump(include=COUNTED):
                yield f"{whose}: its habits are not those of the check-ins before"
            for statement in profile.statements():
                backed = [supported(check(statement.text, habits, vocabulary)) for habits in (early, late)]
                if backed == [False, True]:
                    yield f"{whose}: only later check-ins support {statement.text!r}"

    def fitted(self) -> Iterator[str]:
        same = {self.config["data"]["sha256"], self.config["kept"]["sha256"]}
        for method, data in self.fits:
            if data.sha256 in same and data.last >= self.first:
                yield f"{method}: fitted on these check-ins up to {data.last}, asked about from {self.first} on"

    def trained(self) -> Iterator[str]:
        frame, rows = self.checkins.frame, self.config["train_rows"]
        order = moments(frame)
        visits = self.examples.select(USER, TIME, pl.col("target").cast(frame[POI].dtype).alias(POI))
        asked = frame.with_columns(order).join(visits, on=[USER, TIME, POI], how="semi")[MOMENT]
        if (asked < order[rows - 1]).any():
            yield f"the train part ends on {frame[rows - 1, TIME]}, asked about from {self.first} on"
        for method, trained in self.trainings:
            seen = replace(self.checkins, frame=frame[: trained["check_ins"]])
            allowed = rows_before(frame, self.first)
            if datetime.fromisoformat(trained["last"]) >= self.first or trained["check_ins"] > allowed:
                yield f"{method}: trained on check-ins up to {trained['last']}, asked about from {self.first} on"
            elif fingerprint(seen) != trained["sha256"]:
                yield f"{method}: was not trained on the first {trained['check_ins']} check-ins, as it says"
