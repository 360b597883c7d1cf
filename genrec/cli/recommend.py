"""`genrec recommend`: the next place of one user, of many, or in a dialogue."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from genrec.assistant import Assistant, Models
from genrec.cli.batch import rank_all, read_asks, to_json
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.dialogue import Dialogue
from genrec.cli.options import Adapter, CheckinsPath, Model, NoAdapter, Reading, Server
from genrec.cli.render import print_ranking
from genrec.cli.times import local_time
from genrec.errors import GenRecError
from genrec.profiles.profile import Level, read_profiles

LONGEST_ABOUT = 2000  # characters


@dataclass(frozen=True)
class _Models(Models):
    """The same as options."""

    model: Model = None
    server: Server = None
    adapter: Adapter = None
    plain: NoAdapter = False
    profile_model: Annotated[
        str | None, typer.Option(metavar="M|URL", help="Model or server that writes missing profiles.")
    ] = None


@bundled
def recommend(
    path: CheckinsPath,
    *,
    profiles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Profiles, as `genrec profile` wrote them; else written now.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="One user; without, a dialogue.")] = None,
    about: Annotated[
        str | None, typer.Option(help="For somebody without check-ins: what they say of themselves.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=local_time,
            metavar="TIME",
            help="Local time of the visit (2024-03-05 08:00); default: unknown.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the ranking.")] = 10,
    level: Annotated[
        Level, typer.Option(help="How much of the profile the model sees; the habit table is always there.")
    ] = "full",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    users_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Many users: a line each, `user` or `user,time`. Needs --out.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Rankings as JSON Lines.")] = None,
    models: _Models,
    reading: Reading,
) -> None:
    """Rank the places where a user may go next, beside what their habits alone would say."""
    _check_who(user, about, users_from, output)
    if models.adapter and models.plain:
        raise GenRecError("--adapter and --no-adapter exclude each other")
    known = read_profiles(profiles) if profiles else {}
    checkins = reading.checkins(path)
    assistant = Assistant(checkins, known, models, err.status)
    if users_from and output:
        rank_all(assistant, read_asks(users_from, at, assistant.users), output, k, level)
    elif user is not None or about is not None:
        [ranking] = assistant.rank([(assistant.profile(user, about, at), at)], k, level)
        if as_json:
            out.print(json.dumps(to_json(ranking), indent=2, ensure_ascii=False), markup=False, emoji=False)
        else:
            print_ranking(out, ranking)
            err.print(f"prefix cache: {assistant.reused():.0%} of the prompt's tokens were known")
    else:
        Dialogue(assistant, at, k, level).run()


def _check_who(user: str | None, about: str | None, users_from: Path | None, output: Path | None) -> None:
    """Raise GenRecError unless the options say clearly who is asked about."""
    if (users_from is None) != (output is None):
        raise GenRecError("--users-from and --out belong together: who is asked about, and where the rankings go")
    for option, text in (("--user", user), ("--about", about)):
        if text is None:
            continue
        if users_from:
            raise GenRecError(f"{option} and --users-from exclude each other")
        if not text.strip():
            raise GenRecError(f"{option} is empty; give it a text, or leave it out")
        if any("\ud800" <= c <= "\udfff" for c in text):  # bytes of the command line that are no text
            raise GenRecError(f"{option} is not UTF-8 text")
    if about and len(about) > LONGEST_ABOUT:
        raise GenRecError(f"--about has {len(about):,} characters; at most {LONGEST_ABOUT:,}")
