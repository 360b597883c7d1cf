"""Cold start of places and of a whole city: what methods know before anybody has been there.

Cold places: the visits of the last tenth of the check-ins to places that nobody had been to before it; all places of
the catalogue are candidates. Cold city: the same four weeks of visits, asked with the catalogue alone, and with the
check-ins of the first week. What is trained learns in another city if one is given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from eval.experiments.experiment import Row, cell, compact_table, examine
from eval.measures.intervals import compare, holm
from eval.measures.metrics import score
from eval.methods.method import Method
from eval.protocol import Cases, cases, examples_frame
from eval.report.sections import Section
from eval.report.tables import METRIC_NAMES, MINUS, Cell, Table, signed
from eval.report.verdict import SIGNIFICANCE
from eval.run import EXAMPLES, POIS, RANKINGS, Progress
from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.trajectories import Example, first_weeks

PLACES, PLACES_COMPARED, CITY = "cold places", "cold places, differences", "cold city"
KNOWN_DAYS: Final = (0, 7)
ASKED_DAYS = 28
FOLDERS = ("places", *(f"city-{days}" for days in KNOWN_DAYS))
YARDSTICKS: Final = ("popularity", "nearest")
COMPARED: Final = ("acc@1", "acc@10", "mrr")
DRAWS = 10_000  # of users

MethodsFor = Callable[[Cases], Sequence[Method]]


def cold_places(
    checkins: Checkins, methods_for: MethodsFor, out: Path, *, name: str, progress: Progress
) -> dict[str, list[Row]]:
    """Rank visits to places first seen in the last tenth; no rows if there are no such visits."""
    every = cases(checkins, "all-visits")
    numbers = every.frame.filter(~pl.col("poi_seen"))["example"].to_list()
    if not numbers:
        return {}
    asked = _with(every, [every.examples[i] for i in numbers])
    asked = replace(asked, excluded=every.excluded | {"place known before": len(every.examples) - len(numbers)})
    folder = out / FOLDERS[0]
    metrics = examine(asked, methods_for(asked), folder, name=name, progress=progress)
    return {PLACES: metrics["overall"], PLACES_COMPARED: _differences(folder, list(_methods(metrics["overall"])))}


def cold_city(
    checkins: Checkins, home: Checkins | None, methods_for: MethodsFor, out: Path, *, name: str, progress: Progress
) -> dict[str, list[Row]]:
    """Rank four weeks of visits without any check-in of the city, and with those of its first week."""
    split = first_weeks(checkins, max(KNOWN_DAYS), ASKED_DAYS)
    if not split.examples:
        return {}
    start = local_span(checkins.frame)[0]
    base = cases(checkins, "all-visits")  # for the description of the data alone
    rows: list[Row] = []
    for days, folder in zip(KNOWN_DAYS, FOLDERS[1:], strict=True):
        moment = split.start if days else start
        asked = _with(base, [replace(example, as_of=moment) for example in split.examples])
        asked = replace(
            asked,
            excluded={},
            train_rows=split.train_rows,  # those before the moment are used, and without the week there are none
            home=home,
            settings=base.settings | {"known_days": days, "start": split.start.isoformat()},
            warnings=[f"Asked about all visits of the {ASKED_DAYS} days after the first week; known: {days} days."],
        )
        metrics = examine(asked, methods_for(asked), out / folder, name=name, progress=progress)
        rows += [{"known_days": days} | row for row in metrics["overall"]]
    return {CITY: rows}


def sections(more: Mapping[str, list[Row]]) -> list[Section]:
    """What the overview says of both."""
    found = []
    if PLACES in more:
        text = (
            "Visits of the last tenth of the check-ins to places that nobody had been to before; evidence is frozen at "
            "its start, and every place of the catalogue is a candidate. Differences are paired, those in bold "
            "significant after Holm's correction. 95% intervals, bootstrapped over users."
        )
        found.append(Section("places", "Cold places", text, tables_of_places(more)))
    if CITY in more:
        text = (
            "Four weeks of visits, asked without any check-in of the city but the current trajectory, and with those "
            "of its first week. 95% intervals, bootstrapped over users."
        )
        found.append(Section("city", "Cold city", text, [city_table(more[CITY], metric) for metric in COMPARED]))
    return found


def tables_of_places(more: Mapping[str, list[Row]]) -> list[Table]:
    """Accuracy at new places, and differences from the yardsticks."""
    found = [compact_table("Cold places", more[PLACES])]
    values = {(row["a"], row["b"], row["metric"]): row for row in more[PLACES_COMPARED]}
    pairs = dict.fromkeys((a, b) for a, b, _ in values)
    rows = [(f"{a} {MINUS} {b}", [_difference(values[a, b, metric]) for metric in COMPARED]) for a, b in pairs]
    return [*found, Table("Differences at cold places", [METRIC_NAMES[m] for m in COMPARED], rows)] if rows else found


def city_table(rows: Sequence[Row], metric: str) -> Table:
    """A metric of each method by what is known of the city."""
    values = {(row["method"], row["known_days"]): row for row in rows if row["metric"] == metric}
    columns = ["catalogue alone", "first week"]
    lines = [(method, [cell(values[method, days]) for days in KNOWN_DAYS]) for method in _methods(rows)]
    return Table(f"{METRIC_NAMES[metric]} in a cold city", columns, lines)


def _with(every: Cases, examples: Sequence[Example]) -> Cases:
    """The cases with these examples."""
    return replace(every, examples=tuple(examples), frame=examples_frame(every.checkins, examples))


def _methods(rows: Sequence[Row]) -> dict[str, None]:
    return dict.fromkeys(row["method"] for row in rows)


def _differences(run: Path, methods: Sequence[str]) -> list[Row]:
    """Each method against the yardsticks that were run, in all metrics, with Holm's correction for their number."""
    pairs = [(method, other) for other in YARDSTICKS for method in methods if other in methods and method != other]
    if not pairs:
        return []
    examples, rankings, pois = (pl.read_parquet(run / name, glob=False) for name in (EXAMPLES, RANKINGS, POIS))
    scores = score(examples, rankings, pois)
    frames = [
        compare(scores, pairs, metric, resamples=DRAWS).with_columns(metric=pl.lit(metric)) for metric in COMPARED
    ]
    table = pl.concat(frames)
    return table.with_columns(p_holm=holm(table["p_bootstrap"])).to_dicts()


def _difference(row: Row) -> Cell:
    span = "" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}"
    return Cell(signed(row["difference"]), span, strong=bool(row["p_holm"] < SIGNIFICANCE))
