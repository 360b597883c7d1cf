"""`genrec data`: prepare check-ins, and say what is in them."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from genrec import prepared, streaming
from genrec.checkins import Checkins
from genrec.city import CHECKINS, TRUTH, CityConfig, write_city
from genrec.city.world import CATEGORIES
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import CheckinsPath, Reading
from genrec.columns import UNKNOWN
from genrec.errors import GenRecError
from genrec.files import file_hash, one_writer
from genrec.parted import is_parted
from genrec.reading.reader import gathered
from genrec.streaming import is_large

app = typer.Typer(help="Read, check and prepare check-ins.", no_args_is_help=True)


@app.command()
@bundled
def prepare(
    context: typer.Context,
    path: CheckinsPath,
    *,
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The prepared folder; new data are added to it.")
    ],
    reading: Reading,
) -> None:
    """Check a file of check-ins once and keep it in a folder that loads fast, with POI indices that never change.

    A large file, or one that is added to a large folder, is read in a stream, and kept in parts.
    """
    context.with_resource(one_writer(folder, folder=True))
    prepared.require_ours(folder)
    started = time.perf_counter()
    done = _prepared(path, folder, reading)
    rate = done.read / (time.perf_counter() - started)
    out.print(
        f"{folder}: {done.check_ins:,} check-ins ({done.new_check_ins:,} new) of {done.users:,} users"
        f" at {done.pois:,} POIs ({done.new_pois:,} new); {rate:,.0f} rows/s",
        markup=False,
    )


def _prepared(path: Path, folder: Path, reading: Reading) -> prepared.Prepared:
    rejects = folder / "rejects.csv"
    if path.is_dir():
        return prepared.prepare(reading.checkins(path), folder)
    before = prepared.notes_of(folder)
    with reading.opened(path, rejects=rejects) as (opened, progress):
        if is_large(opened.source) or is_parted(folder):
            done = streaming.prepare(opened, folder, reading.timezone, progress)
        else:
            done = prepared.prepare(gathered(opened, reading.timezone, progress), folder)
        opened.notes.extend([note for note in done.notes if note not in (*before, *opened.notes)])
    return done


@app.command()
@bundled
def describe(
    path: CheckinsPath,
    *,
    reading: Reading,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count users, POIs and check-ins, and say how often people return."""
    checkins = reading.checkins(path)
    facts = _facts(checkins)
    if as_json:
        out.print(json.dumps(facts, indent=2), markup=False)
        return
    table = Table(show_header=False, title=path.name)
    table.add_column(style="bold")
    table.add_column()
    per_user, period = facts["check_ins_per_user"], facts["period"]
    for label in ("users", "pois", "categories", "check_ins"):
        table.add_row(label.replace("_", "-").replace("pois", "POIs"), f"{facts[label]:,}")
    table.add_row("period", f"{period['first']} to {period['last']}")
    counts = [f"{name} {value:,.1f}".removesuffix(".0") for name, value in per_user.items()]
    table.add_row("check-ins per user", ", ".join(counts))
    table.add_row("revisits", f"{facts['revisit_share']:.1%} of check-ins")
    for note in checkins.notes:
        table.add_row("note", note.replace("[", r"\["))
    out.print(table)


def _facts(checkins: Checkins) -> dict[str, Any]:
    """What `describe` prints; a revisit is a check-in at a POI where the user has been before."""
    frame, pois = checkins.frame, checkins.pois
    times = frame["time"].dt.date() if checkins.dates_only else frame["time"]
    per_user = frame["user_id"].value_counts()["count"]
    first_visits = frame.select("user_id", "poi").n_unique()
    return {
        "users": len(per_user),
        "pois": len(pois),
        "categories": pois["category"].filter(pois["category"] != UNKNOWN).n_unique(),
        "check_ins": len(frame),
        "period": {"first": str(times.min()), "last": str(times.max())},
        "check_ins_per_user": {
            "min": per_user.min(),
            "median": per_user.median(),
            "mean": per_user.mean(),
            "max": per_user.max(),
        },
        "revisit_share": 1 - first_visits / len(frame),
        "notes": checkins.notes,
    }


@app.command()
def synth(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the city goes.")],
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="People.")] = 100,
    pois: Annotated[int, typer.Option(min=len(CATEGORIES), max=1_000_000, help="Places.")] = 600,
    days: Annotated[int, typer.Option(min=1, max=10_000, help="Length of the period.")] = 120,
    checkins: Annotated[
        int | None, typer.Option(min=1, max=100_000_000, help="About so many check-ins; default: by users and days.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same city.")] = 0,
) -> None:
    """Write a synthetic city: check-ins, and beside them the truth about its people and places."""
    context.with_resource(one_writer(output, folder=True))
    written = output / CHECKINS
    before = file_hash(written) if written.exists() else None
    if before and not (output / TRUTH).exists():
        raise GenRecError(f"{written} is not of a synthetic city, and is not replaced; name another --out")
    with err.status("building the city"):
        count = write_city(CityConfig(users=users, pois=pois, days=days, checkins=checkins, seed=seed), output)
    out.print(f"{count:,} check-ins in {written}; truth_users.jsonl, truth_pois.csv beside it")
    if before not in (None, file_hash(written)):
        err.print(f"note: the city that was in {output}, made with other settings, is replaced")
