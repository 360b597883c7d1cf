"""The `genrec-eval` command. Each command has a file of its own beside this one."""

import typer

from eval.cli.audit import audit
from eval.cli.bench import bench
from eval.cli.experiments import ablation, cold_start, cross_city
from eval.cli.fit import fit_habits
from eval.cli.profiles import profiles
from eval.cli.report import report
from eval.cli.run import run
from eval.cli.score import score
from genrec.cli.entry import EPILOG, run_app

app = typer.Typer(
    name="genrec-eval",
    help="Evaluate rankings of the next place, and profiles: honestly, with intervals.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)
app.command()(run)
app.command()(audit)
app.command("fit-habits")(fit_habits)
app.command()(profiles)
app.command()(report)
app.command()(score)
app.command()(bench)
app.command()(ablation)
app.command("cold-start")(cold_start)
app.command("cross-city")(cross_city)


def main() -> None:
    """Run the command."""
    run_app(app)
