"""The `genrec` command. Each group of subcommands has a file of its own beside this one."""

import sys

import typer

from genrec.cli import data, model, profile
from genrec.cli.recommend import recommend
from genrec.cli.serve import serve
from genrec.errors import GenRecError

app = typer.Typer(
    name="genrec",
    help="From check-ins to readable user profiles and ranked next places.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(profile.app, name="profile")
app.command()(recommend)
app.command()(serve)
app.add_typer(model.app, name="model")


def main() -> None:
    """Run the command; a mistake of the user's becomes one line and exit code 2."""
    try:
        app()
    except (GenRecError, OSError) as error:  # OSError: a full disk, a folder that may not be written to
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
