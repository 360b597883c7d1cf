"""The study of what words do: scripted edits, free text, and words in place of a history; with its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from eval.experiments.cold_start import after, newcomers
from eval.experiments.experiment import (
    OVERVIEW,
    Outcome,
    Row,
    cell,
    differences,
    examine,
    settings_of,
    write_overview,
)
from eval.measures.intervals import intervals
from eval.methods.method import Method
from eval.protocol import Cases
from eval.report.sections import Section
from eval.report.tables import MINUS, Cell, Table, signed
from eval.report.verdict import Verdict
from eval.run import Progress
from eval.steer.scenarios import DIRECTIONS, MEASURES, Floats, Scenario, Topics, auc, measure, pairs
from eval.steer.wordings import free_text
from eval.steer.words_for_history import HISTORIES, SAID, SaidMethod
from genrec.columns import USER
from genrec.profiles.statements import parse
from genrec.rankers.ranker import Ranker
from genrec.steering import Steering

SCRIPTED, PAIRS, FREE, HISTORY = "scripted edits", "pairs", "free text", "words for a history"
TESTED = "wordings held out"
NAMES: Final = {
    "auc_shift": "AUC of the kind's places, shift",
    "on_topic": "mass on the kind, shift",
    "off_topic": "mass moved among others",
    "ranks": "ranks gained by a place of the kind",
    "difference_auc": "AUC of the model's difference alone",
    "right": "sign read rightly",
    "acc@10": "Acc@10 of the real visit",
}


@dataclass(frozen=True)
class Study:
    """What is examined, and how much of it."""

    cases: Cases
    topics: Topics
    ranker: Ranker
    method: Method  # the same, as a method of a run
    steering: Steering
    strength: float
    seed: int


def scripted(
    study: Study, made: Sequence[Scenario], base: Mapping[int, Floats], progress: Progress
) -> dict[str, list[Row]]:
    """All measures by direction, of all wordings and of those held out; and how often a pair is right jointly."""
    rows = measure(
        study.cases,
        study.topics,
        made,
        base,
        study.steering,
        strength=study.strength,
        progress=partial(progress, "scripted edits"),
    )
    rows = rows.with_columns(pl.col("right").cast(pl.Float64))
    found: list[Row] = []
    joint: list[Row] = []
    for which, part in (("all wordings", rows), (TESTED, rows.filter("held_out"))):
        labelled = part.with_columns(method="direction").with_row_index("example")
        means = intervals(labelled, (*MEASURES, "right"), seed=study.seed).to_dicts()
        found += [{"wordings": which} | row for row in means]
        both = pairs(part).with_columns(method=pl.lit("both directions right")).with_row_index("example")
        joint += [{"wordings": which} | row for row in intervals(both, ("joint",), seed=study.seed).to_dicts()]
    return {SCRIPTED: found, PAIRS: joint}


def written(study: Study, progress: Progress) -> dict[str, list[Row]]:
    """AUC of the kinds that free sentences are expected to move, by the model's difference with its sign."""
    kinds = study.steering.kinds
    rows: list[Row] = []
    texts = [study.steering.signed(parse(one.says, study.steering.vocabulary, {})) for one in free_text()]
    study.steering.learn([clause.wording for read in texts for clause in read], partial(progress, "free text"))
    for number, (one, read) in enumerate(zip(free_text(), texts, strict=True)):
        said = [clause for clause in read if clause.sign]
        scores = np.zeros(len(kinds))
        for clause in said:
            scores += clause.sign * study.steering.standing_out(clause.wording)
        for direction, expected, sign in (("up", one.up, 1), ("down", one.down, -1)):
            on = np.array([i for i, kind in enumerate(kinds) if kind in expected], dtype=np.intp)
            if len(on):
                value = auc(sign * scores, on)
                rows.append({"method": direction, "example": len(rows), USER: f"sentence {number}", "auc": value})
    return {FREE: intervals(pl.DataFrame(rows), ("auc",), seed=study.seed).to_dicts()} if rows else {}


def words_for_history(
    study: Study, out: Path, *, users: int, limit: int | None, name: str, progress: Progress
) -> dict[str, list[Row]]:
    """Newcomers with 0, 1 and 3 visits, with and without words."""
    sample = newcomers(study.cases, users=users, limit=limit, seed=study.seed)
    rows: list[Row] = []
    for length in HISTORIES:
        asked = after(sample, length)
        methods: list[Method] = [
            study.method,
            SaidMethod(
                study.method,
                study.ranker,
                study.steering,
                study.cases.checkins,
                study.topics.kinds,
                strength=study.strength,
            ),
        ]
        metrics = examine(asked, methods, out / f"history-{length}", name=name, progress=progress)
        rows += [{"history": length} | row for row in metrics["overall"]]
        rows += [
            {"history": length, "method": f"{SAID} {MINUS} {study.ranker.name}", "value": row["difference"]} | row
            for row in differences(out / f"history-{length}", [(SAID, study.ranker.name)])
        ]
    return {HISTORY: rows}


def contents() -> set[str]:
    """What the folder of a study holds."""
    return {*OVERVIEW, *(f"history-{length}" for length in HISTORIES)}


def conclude(
    out: Path,
    more: Mapping[str, list[Row]],
    made: Sequence[Scenario],
    study: Study,
    *,
    acc: float,
    name: str,
) -> Outcome:
    """Write the report; `acc`: Acc@10 when nothing is said."""
    settings = settings_of(out / f"history-{HISTORIES[0]}") | {
        "name": name,
        "scenarios": len(made) // len(DIRECTIONS),
        "persons": len({one.example for one in made}),
        "strength": study.strength,
        "worth": study.steering.worth,
        "unedited acc@10": acc,
    }
    outcome = Outcome("steer", settings, [_verdict(more)], [], [], [], more=dict(more))
    facts: list[tuple[str, str]] = [
        ("Data", f"{name}: {settings['data']['check_ins']:,} check-ins"),
        ("Scripted edits", f"{settings['scenarios']:,} in each direction, of {settings['persons']} persons"),
        ("Strength", f"{study.strength:g}, of what is liked {study.strength * study.steering.worth:.2f}"),
        ("Acc@10 of the same visits, nothing said", f"{settings['unedited acc@10']:.3f}"),
    ]
    write_overview(out, outcome, summary=f"{name}: what words do.", settings=facts, sections=sections(more))
    return outcome


def sections(more: Mapping[str, list[Row]]) -> list[Section]:
    """The parts of the report."""
    text = (
        "A person says one sentence about one kind of place. Shifts count in the direction that was asked for; mass "
        "among others is what moved beyond their share of what the kind left. The placebo says nothing of places. "
        "95% intervals, bootstrapped over persons."
    )
    found = [Section("scripted", "Scripted edits", text, tables(more))]
    if FREE in more:
        about = "Sentences that follow no template; AUC of the kinds that they should move, over sentences."
        found.append(Section("free", "Free text", about, [_free_table(more[FREE])]))
    about = (
        "Newcomers with 0, 1 and 3 check-ins, with and without words that name the kinds they go to most later on. "
        "The last rows are paired differences."
    )
    return [*found, Section("history", "Words for a history", about, history_tables(more[HISTORY]))]


def tables(more: Mapping[str, list[Row]]) -> list[Table]:
    """Of the scripted edits, all wordings and those held out."""
    made = []
    for which in ("all wordings", TESTED):
        rows = {(row["method"], row["metric"]): row for row in more[SCRIPTED] if row["wordings"] == which}
        lines = [(NAMES[metric], [_number(rows[d, metric]) for d in DIRECTIONS]) for metric in (*MEASURES, "right")]
        joint = next(row for row in more[PAIRS] if row["wordings"] == which)
        lines.append(("both directions right", [cell(joint), Cell(""), Cell("")]))
        made.append(Table(f"Scripted edits, {which}", list(DIRECTIONS), lines))
    return made


def history_tables(rows: Sequence[Row]) -> list[Table]:
    """With and without words, by history."""
    made = []
    for metric in ("acc@1", "acc@10", "mrr"):
        values = {(row["method"], row["history"]): row for row in rows if row["metric"] == metric}
        methods = dict.fromkeys(method for method, _ in values)
        lines = [(method, [_number(values[method, length]) for length in HISTORIES]) for method in methods]
        made.append(Table(f"{metric} by earlier check-ins", [str(length) for length in HISTORIES], lines))
    return made


def _free_table(rows: Sequence[Row]) -> Table:
    return Table("Free text", ["AUC"], [(f"{row['method']} ({row['n']})", [_number(row)]) for row in rows])


def _number(row: Mapping[str, Any]) -> Cell:
    if row["value"] is None:
        return Cell("-")
    return Cell(signed(row["value"]), "" if row["low"] is None else f"{signed(row['low'])} to {signed(row['high'])}")


def _verdict(more: Mapping[str, list[Row]]) -> Verdict:
    rows = {(r["method"], r["metric"]): r for r in more[SCRIPTED] if r["wordings"] == TESTED}
    joint = next(row for row in more[PAIRS] if row["wordings"] == TESTED)
    more_, fewer, placebo = (rows[direction, "auc_shift"]["value"] for direction in DIRECTIONS)
    headline = (
        f"In wordings held out, the AUC of a kind's places moves by {signed(more_)} when more is asked for, by "
        f"{signed(fewer)} when fewer, by {signed(placebo)} at a placebo; {joint['value']:.2f} of the pairs are right "
        "in both directions."
    )
    return Verdict(None, headline, ())
