"""The `genrec-train` command. Each command has a file of its own beside this one."""

import sys

import typer

from genrec.errors import GenRecError
from training.cli.sft import sft

app = typer.Typer(
    name="genrec-train",
    help="Tune a local model to rank next places: on this machine, from a recipe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(sft)


@app.callback()
def _several_commands() -> None:
    """Without this, Typer would leave out the name of a single command."""


def main() -> None:
    """Run the command; a mistake of the user's becomes one message and exit code 2."""
    try:
        app()
    except (GenRecError, OSError) as error:  # OSError: a full disk, a folder that may not be written to
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
