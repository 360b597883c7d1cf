"""The options of `genrec-eval run` and the presets, declared once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

METHODS = (
    "popularity, most-frequent, most-recent, markov, nearest, habits, sasrec; the model: llm:none, llm:routines, "
    "llm:attributes, llm:full, and the controls llm:full-swapped (another user's profile) and llm:full-emptied; behind "
    "an llm: -notable (no habit table), -adapted (with --adapter, or the one that comes with 'embedded')."
)
METHOD = typer.Option("--method", metavar="M", help=f"What to examine; give it several times. {METHODS}")

Output = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the run and its report.")]
Profiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--profiles",
        metavar="FILE",
        help="Profiles to show to the model, of each user the latest before an example; several files for several "
        "moments. Where there is none: one by templates.",
    ),
]
Split = Annotated[Literal["llm4poi", "all-visits", "rolling"], typer.Option(help="Which visits are to be predicted.")]
Part = Annotated[Literal["validation", "test"], typer.Option(help="For choices use the validation part.")]
Preset = Annotated[
    Literal["genup", "genup-nyc", "genup-tky", "genup-ca"] | None,
    typer.Option(help="Filter as GenUP did; with a data set's name, compare the number of test examples."),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Examine a sample of N examples only.")]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is drawn, and of trained methods.")]
Adapter = Annotated[str | None, typer.Option(metavar="DIR", help="LoRA adapter of the methods that end in -adapted.")]
Aggregates = Annotated[
    Path | None,
    typer.Option("--aggregates", metavar="FILE", help="Write the figures, and nothing of any person, as JSON, too."),
]
