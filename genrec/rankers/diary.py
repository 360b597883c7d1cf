"""The diary prompt: a profile, and behind it a person's latest visits as lines of a diary that the model goes on with.

    Fri 08:10 Coffee Shop 17
    Fri 12:30 Library 3
    Tue 08:05

Answers are names, which say what a place is. Each line is tokenised by itself, in training as in service: so every
visit of a diary is an answer in exactly the tokens of an answer, and a diary that grows keeps its beginning.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from genrec.columns import CATEGORY
from genrec.llm.backend import Message
from genrec.phrases import WEEKDAYS
from genrec.profiles.profile import Level, Profile
from genrec.prompting import render
from genrec.rankers.ranking_prompt import first_told, named_pois, profile_lines
from genrec.trajectories import Visit

DIARY: Final = ("diary_system", "diary_user")
MOST_LINES: Final = 48  # visits told at most, and at least half as many of a longer past


@dataclass(frozen=True)
class DiaryPrompt:
    """A conversation and what the assistant has said so far, in pieces that are tokenised each by itself.

    `pois`: those that it names.
    """

    messages: list[Message]
    begun: tuple[str, ...]
    pois: frozenset[int]


class Diarist:
    """Puts questions about the places of one catalogue; `hours`: whether the data tell hours."""

    def __init__(self, pois: pl.DataFrame, names: Sequence[str], *, hours: bool) -> None:
        self.names, self._hours = names, hours
        self._kinds = pois[CATEGORY].to_list()

    def ask(self, profile: Profile, visits: Sequence[Visit], at: datetime | None, level: Level = "full") -> DiaryPrompt:
        """Ask for the next POI of a user at a time (None: unknown), after all earlier visits."""
        texts = profile_lines(profile, level)
        told = visits[first_told(len(visits), MOST_LINES) :]
        begun = [piece for visit in told for piece in self.line(visit)]
        return DiaryPrompt(
            self.messages([line.text for line in texts]),
            (*begun, self.moment(at) if at else ""),
            named_pois([line.text for line in texts]) | {poi for _, poi in told},
        )

    def messages(self, sentences: Sequence[str]) -> list[Message]:
        """The conversation up to the first line of the diary, which is the assistant's."""
        lines = [self.named(sentence) for sentence in sentences]
        return [
            {"role": "system", "content": render("diary_system", lines=lines)},
            {"role": "user", "content": render("diary_user")},
        ]

    def line(self, visit: Visit) -> tuple[str, str]:
        """A visit as a line, in two pieces: what is asked, and the answer."""
        time, poi = visit
        return self.moment(time), answer(self.names[poi])

    def moment(self, time: datetime) -> str:
        """The day and, where the data tell it, the time."""
        day = WEEKDAYS[time.weekday()][:3]  # not %a, which follows the locale
        return f"{day} {time:%H:%M}" if self._hours else day

    def named(self, sentence: str) -> str:
        """A sentence with the names of places in place of "POI 17" and of "POI 17 (Coffee Shop)"."""

        def name(found: re.Match[str]) -> str:
            poi, behind = int(found[1]), found[2]
            if poi >= len(self.names):
                return found[0]
            return self.names[poi] + behind.removeprefix(f" ({self._kinds[poi]})")

        return re.sub(r"\bPOI (\d+)(.*?)(?=\bPOI \d|$)", name, sentence)


def answer(name: str) -> str:
    """A name as it stands in a line, with the end of the line, which is the end of the answer."""
    return f" {name}\n"
