"""What a model learns from diaries: windows of people's visits, each visit an answer, behind a profile or without.

Evidence dropout: some windows show the profile alone, some the visits alone, some both, so that each is read. A
profile is of the moment at which the learned part of its window begins.
"""

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import TypeAdapter

from genrec.checkins import Checkins
from genrec.columns import CATEGORY, POI, TIME, USER
from genrec.habits import habits_of
from genrec.plain_yaml import TextLoader, load_yaml
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.rankers.diary import Diarist
from genrec.rankers.place_names import place_names
from genrec.rankers.ranking_prompt import profile_lines
from genrec.trajectories import Visit
from training.data.conversation import TrainingExample

Window = tuple[str, list[Visit]]  # whose, and which visits

SHOWN: Final = {"diary-only": 0.5, "diary": 0.3, "profile-only": 0.2}
TOLD: Final = 1 / 3  # of a window with a profile: before the profile's moment
BEHIND_PROFILE: Final = 12  # lines behind a profile alone
SHORTEST: Final = 6  # lines of a window
MOST_NUMBERS: Final = 99
OWN_NAMES: Final = 0.3  # of the diaries in which places have names of their own
DATES_ONLY: Final = 0.05  # of the diaries that tell no hours
SYLLABLES: Final = "ba bel cor da den fi gar ho ka kel la lin ma mar mo na nor pe ra ri ro sa sol ta ti tor va wi"


def diaries(
    checkins: Checkins, lines: int, *, limit: int | None, relabel: bool, draw: random.Random
) -> list[TrainingExample]:
    """Windows of at most `lines` visits of each person, or a sample of them.

    `relabel` gives the places other names in each.
    """
    windows: list[Window] = []
    for user, times, pois in checkins.frame.group_by(USER, maintain_order=True).agg(TIME, POI).iter_rows():
        visits = list(zip(times, pois, strict=True))
        first = draw.randrange(lines)
        for start in (0, *range(first, len(visits), lines)):
            window = visits[start : first if start == 0 else start + lines]
            if len(window) >= SHORTEST:
                windows.append((user, window))
    if limit is not None and limit < len(windows):
        windows = draw.sample(windows, limit)
    return _written(checkins, windows, relabel=relabel, draw=draw)


def latest_diaries(checkins: Checkins, lines: int, rows: range, draw: random.Random) -> list[TrainingExample]:
    """Windows of at most `lines` visits of each person over some rows, the last filled up with earlier visits."""
    windows: list[Window] = []
    numbered = checkins.frame[: rows.stop].with_row_index("row")
    people = numbered.group_by(USER, maintain_order=True).agg("row", TIME, POI)
    for user, own, times, pois in people.iter_rows():
        visits, first = list(zip(times, pois, strict=True)), bisect_left(own, rows.start)
        if first < len(visits) >= SHORTEST:
            starts = range(min(first, len(visits) - SHORTEST), len(visits), lines)
            parts = [visits[min(start, len(visits) - SHORTEST) : start + lines] for start in starts]
            windows += [(user, part) for part in parts]
    return _written(checkins, windows, relabel=False, draw=draw)


def _written(
    checkins: Checkins, windows: Sequence[Window], *, relabel: bool, draw: random.Random
) -> list[TrainingExample]:
    made = _Maker(checkins, relabel=relabel, draw=draw)
    return [made.example(user, window) for user, window in windows]


class _Maker:
    def __init__(self, checkins: Checkins, *, relabel: bool, draw: random.Random) -> None:
        self._checkins, self._relabel, self._draw = checkins, relabel, draw
        self._writer = HabitsWriter(checkins.pois[CATEGORY].unique().sort().to_list())
        self._names = place_names(checkins.pois)

    def example(self, user: str, window: Sequence[Visit]) -> TrainingExample:
        names = drawn_names(self._checkins.pois, self._draw) if self._relabel else self._names
        dates_only = self._checkins.dates_only or (self._relabel and self._draw.random() < DATES_ONLY)
        diarist = Diarist(self._checkins.pois, names, hours=not dates_only)
        [shows] = self._draw.choices(list(SHOWN), list(SHOWN.values()))
        told, sentences = 0, []
        if shows != "diary-only":
            told = round(len(window) * TOLD)
            habits = habits_of(self._checkins, user, window[told][0])
            [profile] = self._writer.write([Subject(habits)])
            sentences = [line.text for line in profile_lines(profile, "full")]
        if shows == "profile-only":
            window, told = window[told : told + BEHIND_PROFILE], 0
        lines = tuple(diarist.line(visit) for visit in window)
        return TrainingExample(tuple(diarist.messages(sentences)), frozenset(), diary=lines, told=told)


def drawn_names(pois: pl.DataFrame, draw: random.Random) -> list[str]:
    """Other names for the places: their kinds with numbers drawn anew, or names of their own, no two alike."""
    if draw.random() < OWN_NAMES:
        return place_names(pois.with_columns(name=pl.Series([invented_name(kind, draw) for kind in pois[CATEGORY]])))
    numbers: dict[str, list[int]] = {}
    for kind, count in pois[CATEGORY].value_counts().iter_rows():
        most = max(count, draw.randint(9, MOST_NUMBERS))
        numbers[kind] = draw.sample(range(1, most + 1), count)
    numbered = [f"{kind} {numbers[kind].pop()}" for kind in pois[CATEGORY]]
    return place_names(pois.with_columns(name=pl.Series(numbered)))


def invented_name(kind: str, draw: random.Random) -> str:
    """A name that nothing has, mostly with the kind in it."""
    word = "".join(draw.choices(SYLLABLES.split(), k=draw.randint(2, 3))).title()
    return draw.choice((f"{word} {kind}", f"{kind} {word}", f"{word}'s", word))


def in_other_words(checkins: Checkins, draw: random.Random) -> Checkins:
    """A synthetic city with its kinds of places in the words of a vocabulary drawn at random."""
    words = vocabularies()
    number = draw.randrange(-1, len(next(iter(words.values()))))
    if number < 0:
        return checkins
    renamed = {kind: others[number] for kind, others in words.items()}
    return replace(checkins, pois=checkins.pois.with_columns(pl.col(CATEGORY).replace(renamed)))


@cache
def vocabularies() -> dict[str, list[str]]:
    """The kinds of places of the synthetic city in other words, each as often as there are vocabularies."""
    name = "vocabularies.yaml"
    text = files("training.data").joinpath(name).read_text(encoding="utf-8")
    return TypeAdapter(dict[str, list[str]]).validate_python(load_yaml(text, TextLoader, Path(name)))
