"""A small town whose people have habits, and a profile written from it: what profile and ranking tests start from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from made import KINDS, at, make

from genrec.checkins import Checkins
from genrec.habit_models import Habits
from genrec.habits import habits_of
from genrec.llm.backend import Generation, Message
from genrec.profiles.profile import Profile
from genrec.profiles.writer import HabitsWriter, Subject


def routine(user: str, kinds: Sequence[int], shift: int = 0) -> list[tuple[str, int, Any]]:
    """Two working weeks between home, coffee and a place of work, and two Friday evenings out."""
    home, work, out = kinds
    visits = []
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        visits += [(user, 2, at(day, 8 + shift)), (user, work, at(day, 9 + shift)), (user, home, at(day, 19))]
    return [*visits, (user, out, at(4, 21)), (user, out, at(11, 21))]


def pub_goer() -> Habits:
    """Coffee (2) at 8 and office (1) at 9 on ten weekdays, the pub (4) at 21 on 33 days, a park (6) once, at 14."""
    visits = [("u", 4, at(day, 21)) for day in range(33)] + [("u", 6, at(33, 14))]
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        visits += [("u", 2, at(day, 8)), ("u", 1, at(day, 9))]
    return habits_of(make(visits), "u")


def town(users: int = 3) -> Checkins:
    """`users` people with alternating habits, called u0, u1 and so on."""
    kinds = [(0, 1, 4), (0, 3, 5), (0, 1, 6)]
    return make([visit for i in range(users) for visit in routine(f"u{i}", kinds[i % 3], i % 2)])


def named(checkins: Checkins) -> Checkins:
    """The same check-ins, at places that have names: "Riverside Pub 4" is POI 4."""
    names = [f"Riverside {kind} {poi}" for poi, kind in checkins.pois.select("poi", "category").iter_rows()]
    return replace(checkins, pois=checkins.pois.with_columns(name=pl.Series(names)))


def written(checkins: Checkins, user: str = "u0", about: str = "", **when: Any) -> Profile:
    """The user's profile by the templates."""
    habits = habits_of(checkins, user, **when)
    return HabitsWriter(KINDS).write([Subject(habits, about)])[0]


def csv_of(checkins: Checkins, path: Path) -> Path:
    """The check-ins as a file that any command reads."""
    joined = checkins.frame.drop("utc_time").join(checkins.pois, on="poi", maintain_order="left")
    joined.select("user_id", "poi_id", "time", "category", "latitude", "longitude", pl.col("^name$")).write_csv(path)
    return path


class Script:
    """A generator that answers by a script, one text a call and conversation, and remembers what it read."""

    name = "script"

    def __init__(self, *answers: str) -> None:
        self.answers: Iterator[str] = iter(answers)
        self.read: list[Sequence[Message]] = []

    def generate(self, conversations: Sequence[Sequence[Message]], **_: Any) -> list[Generation]:
        self.read += conversations
        return [Generation(next(self.answers), 10, 3) for _ in conversations]


class Echo(Script):
    """Says of the first place or kind of the notes that the person likes it: all of it true."""

    def generate(self, conversations: Sequence[Sequence[Message]], **_: Any) -> list[Generation]:
        self.read += conversations
        notes = [conversation[-1]["content"].split("\n")[1] for conversation in conversations]
        named = [note.split(": ", 1)[-1].split(", ")[0].split("; ")[0].split(" to ")[0] for note in notes]
        return [Generation(f"Likes {name}.", 10, 3) for name in named]


def failed(result: tuple[int, str, str], *reasons: str) -> str:
    """Require of a command's (exit code, stdout, stderr) one clear error that gives the reasons; returns its line."""
    code, out, err = result
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("error: "), err
    for reason in reasons:
        assert reason in last
    return last
