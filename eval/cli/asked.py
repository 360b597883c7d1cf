"""What commands that rank begin with: the examples, and the profiles that methods may read."""

from collections.abc import Sequence
from pathlib import Path

import typer

from eval.cli.options import Choice, Draw
from eval.protocol import REFRESH_DAYS, Cases, cases
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.files import one_writer
from genrec.profiles.shelf import ProfileShelf, read_given

COUNTS = {"check_ins": "check-ins", "users": "users", "pois": "POIs"}


def prepared(
    context: typer.Context,
    path: Path,
    output: Path,
    profiles: Sequence[Path] | None,
    choice: Choice,
    draw: Draw,
    reading: Reading,
    *,
    refresh_days: int = REFRESH_DAYS,
    timed: bool = True,
) -> tuple[Cases, ProfileShelf]:
    """Lock the folder of the run until the command ends, and read what is asked and the profiles."""
    context.with_resource(one_writer(output, folder=True))
    given = read_given(profiles or [])
    asked = cases(
        reading.checkins(path),
        choice.split,
        part=choice.part,
        preset=choice.preset,
        refresh_days=refresh_days,
        timed=timed,
        limit=draw.limit,
        seed=draw.seed,
    )
    return asked, ProfileShelf(given, asked.checkins, seed=draw.seed)


def print_examples(asked: Cases) -> None:
    """How many examples there are, what was left out and why, and what a reader must know."""
    seed, data, kept = (asked.settings[name] for name in ("sample_seed", "data", "kept"))
    if kept != data:
        sizes = (f"{kept[name]:,} of {data[name]:,} {word}" for name, word in COUNTS.items())
        out.print(f"the preset keeps {', '.join(sizes)}", markup=False)
    limit, count = asked.settings["limit"], len(asked.examples)
    sample = f", drawn from {asked.sampled_from:,} with seed {seed}" if asked.sampled_from else ""
    few = f", all that there are, though --limit asks for {limit:,}" if limit and limit > count else ""
    out.print(f"{count:,} examples{sample}{few}", markup=False)
    if not asked.excluded:
        out.print("  nothing was left out")
    for reason, count in sorted(asked.excluded.items()):
        out.print(f"  left out: {count:,}, {reason}", markup=False)
    for warning in asked.warnings:
        err.print(f"warning: {warning}", markup=False)
