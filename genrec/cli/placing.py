"""Where work over many people is done: the options of the commands that do such work."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from genrec.checkins import Checkins
from genrec.jobs.job import Elsewhere
from genrec.jobs.worker import Task


@dataclass(frozen=True)
class Placing:
    """In this process, in several, or on Ray; a bundle of options (genrec.cli.bundle)."""

    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Share the work among N processes; the result is the same.")
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS|local", help="Share it among --workers of a Ray cluster, or of this machine."),
    ] = None

    def elsewhere(self, task: Task, checkins: Checkins, made_from: Mapping[str, Any]) -> Elsewhere | None:
        """How the work is shared, if it is: see `Elsewhere`."""
        workers = self.workers or 1
        return Elsewhere(workers, self.ray, task, checkins, made_from) if self.ray or workers > 1 else None
