"""Ask about one user after another, and see what a change to a profile does to the ranking."""

from datetime import datetime
from typing import Any, get_args

from genrec.assistant import Assistant, check_user
from genrec.cli.console import out
from genrec.cli.render import print_explanation, print_profile, print_ranking
from genrec.cli.times import local_time
from genrec.errors import GenRecError
from genrec.profiles.editing import replace_statement, stated
from genrec.profiles.profile import Level, Profile
from genrec.prompting import one_line
from genrec.ranking import By, Ranking
from genrec.steering import STRONGEST
from genrec.validation import shortened

LONGEST_SHOWN = 60  # characters of what was typed

HELP = """[bold]user ID[/bold]        pick a user            [bold]at TIME[/bold]   set the time, `at` alone: unknown
[bold]show[/bold]           show the profile       [bold]rank[/bold]      rank again
[bold]by WHOM[/bold]        who ranks: fusion, habits or llm        [bold]quit[/bold]      leave
[bold]says TEXT[/bold]      add what the person says of themselves, `says` alone: forget it (by fusion)
[bold]steer N[/bold]        how much that counts, 0 to 2 (by fusion)
[bold]line N TEXT[/bold]    replace line N of the profile, without TEXT remove it: to try out, not saved
[bold]level L[/bold]        none, routines, attributes or full (by llm)"""


class Dialogue:
    """The state of a dialogue: a user, a time, who ranks, a profile that may be changed, the last ranking.

    A profile is read, or written, when it is first needed: to rank by the LLM, or to show or change it.
    """

    def __init__(
        self,
        assistant: Assistant,
        at: datetime | None,
        by: By,
        k: int,
        level: Level,
        strength: float = 1.0,
        *,
        explain: bool = False,
    ) -> None:
        self._assistant, self._k, self._explain = assistant, k, explain
        self._by: By = by
        self._level: Level = level
        self._at = at
        self._user: str | None = None
        self._profile: Profile | None = None
        self._last: Ranking | None = None
        self._says: list[str] = []
        self._strength = strength

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
                if not rest:
                    raise GenRecError("user ID: say which user")
                check_user(rest, self._assistant.users)
                self._user, self._profile, self._last, self._says = rest, None, None, []
                self._rank()
            case "line":
                self._change(rest)
            case "show":
                print_profile(out, self._needed_profile())
            case "rank":
                self._rank()
            case "help":
                out.print(HELP, markup=True)
            case _:
                self._set(command, rest)

    def _set(self, command: str, rest: str) -> None:
        """Change how is ranked, and rank again; raises GenRecError if that is not what the command does."""
        match command:
            case "at":
                self._at = local_time(rest) if rest else None
                if self._user is not None:
                    self._rank()
            case "by":
                self._by = _one_of("by WHOM", rest, By)
                if self._user is not None:
                    self._rank()
            case "says":
                self._says = list(dict.fromkeys([*self._says, rest])) if rest else []
                self._rank_again("what a person says", "fusion")
            case "steer":
                self._strength = _strength(rest)
                self._rank_again("the strength of words", "fusion")
            case "level":
                self._level = _one_of("level L", rest, Level)
                self._rank_again("the level of the profile", "llm")
            case _:
                line = shortened(f"{command} {rest}".strip(), LONGEST_SHOWN)
                raise GenRecError(f"{line!r} is not a command (`help` lists them); to say it of yourself: says {line}")

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

    def _words(self) -> list[str]:
        """What was said here, and what was put into the profile."""
        profile = self._profile or self._assistant.profiles.get(self._picked())
        return self._says + (stated(profile) if profile else [])

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
        if self._by == "habits":
            out.print(
                "a changed profile does not count with habits alone: type `by fusion` or `by llm` to rank with it"
            )
        else:
            self._rank()

    def _rank_again(self, changed: str, with_whom: By) -> None:
        """Rank after a change that counts with one ranker only, or say that it is without effect."""
        if self._by == with_whom:
            self._rank()
        else:
            out.print(f"{changed} counts by {with_whom} only, and {self._by} ranks: type `by {with_whom}`")

    def _rank(self) -> None:
        if self._by == "llm":
            if self._profile is None:
                self._number_lines(self._needed_profile())
            [ranking] = self._assistant.rank_profiles([(self._needed_profile(), self._at)], self._k, self._level)
        elif self._by == "fusion" and (says := self._words()):
            ranking = self._assistant.rank_with_words(self._picked(), self._at, says, self._k, self._strength)
        else:
            [ranking] = self._assistant.rank([(self._picked(), self._at)], self._by, self._k, self._level)
        print_ranking(out, ranking)
        if self._explain:
            print_explanation(out, ranking)
        if self._last:
            _print_changes(self._last, ranking)
        self._last = ranking


def _one_of(usage: str, given: str, kind: Any) -> Any:
    """One of the words of a `Literal`; raises GenRecError for another."""
    words = get_args(kind)
    if given not in words:
        but = f", and not {shortened(given, LONGEST_SHOWN)!r}" if given else ""
        raise GenRecError(f"{usage}: {', '.join(words[:-1])} or {words[-1]}{but}")
    return given


def _strength(text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= STRONGEST:
        raise GenRecError(f"steer N: a number from 0 to {STRONGEST:g}, and not {text[:20]!r}")
    return strength


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
    out.print(f"  Changed: {', '.join(moves + gone) or 'no rank'}; probabilities of those in both lists by {shift:.4f}")
