"""The `genrec-train` command. Each command has a file of its own beside this one."""

import sys

import typer

from genrec.errors import GenRecError
from training.cli.bench import bench
from training.cli.budget import budget
from training.cli.compact import compact
from training.cli.dpo import dpo
from training.cli.merge import merge
from training.cli.preferences import preferences
from training.cli.sft import sft

app = typer.Typer(
    name="genrec-train",
    help="Tune a local model to rank next places: on this machine, from a recipe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(sft)
app.command()(preferences)
app.command()(dpo)
app.command()(merge)
app.command()(compact)
app.command()(bench)
app.add_typer(budget, name="budget")


def main() -> None:
    """Run the command; a mistake of the user's becomes one message and exit code 2."""
    try:
        app()
    except (GenRecError, OSError) as error:  # OSError: a full disk, a folder that may not be written to
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
