"""Which model ranks, and which writes missing profiles: the options of the commands that rank."""

from dataclasses import dataclass
from typing import Annotated

import typer

from genrec.assistant import Models
from genrec.cli.options import Adapter, Model, NoAdapter, Probabilities, Servers
from genrec.errors import GenRecError
from genrec.llm.address import together


@dataclass(frozen=True)
class RankingModel:
    """What the user names of `Models`, as options; raises GenRecError for an adapter beside no adapter."""

    model: Model = None
    servers: Servers = None
    adapter: Adapter = None
    plain: NoAdapter = False
    profile_model: Annotated[
        str | None, typer.Option(metavar="M|URL", help="Model or server that writes missing profiles.")
    ] = None
    probabilities: Probabilities = "catalogue"

    def __post_init__(self) -> None:
        if self.adapter and self.plain:
            raise GenRecError("--adapter and --no-adapter exclude each other")

    @property
    def models(self) -> Models:
        """What was named."""
        server = together(self.servers or ())
        return Models(self.model, server, self.adapter, self.plain, self.profile_model, self.probabilities)
