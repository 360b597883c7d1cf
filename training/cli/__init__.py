"""The `genrec-train` command. Each command has a file of its own beside this one."""

import typer

from genrec.cli.entry import EPILOG, run_app
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
    epilog=EPILOG,
)
app.command()(sft)
app.command()(preferences)
app.command()(dpo)
app.command()(merge)
app.command()(compact)
app.command()(bench)
app.add_typer(budget, name="budget")


def main() -> None:
    """Run the command."""
    run_app(app)
