"""`genrec-train compact`: an adapter in half the space."""

from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import out
from genrec.files import one_writer


def compact(
    context: typer.Context,
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="The folder of a LoRA adapter.")],
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the smaller one.")],
) -> None:
    """Write an adapter in bfloat16, without the files of its training, to be passed on."""
    from training.merge import compact as write_compact  # deferred: torch is slow to load, --help needs none

    context.with_resource(one_writer(output, folder=True))
    write_compact(adapter, output)
    size = sum(path.stat().st_size for path in output.iterdir())
    out.print(f"{output}: {size / 1e6:.1f} MB", markup=False)
