"""What can be carried from one city to another: the habits ranker's weights, and an adapter of the model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from eval.experiments.experiment import (
    OVERVIEW,
    Outcome,
    Row,
    compact_table,
    examine,
    failures,
    settings_of,
    write_overview,
)
from eval.experiments.fit import fit, fit_set
from eval.measures.intervals import compare, holm
from eval.measures.metrics import score
from eval.methods.llm import Models
from eval.methods.method import Method
from eval.methods.names import make_methods
from eval.methods.rankers import RankerMethod
from eval.protocol import Cases
from eval.report import charts
from eval.report.charts import Estimate
from eval.report.sections import Figure, Section
from eval.report.tables import METRIC_NAMES, MINUS, Cell, Table, p_value, signed
from eval.report.verdict import SIGNIFICANCE, Verdict
from eval.run import EXAMPLES, POIS, RANKINGS, Progress
from genrec.checkins import Checkins
from genrec.columns import USER
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.files import write_text
from genrec.fingerprint import fingerprint
from genrec.llm.adapter import ANY
from genrec.llm.connect import connect_scorer
from genrec.prepared import catalogue_hash
from genrec.profiles.profile import Profile
from genrec.profiles.shelf import ProfileShelf
from genrec.prompting import prompt_version
from genrec.rankers.habit_weights import FittedWeights, fitted_weights
from genrec.rankers.habits import score_habits
from genrec.rankers.ranker import Floats, Query, Ranker
from genrec.rankers.ranking_prompt import RANKING
from genrec.rankers.simple import CountingRanker
from genrec.validation import read_json

CARRIED, OWN, SHIPPED = "habits-carried", "habits-own", "habits"
PLAIN, ADAPTED = "llm:full", "llm:full-adapted"
PAIRS: Final = ((CARRIED, OWN), (CARRIED, SHIPPED), (OWN, SHIPPED), (ADAPTED, PLAIN))
METRICS: Final = ("acc@1", "acc@10", "mrr")
FIT_LIMIT = 2000  # visits of a city, as many as the shipped weights were fitted on
DRAWS = 10_000  # of users
RUN = "run"
WEIGHTS = {CARRIED: "weights-carried.json", OWN: "weights-own.json"}
CONTENTS = (RUN, *WEIGHTS.values(), *OVERVIEW)  # of the folder


class FittedHabits:
    """The habits ranker with weights of its own."""

    def __init__(self, name: str, fitted: FittedWeights) -> None:
        self.name = name
        self._fitted = fitted

    def settings(self) -> dict[str, Any]:
        """See `Ranker`."""
        return self._fitted.model_dump(mode="json")

    def score(self, queries: Sequence[Query], evidence: Evidence) -> Floats:
        """See `Ranker`."""
        return score_habits(queries, evidence, self._fitted.weights)


def weights_of(
    checkins: Checkins, name: str, path: Path, *, seed: int, progress: Callable[[float], None] = lambda score: None
) -> FittedWeights:
    """Weights fitted on the second quarter of a city's check-ins, which no split tests on; kept at `path`.

    Raises GenRecError if `path` holds weights of something else, or the check-ins are too few.
    """
    command = f"genrec-eval fit-habits {name} --cities=0 --limit={FIT_LIMIT} --seed={seed}"
    if path.exists():
        kept = read_json(path, FittedWeights, "fitted weights", fix="Name another --out.")
        if kept.command != command or [data.sha256 for data in kept.data] != [fingerprint(checkins)]:
            raise GenRecError(f"{path} was fitted on other check-ins or with another seed; name another --out")
        return kept
    fitted = fit([fit_set(checkins, name, limit=FIT_LIMIT, seed=seed)], command=command, seed=seed, progress=progress)
    write_text(path, fitted.model_dump_json(indent=2) + "\n")
    return fitted


def model_methods(
    asked: Cases, given: Sequence[Profile], model: str | None, server: str | None, adapter: str, *, seed: int
) -> list[Method]:
    """The model without and with an adapter that was trained elsewhere.

    Loads it; raises GenRecError unless the adapter can be carried to a city that it was not trained in.
    """
    declared = connect_scorer(model, server, adapter).adapter
    if declared is None:
        raise GenRecError(f"--adapter {adapter} does not say what it was trained for")
    declared.require(catalogue_hash(asked.checkins.pois), prompt_version(RANKING))
    if declared.catalogue != ANY:
        raise GenRecError(f"--adapter {adapter} was trained for the --test city's catalogue: nothing would be carried")
    shelf = ProfileShelf(given, asked.checkins, seed=seed)
    return make_methods([PLAIN, ADAPTED], Models(asked.checkins, model, server, adapter), shelf, seed=seed)


def cross_city(
    asked: Cases,
    weights: tuple[FittedWeights, FittedWeights],
    models: Sequence[Method],
    out: Path,
    *,
    names: tuple[str, str],
    profiles: Sequence[Profile] = (),
    progress: Progress,
) -> Outcome:
    """Run the habits ranker with three sets of weights, and `models`, in a city; write the overview.

    `weights`: those carried from another city, and the city's own; `names`: what the two cities are called. `models`:
    nothing, or the model with and without an adapter, to which `profiles` are shown. `progress` as in `eval.run`.
    """
    (carried, own), (train, test) = weights, names
    rankers: list[Ranker] = [FittedHabits(CARRIED, carried), FittedHabits(OWN, own), CountingRanker(SHIPPED)]
    methods: list[Method] = [*map(RankerMethod, rankers), *models]
    metrics = examine(asked, methods, out / RUN, name=test, profiles=profiles, progress=progress)
    ran = {method.name for method in methods}
    differences = _differences(out / RUN, [pair for pair in PAIRS if ran.issuperset(pair)])
    settings = settings_of(out / RUN) | {"train": {"name": train, **_size(carried)}, "test": {"name": test}}
    outcome = Outcome(
        "cross-city",
        settings,
        [_verdict(row, train, test) for row in differences if row["metric"] == "acc@1" and row["a"] != OWN],
        metrics["overall"],
        differences,
        failures(metrics),
    )
    _write(out, outcome, carried, own, users=asked.frame[USER].n_unique())
    return outcome


def difference_table(differences: Sequence[Row]) -> Table:
    """Paired differences in each metric; those that are significant after Holm's correction stand out."""
    values = {(row["a"], row["b"], row["metric"]): row for row in differences}
    rows = []
    for a, b in dict.fromkeys((row["a"], row["b"]) for row in differences):
        rows.append((f"{a} {MINUS} {b}", [_difference(values[a, b, metric]) for metric in METRICS]))
    return Table("Paired differences on the same examples", [METRIC_NAMES[metric] for metric in METRICS], rows)


def _differences(run: Path, pairs: Sequence[tuple[str, str]]) -> list[Row]:
    """All pairs in all metrics, with Holm's correction for their number."""
    examples, rankings, pois = (pl.read_parquet(run / name, glob=False) for name in (EXAMPLES, RANKINGS, POIS))
    scores = score(examples, rankings, pois)
    frames = [compare(scores, pairs, metric, resamples=DRAWS).with_columns(metric=pl.lit(metric)) for metric in METRICS]
    table = pl.concat(frames)
    return table.with_columns(p_holm=holm(table["p_bootstrap"])).to_dicts()


def _size(fitted: FittedWeights) -> dict[str, Any]:
    [data] = fitted.data
    return {"sha256": data.sha256, "fitted_on": data.examples}


def _significant(row: Row) -> bool:
    return bool(row["p_holm"] < SIGNIFICANCE)


def _difference(row: Row) -> Cell:
    span = "" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}"
    return Cell(signed(row["difference"]), span, strong=_significant(row))


def _verdict(row: Row, train: str, test: str) -> Verdict:
    """What carrying costs or gains in Acc@1, in a sentence and its numbers."""
    what, others = {
        (CARRIED, OWN): (f"Habit weights of {train}", f"weights of {test} itself"),
        (CARRIED, SHIPPED): (f"Habit weights of {train}", "the shipped weights"),
        (ADAPTED, PLAIN): ("The model with the adapter", "the model without"),
    }[row["a"], row["b"]]
    how = "do" if row["a"] == CARRIED else "does"
    if _significant(row):
        than = "better" if row["difference"] > 0 else "worse"
        headline = f"{what} {how} significantly {than} in {test} than {others}, in Acc@1."
    else:
        headline = f"{what} and {others} do not differ significantly in Acc@1 in {test}."
    cell = _difference(row)
    span = f"95% interval {cell.span}" if cell.span else "no interval from one user"
    return Verdict(None, headline, (f"Difference in Acc@1: {cell.text} ({span}, p = {p_value(row['p_holm'])}).",))


def _write(out: Path, outcome: Outcome, carried: FittedWeights, own: FittedWeights, users: int) -> None:
    settings = outcome.settings
    train, test = settings["train"]["name"], settings["test"]["name"]
    facts = [
        ("Carried from", train),
        ("Tested in", f"{test}: {settings['data']['check_ins']:,} check-ins"),
        ("Split", settings["split"]),
        ("Examples", f"{settings['examples']:,} of {users:,} users"),
        *(
            (f"Weights of {name}", f"fitted on {_fitted_on(weights)}: {_listed(weights)}")
            for name, weights in ((CARRIED, carried), (OWN, own), (SHIPPED, fitted_weights()))
        ),
        *(("Failures", f"{row['method']}: {row['n']:,}") for row in outcome.failures),
        ("Run", f"in the folder {RUN} beside, with its own report"),
    ]
    bars = [
        (f"{row['a']} {MINUS} {row['b']}", _estimate(row)) for row in outcome.differences if row["metric"] == "acc@1"
    ]
    section = Section(
        "carried",
        "What is carried",
        f"{CARRIED}: the habits ranker with weights fitted in {train}; {OWN}: with weights fitted in {test} itself, on "
        f"check-ins long before the ones asked about; {SHIPPED}: with the weights that GenRec comes with. Habits "
        "themselves are always those of the people asked about. 95% intervals, bootstrapped over users; bold "
        "differences are significant after Holm's correction for all of them.",
        [compact_table(f"Methods in {test}", outcome.overall), difference_table(outcome.differences)],
        [Figure("Differences in Acc@1", charts.differences("carried", bars, "difference in Acc@1"))],
    )
    summary = f"From {train} to {test}, {settings['split']}: {settings['examples']:,} examples."
    write_overview(out, outcome, summary=summary, settings=facts, sections=[section])


def _fitted_on(fitted: FittedWeights) -> str:
    return ", ".join(f"{data.name} ({data.examples:,} visits)" for data in fitted.data)


def _listed(fitted: FittedWeights) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in fitted.weights.model_dump().items())


def _estimate(row: Row) -> Estimate:
    value = row["difference"]
    return Estimate(value, *(value if row[end] is None else row[end] for end in ("low", "high")))
