"""Ask about one user after another, and see what a change to a profile does to the ranking."""

from datetime import datetime
from typing import get_args

from genrec.assistant import Assistant, check_user
from genrec.cli.console import out
from genrec.cli.render import print_explanation, print_profile, print_ranking
from genrec.cli.times import local_time
from genrec.errors import GenRecError
from genrec.profiles.editing import replace_statement
from genrec.profiles.profile import Level, Profile
from genrec.prompting import one_line
from genrec.ranking import By, Ranking

HELP = """[bold]user ID[/bold]        pick a user            [bold]at TIME[/bold]   set the time, `at` alone: unknown
[bold]show[/bold]           show the profile       [bold]rank[/bold]      rank again
[bold]by WHOM[/bold]        who ranks: fusion, habits or llm        [bold]quit[/bold]      leave
By llm only:
[bold]line N TEXT[/bold]    replace line N of the profile, without TEXT remove it: to try out, not saved
[bold]level L[/bold]        none, routines, attributes or full"""


class Dialogue:
    """The state of a dialogue: a user, a time, who ranks, a profile that may be changed, the last ranking.

    A profile is read, or written, when it is first needed: to rank by the LLM, or to show or change it.
    """

    def __init__(
        self, assistant: Assistant, at: datetime | None, by: By, k: int, level: Level, *, explain: bool = False
    ) -> None:
        self._assistant, self._k, self._explain = assistant, k, explain
        self._by: By = by
        self._level: Level = level
        self._at = at
        self._user: str | None = None
        self._profile: Profile | None = None
        self._last: Ranking | None = None

    def run(self) -> None:
        """Read commands until `quit` or the end of input; a mistake does not end the dialogue."""
        out.print(HELP, markup=True)
        out.print(f"users: {', '.join(list(self._assistant.users)[:10])}, ...")
        while True:
            try:
                command, _, rest = out.input("[bold]genrec>[/bold] ").strip().partition(" ")
            except (EOFError, KeyboardInterrupt):
                return
            except UnicodeDecodeError:
                raise GenRecError("what was typed is not UTF-8 text") from None
            if command == "quit":
                return
            if not command:
                continue
            try:
                self._do(command, rest.strip())
            except GenRecError as error:
                out.print(str(error), style="red")

    def _do(self, command: str, rest: str) -> None:
        match command:
            case "user":
                check_user(rest, self._assistant.users)
                self._user, self._profile, self._last = rest, None, None
                self._rank()
            case "at":
                self._at = local_time(rest) if rest else None
                if self._user is not None:
                    self._rank()
            case "by" if rest in get_args(By):
                self._by = rest  # type: ignore[assignment]
                if self._user is not None:
                    self._rank()
            case "level" if rest in get_args(Level):
                self._level = rest  # type: ignore[assignment]
                self._rank_again("the level of the profile")
            case "line":
                self._change(rest)
            case "show":
                print_profile(out, self._needed_profile())
            case "rank":
                self._rank()
            case _:
                out.print(HELP, markup=True)

    def _picked(self) -> str:
        if self._user is None:
            raise GenRecError("pick a user first: user ID")
        return self._user

    def _needed_profile(self) -> Profile:
        """The profile of the user picked, read or written now if it has not been needed so far."""
        user = self._picked()
        if self._profile is None:
            self._profile = self._assistant.profile(user, None, self._at)
        return self._profile

    def _number_lines(self, profile: Profile) -> None:
        for i, statement in enumerate(profile.statements(), start=1):
            out.print(f"  {i}. {statement.text}")

    def _change(self, rest: str) -> None:
        profile = self._needed_profile()
        number, _, text = rest.partition(" ")
        statements = list(profile.statements())
        numbers = [str(i) for i in range(1, len(statements) + 1)]
        if number not in numbers:
            raise GenRecError(f"give the number of a line, 1 to {len(statements)}, and its new text")
        self._profile = replace_statement(profile, statements[numbers.index(number)], one_line(text))
        self._number_lines(self._profile)
        self._rank_again("a changed profile")

    def _rank_again(self, changed: str) -> None:
        """Rank after a change that counts with the LLM only, or say that it is without effect."""
        if self._by == "llm":
            self._rank()
        else:
            out.print(f"{changed} counts with the LLM only, and the {self._by} ranks: type `by llm` to rank with it")

    def _rank(self) -> None:
        if self._by == "llm":
            if self._profile is None:
                self._number_lines(self._needed_profile())
            [ranking] = self._assistant.rank_profiles([(self._needed_profile(), self._at)], self._k, self._level)
        else:
            [ranking] = self._assistant.rank([(self._picked(), self._at)], self._by, self._k, self._level)
        print_ranking(out, ranking)
        if self._explain:
            print_explanation(out, ranking)
        if self._last:
            _print_changes(self._last, ranking)
        self._last = ranking


def _print_changes(before: Ranking, after: Ranking) -> None:
    """Which places moved, came or went, and how their probabilities changed."""
    old = {place.poi: (rank, place.probability) for rank, place in enumerate(before.places, start=1)}
    moves = []
    for rank, place in enumerate(after.places, start=1):
        if place.poi not in old:
            moves.append(f"POI {place.poi} new at {rank}")
        elif old[place.poi][0] != rank:
            moves.append(f"POI {place.poi} {old[place.poi][0]} -> {rank}")
    gone = [f"POI {poi} gone" for poi in old if poi not in {place.poi for place in after.places}]
    shift = sum(abs(place.probability - old[place.poi][1]) for place in after.places if place.poi in old)
    out.print(f"  Changed: {', '.join(moves + gone) or 'no rank'}; probabilities by {shift:.4f} in all")
