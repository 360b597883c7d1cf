"""What several commands share: options, and how they show progress."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import progress_bar
from genrec.errors import GenRecError
from training.progress import Progress

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A YAML file; see training/recipes/.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe: trainer.learning_rate=1e-4, lora.r=8, ..."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out, if there is one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, after one step of it; write nothing.")]


def require_out(output: Path | None) -> Path:
    """The folder of the run; raises GenRecError if there is none."""
    if output is None:
        raise GenRecError("name the folder of the run with --out (or try the recipe with --dry-run)")
    return output


@contextmanager
def stages() -> Iterator[Callable[[str], Progress]]:
    """Progress bars, one a stage, each from when it first moves; of several processes, the first shows them."""
    bar = progress_bar()
    bar.disable = os.environ.get("RANK", "0") != "0"

    def stage(name: str) -> Progress:
        task = bar.add_task(name, total=None, visible=False)
        return lambda done, total: bar.update(task, completed=done, total=total, visible=True)

    with bar:
        yield stage
