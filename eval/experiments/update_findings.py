"""What the experiment on updates shows: differences between ways to learn what came, with intervals over seeds.

Each finding of arXiv 2308.04014 that can be tried here is a difference whose sign the paper foretells. Differences are
paired: of the same seed, that is, of the same first training and the same visits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import t

from eval.experiments.update_runs import (
    AGAIN,
    BEFORE,
    CONSTANT,
    NO_REPLAY,
    REWARMED,
    SCRATCH,
    WARM_UPS,
)
from eval.experiments.update_stages import STAGES
from eval.report.tables import Cell, Table

Verdict = Literal["confirmed", "contradicted", "undecided"]
LITTLE = 0.05  # a difference in loss (nats a visit) that matters little
QUARTER = 0.25  # of the time of training from scratch
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """The mean over seeds of a difference, with its 95% interval (Student's); None from a single seed."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Difference":
        """Of one value a seed."""
        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(mean, None, None)
        half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
        return cls(mean, mean - half, mean + half)

    def foretold(self, *, below: bool) -> Verdict:
        """Whether it is on the side of zero where it is said to be."""
        if self.low is None or self.high is None:
            return "undecided"
        sure = (self.high < 0, self.low > 0)
        if not any(sure):
            return "undecided"
        return "confirmed" if sure[0] == below else "contradicted"

    def little(self) -> Verdict:
        """Whether it surely matters little."""
        if self.low is None or self.high is None:
            return "undecided"
        if self.low > -LITTLE and self.high < LITTLE:
            return "confirmed"
        return "contradicted" if self.low > LITTLE or self.high < -LITTLE else "undecided"

    def cell(self) -> Cell:
        """In digits."""
        span = "" if self.low is None else f"{self.low:+.3f} to {self.high:+.3f}"
        return Cell(f"{self.value:+.3f}", span)


@dataclass(frozen=True)
class Claim:
    """A finding: how an arm differs from another in the loss of a period, after the same stage.

    `below`: whether the paper says that it is lower; None: that it hardly differs.
    """

    says: str
    arm: str
    other: str
    period: str
    stage: int = STAGES
    below: bool | None = True


MEASURES = ("loss", "acc@1", "acc@10")
LAST, OLD = f"stage {STAGES}", "before"
CLAIMS = (
    Claim("an update ranks the new month better than none", REWARMED, BEFORE, LAST),
    Claim("and the month after it", REWARMED, BEFORE, "next"),
    Claim("re-warmed, the new month is learned better than at a constant low rate", REWARMED, CONSTANT, LAST),
    Claim("re-warmed, no worse than from scratch on all data: the new month", REWARMED, SCRATCH, LAST),
    Claim("re-warmed, no worse than from scratch on all data: the month after it", REWARMED, SCRATCH, "next"),
    Claim("re-warming costs some of what was known of earlier months", REWARMED, BEFORE, OLD, below=False),
    Claim("more of it than a constant low rate", REWARMED, CONSTANT, OLD, below=False),
    *(
        Claim(f"the length of the warm-up matters little: {name}", name, REWARMED, "stage 1", stage=1, below=None)
        for name in WARM_UPS.values()
    ),
    Claim("re-warming on the same data hurts", AGAIN[0], BEFORE, OLD, stage=1, below=False),
    Claim("more than going on at a constant low rate", AGAIN[0], AGAIN[1], OLD, stage=1, below=False),
    Claim("replaying 5% of the old keeps more of earlier months", REWARMED, NO_REPLAY, OLD),
    Claim("at no cost for the new month", REWARMED, NO_REPLAY, LAST, below=None),
)


def findings(rows: Sequence[Row], costs: Mapping[int, Mapping[str, float]]) -> list[dict[str, Any]]:
    """What is confirmed, contradicted and undecided, for each kind of model."""
    found: list[dict[str, Any]] = []
    models = list(dict.fromkeys(row["model"] for row in rows))
    for model in models:
        tried = {row["arm"] for row in rows if row["model"] == model}
        for claim in CLAIMS:
            if not {claim.arm, claim.other} <= tried:
                continue
            measured = {name: _difference(rows, model, claim, name) for name in measures(rows, model)}
            loss = measured["loss"]
            verdict = loss.little() if claim.below is None else loss.foretold(below=claim.below)
            about = {"period": claim.period, "stage": claim.stage, "arm": claim.arm, "against": claim.other}
            differences = {name: vars(difference) for name, difference in measured.items()}
            found.append({"model": model, "says": claim.says, "verdict": verdict, **about, **differences})
    return [*found, {"model": "both" if len(models) > 1 else models[0], **_cheap(costs)}]


def measures(rows: Sequence[Row], model: str) -> list[str]:
    """What is measured of a kind of model: the loss, and if it ranks all places, how often it was right."""
    own = next(row for row in rows if row["model"] == model)
    return [name for name in MEASURES if name in own]


def _difference(rows: Sequence[Row], model: str, claim: Claim, measure: str) -> Difference:
    own = _of(rows, model, claim.arm, claim.stage, claim.period)
    other = _of(rows, model, claim.other, claim.stage, claim.period)
    return Difference.of([own[seed][measure] - other[seed][measure] for seed in sorted(own)])


def _of(rows: Sequence[Row], model: str, arm: str, stage: int, period: str) -> dict[int, Row]:
    """One row a seed."""
    wanted = (model, arm, 0 if arm == BEFORE else stage, period)
    return {row["seed"]: row for row in rows if (row["model"], row["arm"], row["stage"], row["period"]) == wanted}


def _cheap(costs: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    """Whether an update takes a quarter of the computing of a training from scratch, or less."""
    shares = [own[f"{REWARMED} {STAGES}"] / own[f"scratch-{STAGES}"] for own in costs.values()]
    share = Difference.of(shares)
    quarter = Difference.of([one - QUARTER for one in shares])
    return {
        "says": "an update takes a quarter of the computing of a training from scratch, or less",
        "verdict": quarter.foretold(below=True),
        "share": vars(share),
    }


def losses(rows: Sequence[Row], model: str) -> Table:
    """The loss of each period after each way to learn, and how much each differs from no update."""
    periods = list(dict.fromkeys(row["period"] for row in rows))
    arms = list(dict.fromkeys((row["arm"], row["stage"]) for row in rows if row["model"] == model))
    base = {period: _of(rows, model, BEFORE, 0, period) for period in periods}
    counted = {period: sum(row["visits"] for row in own.values()) for period, own in base.items()}

    def cell(arm: str, stage: int, period: str) -> Cell:
        own = _of(rows, model, arm, stage, period)
        mean = np.mean([row["loss"] for row in own.values()])
        shown = Difference.of([own[seed]["loss"] - base[period][seed]["loss"] for seed in sorted(own)]).cell()
        return Cell(
            f"{mean:.3f}", "" if arm == BEFORE else f"{shown.text} ({shown.span})" if shown.span else shown.text
        )

    shown = [(_named(arm, stage), [cell(arm, stage, period) for period in periods]) for arm, stage in arms]
    columns = [f"{period} ({counted[period]:,})" for period in periods]
    return Table(f"{model}: loss of each period (visits)", columns, shown, "Below: the difference from no update.")


def accuracies(rows: Sequence[Row], model: str) -> Table:
    """Acc@1 and Acc@10 of the periods at the end."""
    periods = list(dict.fromkeys(row["period"] for row in rows))
    arms = [(BEFORE, 0), *((arm, STAGES) for arm in (REWARMED, CONSTANT, NO_REPLAY, SCRATCH))]

    def mean(arm: str, stage: int, period: str, measure: str) -> float:
        return float(np.mean([row[measure] for row in _of(rows, model, arm, stage, period).values()]))

    def cell(arm: str, stage: int, period: str) -> Cell:
        return Cell(f"{mean(arm, stage, period, 'acc@1'):.3f}", f"{mean(arm, stage, period, 'acc@10'):.3f}")

    shown = [(_named(arm, stage), [cell(arm, stage, period) for period in periods]) for arm, stage in arms]
    return Table(f"{model}: Acc@1 of each period, and below Acc@10", periods, shown)


def _named(arm: str, stage: int) -> str:
    return f"{arm}, stage {stage}" if stage else arm


def told(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The findings, a line each."""
    lines = []
    for finding in found:
        value = Difference(**finding["loss" if "loss" in finding else "share"])
        span = "" if value.low is None else f", {value.low:+.3f} to {value.high:+.3f}"
        what = "loss" if "loss" in finding else "share"
        lines.append(f"{finding['model']}: {finding['says']}: {finding['verdict']} ({what} {value.value:+.3f}{span})")
    return lines
