"""`genrec audience`: who is likely to come to places that have just opened."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from genrec.audience import audience as audience_of
from genrec.audience import known_for
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.clock import local_span
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.files import atomic_path
from genrec.reading.places import read_places


@bundled
def audience(
    places: Annotated[
        Path,
        typer.Argument(
            metavar="PLACES", help="Places that have just opened, a row each: latitude, longitude, category, name."
        ),
    ],
    checkins: Annotated[
        Path, typer.Option("--checkins", metavar="IN", help="Check-ins of the people: a file, or a prepared folder.")
    ],
    rankers: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Trained rankers; of these, `cml` knows more about people.")
    ] = None,
    *,
    top: Annotated[int, typer.Option(min=1, help="People listed for each place.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a CSV: poi_id, rank, user_id, probability.")
    ] = None,
    reading: Reading,
) -> None:
    """List who is likely to come to places that have just opened, with probabilities."""
    opened = read_places(places)
    known = reading.checkins(checkins)
    traits = known_for(known, rankers)
    if traits is None:
        raise GenRecError("no place opened in the last part of these check-ins: nothing tells who comes to a new one")
    evidence = Evidence(known, local_span(known.frame)[1] + timedelta(seconds=1))
    listed = audience_of(evidence, opened, traits.reach, traits.space).filter(pl.col("rank") <= top)
    err.print(f"note: the probability is that somebody comes within {traits.reach.days} days of the opening")
    if output is None:
        _print(opened, listed)
        return
    with atomic_path(output, private=True) as temporary:
        listed.select("poi_id", "rank", "user_id", "probability").write_csv(temporary, float_precision=6)
    out.print(f"{len(listed):,} rows in {output}")


def _print(places: pl.DataFrame, listed: pl.DataFrame) -> None:
    """One paragraph a place."""
    for poi_id, name, category in places.select("poi_id", "name", "category").iter_rows():
        out.print(f"{poi_id}: {', '.join(_known(name, category))}")
        for rank, user, probability in (
            listed.filter(poi_id=poi_id).select("rank", "user_id", "probability").iter_rows()
        ):
            out.print(f"  {rank:>3}  {probability:.4f}  {user}")


def _known(*values: str | None) -> Iterable[str]:
    return (value for value in values if value)
