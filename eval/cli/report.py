"""`genrec-eval report`: the report of a run."""

from pathlib import Path
from typing import Annotated

import typer

from eval.report.write import write_report
from genrec.cli.console import err, out
from genrec.errors import InputError
from genrec.files import one_writer


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
) -> None:
    """Write metrics.json, report.md and report.html into the folder of a run."""
    if not folder.is_dir():
        raise InputError("no such folder.", file=folder, fix="Name a folder of `genrec-eval run`.")
    with err.status("counting"), one_writer(folder, folder=True):
        verdicts = write_report(folder)
    for verdict in verdicts:
        out.print(verdict.headline, markup=False)
    out.print(f"{folder / 'report.html'}, report.md and metrics.json beside it", markup=False)
