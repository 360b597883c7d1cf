"""Ask about one user after another, and see what a change to a profile does to the ranking."""

from datetime import datetime
from typing import get_args

from genrec.assistant import Assistant, check_user
from genrec.cli.console import out
from genrec.cli.render import print_profile, print_ranking
from genrec.cli.times import local_time
from genrec.errors import GenRecError
from genrec.profiles.editing import replace_statement
from genrec.profiles.profile import Level, Profile
from genrec.prompting import one_line
from genrec.recommender import Ranking

HELP = """[bold]user ID[/bold]        pick a user            [bold]at TIME[/bold]   set the time, `at` alone: unknown
[bold]show[/bold]           show the profile       [bold]rank[/bold]      rank again
[bold]line N TEXT[/bold]    replace line N of the profile, without TEXT remove it: to try out, not saved
[bold]level L[/bold]        none, routines, attributes or full      [bold]quit[/bold]      leave"""


class Dialogue:
    """The state of a dialogue: a user, a time, a profile that may be changed, the last ranking."""

    def __init__(self, assistant: Assistant, at: datetime | None, k: int, level: Level) -> None:
        self._assistant, self._k = assistant, k
        self._level: Level = level
        self._at = at
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
            try:
                self._do(command, rest.strip())
            except GenRecError as error:
                out.print(str(error), style="red")

    def _do(self, command: str, rest: str) -> None:
        match command:
            case "":
                return
            case "user":
                check_user(rest, self._assistant.users)
                self._profile, self._last = self._assistant.profile(rest, None, self._at), None
                self._number_lines(self._profile)
                self._rank()
            case "at":
                self._at = local_time(rest) if rest else None
                if self._profile:
                    self._rank()
            case "level" if rest in get_args(Level):
                self._level = rest  # type: ignore[assignment]
                self._rank()
            case "line":
                self._change(rest)
            case "show":
                print_profile(out, self._picked())
            case "rank":
                self._rank()
            case _:
                out.print(HELP, markup=True)

    def _picked(self) -> Profile:
        if self._profile is None:
            raise GenRecError("pick a user first: user ID")
        return self._profile

    def _number_lines(self, profile: Profile) -> None:
        for i, statement in enumerate(profile.statements(), start=1):
            out.print(f"  {i}. {statement.text}")

    def _change(self, rest: str) -> None:

        profile = self._picked()
        number, _, text = rest.partition(" ")
        statements = list(profile.statements())
        numbers = [str(i) for i in range(1, len(statements) + 1)]
        if number not in numbers:
            raise GenRecError(f"give the number of a line, 1 to {len(statements)}, and its new text")
        self._profile = replace_statement(profile, statements[numbers.index(number)], one_line(text))
        self._number_lines(self._profile)
        self._rank()

    def _rank(self) -> None:
        [ranking] = self._assistant.rank([(self._picked(), self._at)], self._k, self._level)
        print_ranking(out, ranking)
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
