"""`genrec-eval profiles`: what a file of profiles is worth."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from eval.profiles import worth as assess
from eval.profiles.recovery import calibration, read_truth, recovery
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.errors import InputError
from genrec.profiles.profile import read_profiles
from genrec.profiles.run import Summary, summarise

Row = Mapping[str, Any]

MEASURES = {
    "faithful": "sentences backed as first written",
    "supported": "sentences backed now",
    "coverage": "guesses about people, of all that could be made",
    "told": "their ten most important facts told, by weight",
    "redundant": "sentences that say nothing new",
    "readability": "reading ease (Flesch; 100 is very easy)",
    "words": "words a user",
    "tokens_in": "tokens read a user",
    "tokens_out": "tokens written a user",
}


@bundled
def profiles(
    path: Annotated[Path, typer.Argument(metavar="PROFILES", help="Profiles, as `genrec profile` wrote them.")],
    *,
    checkins_path: Annotated[
        Path | None,
        typer.Option("--checkins", metavar="IN", help="Count the evidence again, from these check-ins of theirs."),
    ] = None,
    truth_path: Annotated[
        Path | None,
        typer.Option("--truth", metavar="FILE", help="truth_users.jsonl of a synthetic city: are the guesses right?"),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Profiles of the same people by another writer: by how much these differ."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    reading: Reading,
) -> None:
    """Say how far profiles are backed, how much they say, whether they tell people apart, and what they cost."""
    written = list(read_profiles(path).values())
    if not written:
        raise InputError("holds no profiles.", file=path)
    truth = read_truth(truth_path) if truth_path else None
    checkins = reading.checkins(checkins_path) if checkins_path else None
    evidence = assess.evidence_of(written, checkins)
    summary = summarise(written)
    vocabulary = assess.vocabulary_of(evidence.values(), checkins)
    quality = assess.quality(written, evidence, vocabulary).to_dicts()
    others = list(read_profiles(beside).values()) if beside else []
    differ = assess.differences(written, others, evidence, vocabulary).to_dicts() if beside else []
    alike = assess.largest_alike(written)
    fields = assess.diversity(written).to_dicts()
    right = recovery(written, truth).to_dicts() if truth else []
    curve = calibration(written, truth).to_dicts() if truth else []
    if as_json:
        traits = {"tuples": summary.trait_tuples, "entropy": summary.trait_entropy, "largest": summary.largest_tuple}
        figures = {"users": summary.users, "quality": quality, "alike": alike, "traits": traits, "fields": fields}
        figures |= {"recovery": right, "calibration": curve} | ({"differences": differ} if beside else {})
        out.print(json.dumps(figures, indent=2, ensure_ascii=False), markup=False)
        return
    out.print(_quality_table(summary, quality, alike))
    if differ:
        out.print(_difference_table(differ))
    if summary.known_fields:
        out.print(_field_table(fields))
    if truth:
        strangers = sum(profile.user_id not in truth for profile in written)
        if strangers:
            err.print(f"note: {strangers} of {len(written)} users are not in {truth_path}")
        out.print(_recovery_table(right))
        out.print(_calibration_table(right, curve))


def _quality_table(summary: Summary, quality: Sequence[Row], alike: float) -> Table:
    table = Table(title=f"Profiles of {summary.users:,} users, with 95% intervals over users", title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for row in quality:
        share = row["measure"] in {"faithful", "supported", "coverage", "told", "redundant"}
        value = f"{_value(row)} ({_span(row)})" if share or row["value"] is None else f"{row['value']:,.0f}"
        table.add_row(MEASURES[row["measure"]], value)
    table.add_row("profiles with the commonest text, ids left out", f"{alike:.3f}")
    if summary.trait_tuples:
        table.add_row("different sets of traits", f"{summary.trait_tuples}")
        table.add_row("users with the commonest set", f"{summary.largest_tuple:.3f}")
        table.add_row("entropy of the sets, bits", f"{summary.trait_entropy:.2f}")
    return table


def _difference_table(rows: Sequence[Row]) -> Table:
    table = Table(title="Differences from the other writer, people drawn in pairs", title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for row in rows:
        table.add_row(
            MEASURES[row["measure"]], _value(row) if row["value"] is None else f"{_value(row)} ({_span(row)})"
        )
    return table


def _field_table(fields: Sequence[Row]) -> Table:
    table = Table(title="Guesses about people", title_justify="left")
    for heading in ("field", "not unknown", "bits", "commonest guess", "its share"):
        table.add_column(heading, justify="left" if heading in {"field", "commonest guess"} else "right")
    for row in fields:
        share = "" if row["share"] is None else f"{row['share']:.3f}"
        table.add_row(
            _words(row["field"]), f"{row['coverage']:.3f}", f"{row['entropy']:.2f}", row["commonest"] or "", share
        )
    return table


def _recovery_table(rows: Sequence[Row]) -> Table:
    table = Table(
        title="Guesses against the truth",
        caption="Unknown fields are left out. Majority: what the commonest true option scores on the same users.",
        title_justify="left",
        caption_justify="left",
    )
    measures = {
        "accuracy": "accuracy",
        "majority": "majority",
        "gain": "gain",
        "macro_f1": "F1",
        "majority_f1": "its F1",
    }
    table.add_column("field", overflow="fold")
    for heading in ("n", *measures.values()):
        table.add_column(heading, justify="right")
    for field in dict.fromkeys(row["field"] for row in rows):
        by_measure = {row["measure"]: row for row in rows if row["field"] == field}
        cells = [_value(by_measure.get(measure)) for measure in measures]
        table.add_row(_words(field), str(by_measure["accuracy"]["n"]), *cells)
        spans = [_span(by_measure[measure]) if measure in {"accuracy", "gain"} else "" for measure in measures]
        table.add_row("", "", *spans, style="dim")
    return table


def _calibration_table(rows: Sequence[Row], curve: Sequence[Row]) -> Table:
    [ece] = [row for row in rows if (row["field"], row["measure"]) == ("all", "ece")]
    table = Table(title=f"Calibration: expected error {_value(ece)} ({_span(ece)})", title_justify="left")
    for heading in ("n", "confidence", "right"):
        table.add_column(heading, justify="right")
    for row in curve:
        table.add_row(str(row["n"]), f"{row['confidence']:.3f}", f"{row['accuracy']:.3f}")
    return table


def _value(row: Row | None) -> str:
    return "-" if row is None or row["value"] is None else f"{row['value']:.3f}"


def _span(row: Row) -> str:
    return "-" if row["value"] is None else f"{row['low']:.2f}..{row['high']:.2f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
