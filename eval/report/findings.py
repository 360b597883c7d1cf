"""What a run shows: every figure of its report, from the files in its folder. No figure comes from anywhere else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from eval.measures.intervals import compare, expected_calibration_error, holm, intervals
from eval.measures.metrics import DISTANCE, METRICS, disagreeing, reliability, score
from eval.measures.strata import STRATA, strata, stratifier_power
from eval.methods.fusion import WHOLE, FusionSpec
from eval.methods.llm import LlmSpec
from eval.run import CONFIG, RANKINGS, TIMES, read_times
from eval.run_files import FINISH, read_tables
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.validation import shortened

YARDSTICK = "habits"
SLICINGS = {"visit": ("repeat", "novel"), "prompt": ("named", "not named")} | STRATA
SLICED = ("acc@1", "acc@10")
SHARES = [percent / 100 for percent in range(0, 101, 5)]
DRAWS = 2000  # of users
COMPARISON_DRAWS = 10_000  # more, because no p-value is below 2 in so many, and Holm multiplies it by the pairs


@dataclass(frozen=True)
class Run:
    """The files of a run folder; `times` is the one that no two runs share."""

    config: dict[str, Any]
    examples: pl.DataFrame
    rankings: pl.DataFrame
    checkins: Checkins
    times: dict[str, Any]


@dataclass(frozen=True)
class Findings:
    """Frames of figures; value, low and high are a mean (a median for distance_km) and its 95 % interval.

    Attributes:
        overall: method, metric, users, n, value, low, high; methods in the order of the run.
        failures: method, failure (the reason), n.
        controls: columns of `eval.measures.intervals.compare`, each profile against its two controls.
        comparisons: the same, of every method with the yardstick and of each profile with none.
        slices: slicing, group, and the columns of `overall`: Acc of parts of the examples.
        slice_comparisons: slicing, group, metric, and the columns of `compare`: every method with the yardstick in
            parts of the examples; p_holm is corrected for the parts of one pair and metric.
        disagreement: model, first_place ("same" or "other"), method (the model or the yardstick), n, value, low, high.
        curve, ece: columns of `reliability` and `expected_calibration_error` (eval.measures).
        distances: method, n, share, km: this share of the distance errors is at most so long.
        power: what `eval.measures.strata.stratifier_power` returns.

    """

    overall: pl.DataFrame
    failures: pl.DataFrame
    controls: pl.DataFrame
    comparisons: pl.DataFrame
    slices: pl.DataFrame
    slice_comparisons: pl.DataFrame
    disagreement: pl.DataFrame
    curve: pl.DataFrame
    ece: pl.DataFrame
    distances: pl.DataFrame
    power: pl.DataFrame


def read_run(folder: Path) -> Run:
    """Read a run folder; raises InputError if it is none, or the run has not finished."""
    config, checkins, examples, rankings = read_tables(folder)
    if other := config["methods"].keys() ^ set(rankings["method"].unique()):
        raise InputError(f"{shortened(min(other))}: not both here and in {CONFIG}.", file=folder / RANKINGS, fix=FINISH)
    return Run(config, examples, rankings, checkins, read_times(folder / TIMES))


def find(run: Run) -> Findings:
    """Everything that the report says."""
    methods = list(run.config["methods"])
    scores = score(run.examples, run.rankings, run.checkins.pois)
    data = (run.examples, run.checkins, run.config["train_rows"])
    parts = list(_parts(scores, strata(*data)))
    return Findings(
        overall=_in_order(intervals(scores, [*METRICS, DISTANCE], resamples=DRAWS), methods),
        failures=_in_order(_failures(scores), methods),
        controls=_compare(scores, _control_pairs(methods)),
        comparisons=_compare(scores, pairs(methods)),
        slices=_in_order(_slices(parts), methods),
        slice_comparisons=_slice_comparisons(parts, [pair for pair in pairs(methods) if pair[1] == YARDSTICK]),
        disagreement=_disagreement(scores, methods),
        curve=_in_order(reliability(scores), methods),
        ece=_in_order(expected_calibration_error(scores, resamples=DRAWS), methods),
        distances=_in_order(_distances(scores), methods),
        power=_in_order(stratifier_power(scores, *data), methods),
    )


def is_model(method: str) -> bool:
    """Whether a method is the language model, with anybody's profile."""
    return LlmSpec.parse(method) is not None


def is_control(method: str) -> bool:
    """Whether a method shows the model another user's profile, or an emptied one."""
    spec = LlmSpec.parse(method)
    return spec is not None and spec.show != "own"


def _failures(scores: pl.DataFrame) -> pl.DataFrame:
    """Why there is no ranking, the commonest reason of each method first."""
    counts = scores.drop_nulls("failure").group_by("method", "failure").len("n")
    return counts.sort(-pl.col("n").cast(pl.Int64), "failure")


def _control_pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """(method, the same with a swapped or emptied profile), where the run has both."""
    controls = [spec for spec in map(LlmSpec.parse, methods) if spec is not None and spec.show != "own"]
    pairs = [(replace(control, show="own").name, control.name) for control in controls]
    return [pair for pair in pairs if pair[0] in methods]


def pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """Every method with the yardstick; a model without profile or adapter, a fusion without a part, with the whole."""
    others = [method for method in methods if method != YARDSTICK and not is_control(method)]
    found = [(method, YARDSTICK) for method in others] if YARDSTICK in methods else []
    return found + [(method, whole) for method in others for whole in _relatives(method) if whole in methods]


def _relatives(method: str) -> list[str]:
    """What a method is compared with beside the yardstick."""
    model, fusion = LlmSpec.parse(method), FusionSpec.parse(method)
    if model is not None:
        return [relative.name for relative in model.relatives()]
    return [WHOLE.name] if fusion is not None and fusion != WHOLE else []


def _compare(scores: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return compare(scores, pairs, resamples=COMPARISON_DRAWS) if pairs else pl.DataFrame()


def _parts(scores: pl.DataFrame, groups: pl.DataFrame) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """The scores by visit, by prompt, and by stratum: (slicing, group, scores)."""
    split = scores.join(groups, on="example", maintain_order="left").with_columns(
        visit=pl.when("repeat").then(pl.lit("repeat")).otherwise(pl.lit("novel")),
        prompt=pl.when("in_prompt").then(pl.lit("named")).when(~pl.col("in_prompt")).then(pl.lit("not named")),
    )
    for slicing, names in SLICINGS.items():
        for group in names:
            yield slicing, group, split.filter(pl.col(slicing) == group)


def _slices(parts: Sequence[tuple[str, str, pl.DataFrame]]) -> pl.DataFrame:
    """Acc of parts of the examples."""
    return pl.concat(
        intervals(part, SLICED, resamples=DRAWS).select(
            pl.lit(slicing).alias("slicing"), pl.lit(group).alias("group"), pl.all()
        )
        for slicing, group, part in parts
    )


def _slice_comparisons(
    parts: Sequence[tuple[str, str, pl.DataFrame]], pairs: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """Paired differences in parts of the examples that all methods share."""
    shared = [each for each in parts if each[0] != "prompt" and len(each[2])] if pairs else []
    frames = [
        compare(part, pairs, metric, resamples=DRAWS).select(
            pl.lit(slicing).alias("slicing"), pl.lit(group).alias("group"), pl.lit(metric).alias("metric"), pl.all()
        )
        for metric in SLICED
        for slicing, group, part in shared
    ]
    if not frames:
        return pl.DataFrame()
    pair = pl.concat(frames).partition_by("metric", "a", "b", maintain_order=True)
    return pl.concat(own.with_columns(p_holm=holm(own["p_bootstrap"])) for own in pair)


def _disagreement(scores: pl.DataFrame, methods: Sequence[str]) -> pl.DataFrame:
    """Acc@1 of each model and the yardstick, where they put the same place first and where they do not."""
    frames = []
    for model in filter(is_model, methods if YARDSTICK in methods else ()):
        both = scores.filter(pl.col("method").is_in([model, YARDSTICK]))
        other = pl.col("example").is_in(disagreeing(scores, model, YARDSTICK).implode())
        for first_place, part in (("same", both.filter(~other)), ("other", both.filter(other))):
            means = _in_order(intervals(part, ["acc@1"], resamples=DRAWS), [model, YARDSTICK])
            named = (pl.lit(model).alias("model"), pl.lit(first_place).alias("first_place"))
            frames.append(means.select(*named, pl.all().exclude("users")))
    return pl.concat(frames) if frames else pl.DataFrame()


def _distances(scores: pl.DataFrame) -> pl.DataFrame:
    """Quantiles of the distance error in km; failures have none."""
    answered = scores.drop_nulls(DISTANCE)
    frames = [
        answered.group_by("method").agg(
            pl.len().alias("n"), pl.lit(share).alias("share"), pl.col(DISTANCE).quantile(share, "linear").alias("km")
        )
        for share in SHARES
    ]
    return pl.concat(frames)


def _in_order(frame: pl.DataFrame, methods: Sequence[str]) -> pl.DataFrame:
    """The frame with methods in the order of the run."""
    place = {method: i for i, method in enumerate(methods)}
    return frame.sort(pl.col("method").replace_strict(place, return_dtype=pl.UInt32), maintain_order=True)
