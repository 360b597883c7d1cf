"""`genrec-eval audit`: look for knowledge of the future in a run."""

from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import err, out

SHOWN = 5


def audit(run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]) -> None:
    """Prove that nothing a run says it used knows the moments it was asked about; exit code 1 if something does."""
    from eval.audit import audit as examine  # deferred: --help needs no Polars

    with err.status("checking"):
        findings = examine(run)
    for finding in findings:
        verdict = "LEAK" if finding.leaks else "ok  " if finding.checked else "-   "
        out.print(f"{verdict} {finding.check} ({finding.checked:,} checked)", markup=False)
        for leak in finding.leaks[:SHOWN]:
            out.print(f"     {leak}", markup=False)
        if len(finding.leaks) > SHOWN:
            out.print(f"     and {len(finding.leaks) - SHOWN:,} more", markup=False)
    out.print("Not provable from a run: what a language model or an adapter saw in its training, and that the rankings")
    out.print("are what the methods answered. Whoever doubts that runs the methods again, into another folder.")
    if any(finding.leaks for finding in findings):
        raise typer.Exit(1)
