"""The phrasings of facts: which there are for a group of facts, each with its cue in the notes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from genrec.profiles.portrait.facts import Fact
from genrec.prompting import render

VERB: Final = re.compile(r"\[(\w+)\]")
_LINE: Final = re.compile(r"([a-z ]+) (\d) ([a-z ]+): (.+)")
_OFTEN: Final = re.compile(r"\b(?:often|regularly|frequently)\b")


@dataclass(frozen=True)
class Phrase:
    """A sentence with gaps, and its cue."""

    cue: str
    text: str

    def fits(self, group: Sequence[Fact]) -> bool:
        """Whether the facts have the days and hours that it cannot do without, and the visits for its words."""
        if any(fact.few for fact in group) and _OFTEN.search(self.text):
            return False
        needed = {letter: fact for letter, fact in zip("abc", group, strict=False)}
        return all(needed[letter].when for letter in re.findall(r"\{[wT]([abc])\}", self.text))


def fitting(group: Sequence[Fact]) -> list[Phrase]:
    """The phrasings of facts of one kind in one sentence."""
    known = phrases()[group[0].kind, len(group)]
    return [phrase for phrase in known if phrase.fits(group)] or known


@cache
def phrases() -> dict[tuple[str, int], list[Phrase]]:
    """All phrasings, by the kind and the number of facts."""
    found: dict[tuple[str, int], list[Phrase]] = {}
    for line in render("portrait_phrases").splitlines():
        if match := _LINE.fullmatch(line.strip()):
            found.setdefault((match[1], int(match[2])), []).append(Phrase(match[3], match[4]))
    return found
