"""The order of a portrait: which facts make a sentence, and which sentences a paragraph."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from genrec.habit_models import Habits
from genrec.llm.backend import Message
from genrec.profiles.portrait.facts import Fact, FactKind, facts
from genrec.profiles.portrait.phrases import fitting
from genrec.profiles.writing_prompt import Section
from genrec.prompting import render

Group = tuple[Fact, ...]  # what one sentence says

# The paragraphs: who and where; the week, the day, and what changes; tastes and what is new. Each in its order.
ORDER: Final[dict[Section, tuple[FactKind, ...]]] = {
    "summary": ("lives", "works", "studies", "top", "area"),
    "routines": ("rhythm", "place", "step", "more", "less"),
    "preferences": ("taste", "kind", "known places", "new places", "new"),
}
TOGETHER: Final[dict[FactKind, int]] = {
    "place": 2,
    "taste": 3,
    "kind": 2,
    "more": 2,
    "new": 2,
}  # in one sentence at most
ALONE: Final = 0.4  # of the sentences that might say more than one fact

PORTRAIT: Final = ("portrait_system", "portrait_user", "portrait_note")  # the prompt


@dataclass(frozen=True)
class Paragraph:
    """What a paragraph says, sentence by sentence."""

    section: Section
    groups: tuple[Group, ...]


def plan(habits: Habits) -> list[Paragraph]:
    """The paragraphs of a person's portrait, without empty ones; the same each time for the same person."""
    return plan_of(facts(habits), random.Random(habits.user_id))


def plan_of(found: Sequence[Fact], draw: random.Random) -> list[Paragraph]:
    """Facts in order, those of one kind now and then in one sentence."""
    paragraphs = []
    for section, kinds in ORDER.items():
        groups: list[Group] = []
        for kind in kinds:
            for few in (False, True):
                same = [fact for fact in found if (fact.kind, fact.few) == (kind, few)]
                alike = len({fact.since for fact in same}) == 1
                groups += _grouped(same, TOGETHER.get(kind, 1) if alike else 1, draw)
        if groups:
            paragraphs.append(Paragraph(section, _cued(groups, draw)))
    return paragraphs


def _grouped(same: Sequence[Fact], most: int, draw: random.Random) -> list[Group]:
    groups = []
    left = list(same)
    while left:
        size = 1 if draw.random() < ALONE else most
        taken, left = left[:size], left[size:]
        if len(taken) > 1 and taken[0].kind in ("taste", "kind"):  # a list has no days and hours
            taken = [replace(fact, when="") for fact in taken]
        taken.sort(key=lambda fact: not fact.when)  # days and hours at the end would be those of all
        groups.append(tuple(taken))
    return groups


def _cued(groups: Sequence[Group], draw: random.Random) -> tuple[Group, ...]:
    """Groups of facts, each with the cue of a phrasing: another than those before, where there is one."""
    cued: list[Group] = []
    used: set[tuple[str, str]] = set()
    for group in groups:
        cues = [(group[0].kind, phrase.cue) for phrase in fitting(group)]
        drawn = draw.choice([cue for cue in cues if cue not in used] or cues)
        used.add(drawn)
        cued.append(tuple(replace(fact, cue=drawn[1]) for fact in group))
    return tuple(cued)


def portrait_messages(paragraph: Paragraph) -> list[Message]:
    """Ask a model for a paragraph."""
    notes = [render("portrait_note", facts=group) for group in paragraph.groups]
    return [
        {"role": "system", "content": render("portrait_system")},
        {"role": "user", "content": render("portrait_user", notes=notes)},
    ]


def tells(group: Group, sentence: str) -> bool:
    """Whether a sentence has the names, distances and months of a group of facts, or else what makes it up.

    A distance, or a change since some month, is told by what speaks of one, and by nothing else.
    """
    if any(f" {word} " in sentence and not told for word, told in _apart(group)):
        return False
    names = [name.split(" (")[0] if fact.pois else name for fact in group for name in fact.names]
    marks = [*names, *(f"{fact.km} km" for fact in group if fact.km), *(fact.since for fact in group if fact.since)]
    marks = marks or [group[0].when or "places"]
    return all(re.search(rf"{re.escape(mark)}(?!\d)", sentence, re.IGNORECASE) for mark in marks)


def _apart(group: Group) -> tuple[tuple[str, bool], ...]:
    return ("km", any(fact.km for fact in group)), ("since", any(fact.since for fact in group))
