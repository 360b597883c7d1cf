"""`genrec-eval checker`: how often the checker of sentences is right."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from eval.profiles.checker import figures, labelled_sentences, the_town
from genrec.cli.console import out

MEASURES = {
    "precision": "of what passes, true",
    "recall": "of what is true, passes",
    "false": "of what is false, passes",
    "half": "of what is half true, passes",
    "nonsense": "of what is nonsense, passes",
    "change": "of what is true of change over time, passes",
    "small model": "of what is true in the style of small models, passes",
    "portrait": "of what is true in portraits of bigger models, passes",
    "report": "of what is true in reports, passes",
    "notes": "of what is true in notes, passes",
    "spoken": "of what is true and spoken, passes",
}


def checker(
    *,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the figures as JSON.")] = None,
) -> None:
    """Hold the checker of profile sentences against sentences labelled by hand."""
    rows = figures(labelled_sentences(), the_town())
    if output:
        output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    table = Table(title="The checker, with 95% intervals (Wilson)", title_justify="left")
    for heading in ("part", "of what", "n", "share", "interval"):
        table.add_column(heading, justify="right" if heading in ("n", "share") else "left")
    for row in rows:
        value, span = (
            ("-", "") if row["value"] is None else (f"{row['value']:.3f}", f"{row['low']:.2f}..{row['high']:.2f}")
        )
        table.add_row(row["part"], MEASURES[row["measure"]], f"{row['n']}", value, span)
    out.print(table)
