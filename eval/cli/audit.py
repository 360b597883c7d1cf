"""`genrec-eval audit`: look for knowledge of the future in a run."""

from pathlib import Path
from typing import Annotated

import typer

from eval.audit import audit as examine
from genrec.cli.console import err, out

SHOWN = 5


def audit(run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]) -> None:
    """Prove that nothing a run says it used knows the moments it was asked about; exit code 1 if something does."""
    with err.status("checking"):
        checks = examine(run)
    for check in checks:
        verdict = "LEAK" if check.leaks else "ok  " if check.checked else "-   "
        out.print(f"{verdict} {check.name} ({check.checked:,} checked)", markup=False)
        for leak in check.leaks[:SHOWN]:
            out.print(f"     {leak}", markup=False)
        if len(check.leaks) > SHOWN:
            out.print(f"     and {len(check.leaks) - SHOWN:,} more", markup=False)
    out.print("Not provable from a run: what a language model or an adapter saw in its training, and that the rankings")
    out.print("are what the methods answered. Whoever doubts that runs the methods again, into another folder.")
    if any(check.leaks for check in checks):
        raise typer.Exit(1)
