"""`genrec-train merge`: a base model and an adapter as one model."""

from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import err, out
from genrec.cli.options import Model
from genrec.llm.adapter import ANY


def merge(
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="The folder of a LoRA adapter.")],
    output: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for the model.")],
    model: Model = None,
) -> None:
    """Write a model folder with the adapter in its weights, for what takes no adapters."""
    from training.merge import merge as write_merged  # deferred: torch is slow to load, --help needs none

    with err.status("merging"):
        declared = write_merged(model or "embedded", adapter, output)
    out.print(f"use it as any model: genrec recommend ... --by llm --model {output}", markup=False)
    if declared.catalogue != ANY:
        err.print(
            f"note: it ranks the POIs of one catalogue only ({declared.catalogue}), which is not checked any more: a "
            "model folder cannot say so, as an adapter can",
            markup=False,
        )
