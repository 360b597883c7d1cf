"""Cold start of places and of a whole city: what methods know before anybody has been there.

Cold places: the visits of the last tenth of the check-ins to places that nobody had been to before it; all places of
the catalogue are candidates. Cold city: four weeks of visits, asked with the catalogue alone, and with the check-ins of
the week before; these are the busiest five weeks, as if nobody had been there earlier. What is trained learns in
another city if one is given.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from eval.experiments.experiment import COMPARED, Row, cell, compact_table, difference_table, differences, examine
from eval.methods.method import Method
from eval.protocol import Cases, cases, examples_frame
from eval.report.findings import pairs
from eval.report.sections import Section
from eval.report.tables import METRIC_NAMES, Table
from eval.run import Progress
from genrec.checkins import Checkins
from genrec.clock import local_span
from genrec.columns import TIME
from genrec.trajectories import Example, first_weeks

PLACES, PLACES_COMPARED = "cold places", "cold places, differences"
CITY, CITY_COMPARED = "cold city", "cold city, differences"
KNOWN: Final = {0: "catalogue alone", 7: "first week"}  # days of check-ins
ASKED_DAYS = 28
FOLDERS = ("places", *(f"city-{days}" for days in KNOWN))
YARDSTICKS: Final = ("popularity", "nearest")

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
    return {PLACES: metrics["overall"], PLACES_COMPARED: differences(folder, _yardstick_pairs(metrics["overall"]))}


def cold_city(
    checkins: Checkins, home: Checkins | None, methods_for: MethodsFor, out: Path, *, name: str, progress: Progress
) -> dict[str, list[Row]]:
    """Rank four weeks of visits without any check-in of the city, and with those of its first week."""
    checkins = _busiest(checkins, max(KNOWN) + ASKED_DAYS)
    split = first_weeks(checkins, max(KNOWN), ASKED_DAYS)
    if not split.examples:
        return {}
    start = local_span(checkins.frame)[0]
    base = cases(checkins, "all-visits")  # for the description of the data alone
    rows: list[Row] = []
    compared: list[Row] = []
    for days, folder in zip(KNOWN, FOLDERS[1:], strict=True):
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
        methods = methods_for(asked)
        if not methods:
            return {}
        metrics = examine(asked, methods, out / folder, name=name, progress=progress)
        rows += [{"known_days": days} | row for row in metrics["overall"]]
        found = differences(out / folder, pairs(list(_methods(metrics["overall"]))))
        compared += [{"known_days": days} | row for row in found]
    return {CITY: rows, CITY_COMPARED: compared}


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
            "The city's busiest five weeks, as if nobody had been there before: the visits of the last four, asked "
            "without any check-in but the current trajectory, and with those of the first week. Of --train-rankers, "
            "m2trec is asked, which is for any catalogue; cml and coder know the places of their own city only. "
            "Differences are paired, those in bold significant after Holm's correction. 95% intervals, bootstrapped "
            "over users."
        )
        found.append(Section("city", "Cold city", text, list(_tables_of_city(more))))
    return found


def tables_of_places(more: Mapping[str, list[Row]]) -> list[Table]:
    """Accuracy at new places, and differences from the yardsticks."""
    found = [compact_table("Cold places", more[PLACES])]
    compared = more[PLACES_COMPARED]
    return [*found, difference_table("Differences at cold places", compared)] if compared else found


def city_table(rows: Sequence[Row], metric: str) -> Table:
    """A metric of each method by what is known of the city."""
    values = {(row["method"], row["known_days"]): row for row in rows if row["metric"] == metric}
    lines = [(method, [cell(values[method, days]) for days in KNOWN]) for method in _methods(rows)]
    return Table(f"{METRIC_NAMES[metric]} in a cold city", list(KNOWN.values()), lines)


def _tables_of_city(more: Mapping[str, list[Row]]) -> Iterator[Table]:
    for metric in COMPARED:
        yield city_table(more[CITY], metric)
    for days, known in KNOWN.items():
        if compared := [row for row in more[CITY_COMPARED] if row["known_days"] == days]:
            yield difference_table(f"Differences in a cold city, {known}", compared)


def _busiest(checkins: Checkins, days: int) -> Checkins:
    """The check-ins from the day on after which most fall within so many days."""
    time = checkins.frame[TIME]
    day = (time - time.min()).dt.total_days().to_numpy()
    until = np.concatenate([[0], np.cumsum(np.bincount(day))])
    first = np.arange(max(len(until) - days, 1))
    start = int(np.argmax(until[np.minimum(first + days, len(until) - 1)] - until[first]))
    return replace(checkins, frame=checkins.frame.filter(pl.Series(day >= start)))


def _with(every: Cases, examples: Sequence[Example]) -> Cases:
    """The cases with these examples."""
    return replace(every, examples=tuple(examples), frame=examples_frame(every.checkins, examples))


def _methods(rows: Sequence[Row]) -> dict[str, None]:
    return dict.fromkeys(row["method"] for row in rows)


def _yardstick_pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Each method with the yardsticks that were run."""
    methods = _methods(rows)
    return [(method, other) for other in YARDSTICKS for method in methods if other in methods and method != other]
