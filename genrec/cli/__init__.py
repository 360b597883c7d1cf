"""The `genrec` command. Each group of subcommands has a file of its own beside this one."""

import typer

from genrec.cli import data, model, profile
from genrec.cli.entry import EPILOG, run_app
from genrec.cli.recommend import recommend
from genrec.cli.serve import serve

app = typer.Typer(
    name="genrec",
    help="From check-ins to readable user profiles and ranked next places.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)
app.add_typer(data.app, name="data")
app.add_typer(profile.app, name="profile")
app.command()(recommend)
app.command()(serve)
app.add_typer(model.app, name="model")


def main() -> None:
    """Run the command."""
    run_app(app)
