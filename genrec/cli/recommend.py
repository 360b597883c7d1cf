"""`genrec recommend`: the next place of one user, of many, or in a dialogue."""

import json
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from genrec.cli.console import err, out, progress_bar
from genrec.cli.options import CheckinsPath, Columns, DayFirst, OnBadRows, Pois, Timezone, load_checkins
from genrec.cli.profile import Model, Server, check_user, make_writer
from genrec.cli.render import print_ranking
from genrec.cli.times import TIME_FORMATS, local_time
from genrec.errors import GenRecError, InputError

if TYPE_CHECKING:
    from genrec.checkins import Checkins
    from genrec.profile import Profile
    from genrec.profiler import Writer
    from genrec.recommender import Ranking, Recommender

Level = Annotated[
    Literal["none", "routines", "attributes", "full"],
    typer.Option(help="How much of the profile the model sees; the habit table is always there."),
]


def recommend(
    path: CheckinsPath,
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
            formats=TIME_FORMATS,
            metavar="TIME",
            help="Local time of the visit (2024-03-05 08:00); default: unknown.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the ranking.")] = 10,
    level: Level = "full",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    users_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Many users: a line each, `user` or `user,time`. Needs --out.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Rankings as JSON Lines.")] = None,
    model: Model = None,
    server: Server = None,
    profile_model: Annotated[
        str | None, typer.Option(metavar="M|URL", help="Model or server that writes missing profiles.")
    ] = None,
    columns: Columns = None,
    on_bad_rows: OnBadRows = "fail",
    day_first: DayFirst = None,
    timezone: Timezone = None,
    pois: Pois = None,
) -> None:
    """Rank the places where a user may go next, beside what their habits alone would say."""
    from genrec.profile import read_profiles

    if (users_from is None) != (output is None):
        raise GenRecError("--users-from and --out belong together: who is asked about, and where the rankings go")
    known = read_profiles(profiles) if profiles else {}
    checkins = load_checkins(
        path, columns=columns, on_bad_rows=on_bad_rows, day_first=day_first, timezone=timezone, pois=pois
    )
    desk = Desk(checkins, known, model, server, profile_model)
    if users_from and output:
        desk.batch(read_asks(users_from, at), output, k, level)
    elif user or about:
        ranking = desk.rank(desk.profile(user, about, at), at, k, level)
        if as_json:
            out.print(json.dumps(to_json(ranking), indent=2, ensure_ascii=False), markup=False, emoji=False)
        else:
            print_ranking(out, ranking)
    else:
        from genrec.cli.dialogue import Dialogue

        Dialogue(desk, k, level).run()


class Desk:
    """What a command needs to answer: data, profiles, and models that are loaded when first used."""

    def __init__(
        self,
        checkins: "Checkins",
        profiles: "dict[str, Profile]",
        model: str | None,
        server: str | None,
        profile_model: str | None,
    ) -> None:
        self.checkins = checkins
        self.profiles = profiles
        self.users = dict.fromkeys(checkins.frame["user_id"].unique(maintain_order=True).to_list())
        self._model, self._server, self._profile_model = model, server, profile_model
        self._written: dict[tuple[str, datetime | None], Profile] = {}
        self._recommender: Recommender | None = None

    def profile(self, user: str | None, about: str | None, at: datetime | None) -> "Profile":
        """The user's profile: from the file, or written now from what is known before `at`."""
        from genrec.habits import habits_of
        from genrec.profiler import Subject

        if user is not None and user in self.profiles and about is None:
            return self.profiles[user]
        if user is not None and about is None:
            check_user(user, self.users)
            if (user, at) in self._written:
                return self._written[user, at]
        habits = habits_of(self.checkins, user or "new", at)
        if not habits.checkins and about is None:
            raise GenRecError(f"user {user!r} has no check-ins before {at}; say with --about who they are")
        [profile] = self._writer.write([Subject(habits, about or "")])
        if user is not None and about is None:
            self._written[user, at] = profile
        return profile

    @cached_property
    def _writer(self) -> "Writer":
        name, url = self._model, self._server
        if self._profile_model is not None:
            remote = self._profile_model.startswith(("http://", "https://"))
            name, url = (None, self._profile_model) if remote else (self._profile_model, None)
        return make_writer("llm", name, url, self.checkins)

    def rank(self, profile: "Profile", at: datetime | None, k: int, level: Level) -> "Ranking":
        """Rank for a user at a time."""
        from genrec.recommender import Recommender, query

        if self._recommender is None:
            from genrec.llm.connect import connect_ranker

            with err.status("loading the model"):
                self._recommender = Recommender(connect_ranker(self._model, self._server), self.checkins)
        return self._recommender.recommend(query(self.checkins, profile, at), k=k, level=level)

    def batch(self, asks: list[tuple[str, datetime | None]], output: Path, k: int, level: Level) -> None:
        """Add each ranking to `output` as it is made; those already there are not made again."""
        done = _finished(output)
        for user, _ in asks:
            check_user(user, self.users)
        output.parent.mkdir(parents=True, exist_ok=True)
        with progress_bar() as bar, output.open("a", encoding="utf-8") as file:
            for user, at in bar.track(asks, description="users"):
                if _key(user, at) not in done:
                    ranking = self.rank(self.profile(user, None, at), at, k, level)
                    file.write(json.dumps(to_json(ranking), ensure_ascii=False) + "\n")
                    file.flush()
        before = sum(_key(user, at) in done for user, at in asks)
        out.print(f"{len(asks)} rankings in {output}, {before} of them from before", markup=False)


def _key(user: str, at: datetime | None) -> tuple[str, str | None]:
    return user, at.isoformat() if at else None


def _finished(output: Path) -> set[tuple[str, str | None]]:
    from genrec.profile import repair_tail

    if not output.exists():
        return set()
    repair_tail(output)
    try:
        text = output.read_text(encoding="utf-8").removesuffix("\n")
        rankings = [json.loads(line) for line in text.split("\n") if text]
        return {(ranking["user_id"], ranking["at"]) for ranking in rankings}
    except (ValueError, KeyError, TypeError):
        raise GenRecError(f"{output} exists and holds no rankings; name another --out") from None


def read_asks(path: Path, at: datetime | None) -> list[tuple[str, datetime | None]]:
    """Users to ask about, a line each, with a time of their own or `at`."""
    asks: list[tuple[str, datetime | None]] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GenRecError(f"{path}: cannot be read as a text file ({error})") from None
    for row, line in enumerate(lines, start=1):
        user, _, moment = (part.strip() for part in line.partition(","))
        if not user:
            continue
        try:
            asks.append((user, local_time(moment) if moment else at))
        except ValueError as error:
            raise InputError(f"{error}.", file=path, row=row) from None
    return list(dict.fromkeys(asks))


def to_json(ranking: "Ranking") -> dict[str, Any]:
    """A ranking in plain types."""
    return asdict(ranking) | {"at": ranking.at.isoformat() if ranking.at else None}
