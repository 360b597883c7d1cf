"""Where work over many people is done: the options of the commands that do such work."""

from dataclasses import dataclass
from typing import Annotated

import typer

from genrec.jobs import job


@dataclass(frozen=True)
class Placing(job.Placing):
    """`Placing` as options; a bundle (genrec.cli.bundle)."""

    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Share the work among N processes; the result is the same.")
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS|local", help="Share it among --workers of a Ray cluster, or of this machine."),
    ] = None
