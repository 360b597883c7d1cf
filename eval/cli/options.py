"""Options that several commands of `genrec-eval` share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from eval.methods.names import NAMES
from eval.protocol import SplitName
from genrec.cli.options import Model, Servers
from genrec.filters import PresetName
from genrec.llm.address import together
from genrec.trajectories import Part

METHOD = typer.Option("--method", metavar="M", help=f"What to examine; give it several times. {NAMES}.")

Output = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the run and its report.")]
Profiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--profiles",
        metavar="FILE",
        help="Profiles to show to the model, of each user the latest before an example; several files for several "
        "moments. Where there is none: one by templates.",
    ),
]
Rankers = Annotated[
    Path | None,
    typer.Option(
        "--rankers",
        metavar="DIR",
        help="Trained rankers (genrec-train rankers); else the fusion that comes with GenRec.",
    ),
]
Split = Annotated[SplitName, typer.Option(help="Which visits are to be predicted.")]
Aggregates = Annotated[
    Path | None,
    typer.Option("--aggregates", metavar="FILE", help="Write the figures, and nothing of any person, as JSON, too."),
]


@dataclass(frozen=True)
class Choice:
    """Which visits are examined; a bundle of options (genrec.cli.bundle)."""

    split: Split = "llm4poi"
    part: Annotated[Part, typer.Option(help="For choices use the validation part.")] = "test"
    preset: Annotated[
        PresetName | None,
        typer.Option(help="Filter as GenUP did; with a data set's name, compare the number of test examples."),
    ] = None


@dataclass(frozen=True)
class Draw:
    """How many of the visits are examined, and how they are drawn; a bundle of options."""

    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Examine a sample of N examples only.")] = None
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn, and of trained methods.")] = 0


@dataclass(frozen=True)
class Home:
    """Another city, in which methods learn what they know in a new one; a bundle of options."""

    train: Annotated[
        Path | None,
        typer.Option("--train", metavar="IN", help="Another city, in which trained methods learn for the cold city."),
    ] = None
    train_rankers: Annotated[
        Path | None,
        typer.Option("--train-rankers", metavar="DIR", help="Rankers trained in that city; the cold city asks m2trec."),
    ] = None


@dataclass(frozen=True)
class ModelNames:
    """The model that ranks; a bundle of options."""

    model: Model = None
    servers: Servers = None

    @property
    def server(self) -> str | None:
        """The servers as one text."""
        return together(self.servers or ())


@dataclass(frozen=True)
class AdaptedNames(ModelNames):
    """The model that ranks, and the adapter of methods that use one; a bundle of options."""

    adapter: Annotated[
        str | None, typer.Option(metavar="DIR", help="LoRA adapter of the methods that end in -adapted.")
    ] = None
