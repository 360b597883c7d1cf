"""Which model ranks, and which writes missing profiles: the options of the commands that rank."""

from dataclasses import dataclass
from typing import Annotated

import typer

from genrec.assistant import Models
from genrec.cli.options import Adapter, Model, NoAdapter, Probabilities, Server
from genrec.errors import GenRecError


@dataclass(frozen=True)
class RankingModel(Models):
    """What the user names of `Models`, as options; raises GenRecError for an adapter beside no adapter."""

    model: Model = None
    server: Server = None
    adapter: Adapter = None
    plain: NoAdapter = False
    profile_model: Annotated[
        str | None, typer.Option(metavar="M|URL", help="Model or server that writes missing profiles.")
    ] = None
    probabilities: Probabilities = "catalogue"

    def __post_init__(self) -> None:
        if self.adapter and self.plain:
            raise GenRecError("--adapter and --no-adapter exclude each other")
