"""Options that several commands share: how check-ins are read, and which model is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from genrec.checkins import Checkins
from genrec.cli.console import err, progress_bar
from genrec.errors import GenRecError, InputError
from genrec.llm.backend import Over
from genrec.parted import Parted, is_parted
from genrec.reading.reader import Opened, gathered, open_checkins, read_checkins
from genrec.reading.rows import OnBadRows
from genrec.reading.text import Progress, show

CheckinsPath = Annotated[
    Path, typer.Argument(metavar="IN", help="Check-ins (CSV, TSV, JSON or Parquet), or a prepared folder.")
]
Model = Annotated[
    str | None, typer.Option("--model", help="Hugging Face id, model folder or 'embedded' (the default).")
]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="OpenAI-compatible server to use; a key goes into GENREC_API_KEY. Several that serve the same share the "
        "work: repeat it.",
    ),
]
Adapter = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|NAME", help="LoRA adapter that ranks: its folder, or the name under which --server serves it."
    ),
]
Probabilities = Annotated[
    Over,
    typer.Option(help="By llm: of the places (catalogue), or of all that it might say (model), which takes longer."),
]
NoAdapter = Annotated[
    bool,
    typer.Option("--no-adapter", help="Rank without the adapter that comes with 'embedded'."),
]


@dataclass(frozen=True)
class Reading:
    """How a command reads check-ins; a bundle of options (genrec.cli.bundle)."""

    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAME=COLUMN,...",
            help="What the file calls the columns, where that is not recognised: user_id=UserId,poi_id=VenueId,... "
            "Of two files (--pois) the one that has the column is meant; pois.name=... means the file of POIs.",
        ),
    ] = None
    on_bad_rows: Annotated[
        OnBadRows, typer.Option("--on-bad-rows", help="Stop at the first faulty row, or set faulty rows aside.")
    ] = "fail"
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="How to read 3/4/2012 if no date of the file tells."),
    ] = None
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone", metavar="ZONE", help="Zone of the local times (America/Edmonton), for UTC-only files."
        ),
    ] = None
    pois: Annotated[
        Path | None,
        typer.Option(
            "--pois", metavar="FILE", help="Positions, categories or both of the POIs, if in a file of their own."
        ),
    ] = None

    def checkins(self, path: Path, *, rejects: Path | None = None) -> Checkins:
        """Read check-ins as the options say; progress and notes go to stderr.

        Skipped rows go to `rejects`, or else to `<name of the file>.rejects.csv` in the current folder.
        """
        if path.is_dir():
            return read_checkins(
                path,
                columns=_mapping(self.columns),
                day_first=self.day_first,
                timezone=self.timezone,
                pois_file=self.pois,
            )
        with self.opened(path, rejects=rejects) as (opened, progress):
            return gathered(opened, self.timezone, progress)

    def by_parts(self, path: Path) -> Checkins | Parted:
        """The same, but a folder in parts is not read yet."""
        if not is_parted(path):
            return self.checkins(path)
        if self.columns or self.timezone or self.pois or self.day_first is not None:
            raise InputError("options for reading a file do not apply to a prepared folder.", file=path)
        return Parted(path)

    @contextmanager
    def opened(self, path: Path, *, rejects: Path | None = None) -> Iterator[tuple[Opened, Progress]]:
        """A file of check-ins, recognised, and whom to tell how much of it is read; notes are printed at the end."""
        bar = progress_bar()
        bar.disable = not err.is_terminal
        with bar:
            task = bar.add_task("reading, MB", total=None)
            opened = open_checkins(
                path,
                columns=_mapping(self.columns),
                on_bad_rows=self.on_bad_rows,
                day_first=self.day_first,
                timezone=self.timezone,
                pois_file=self.pois,
                rejects=rejects or Path(f"{path.stem}.rejects.csv"),
            )
            yield opened, lambda done, total: bar.update(task, completed=done >> 20, total=max(1, total >> 20))
        for note in opened.notes:
            err.print(f"note: {note}", markup=False)


def _mapping(columns: str | None) -> dict[str, str]:
    """`--columns` as canonical name -> column of the file."""
    mapping: dict[str, str] = {}
    for pair in filter(None, (columns or "").split(",")):
        canonical, equals, name = (part.strip() for part in pair.partition("="))
        if not (canonical and equals and name):
            raise GenRecError(
                f"--columns: {show(pair)} is not NAME=COLUMN; write --columns user_id=UserId,poi_id=VenueId,..."
            )
        if canonical in mapping:
            raise GenRecError(f"--columns names {show(canonical)[1:-1]} twice.")
        mapping[canonical] = name
    return mapping
