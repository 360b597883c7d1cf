"""What a folder in parts gives, read by parts, is what the same check-ins give in memory: byte for byte."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from made_files import opened

from genrec import parted
from genrec.city import CityConfig, build_city
from genrec.fingerprint import fingerprint, fingerprint_of
from genrec.habits import all_habits
from genrec.in_parts import HabitsInParts, InParts
from genrec.parted import Gathered, Parted
from genrec.prepared import prepare as prepare_whole
from genrec.reading.reader import read_checkins
from genrec.recommender import Recommender
from genrec.streaming import intake, prepare
from genrec.streaming.ordered import ordered


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A city as a folder in `parts` and as a `whole` one."""
    base = tmp_path_factory.mktemp("parts")
    build_city(CityConfig(users=60, pois=200, days=40, seed=2)).write(base)
    return both(base)


def both(base):
    """`checkins.csv` prepared in both ways."""
    source = opened(base / "checkins.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "CHUNK", 300)
        patch.setattr(intake, "PART", 250)
        prepare(source, base / "parts")
    prepare_whole(read_checkins(base / "checkins.csv"), base / "whole")
    assert len(Parted(base / "parts").meta.parts) > 3
    return base


@pytest.fixture(scope="module")
def alike(tmp_path_factory):
    """The same of many people of few visits, of whom many are equally alike."""
    base, draw = tmp_path_factory.mktemp("alike"), random.Random(3)
    visits = [(f"u{draw.randrange(10**6)}", draw.randrange(9) ** 2 // 5) for _ in range(500)]
    times = (datetime(2024, 1, 1) + timedelta(minutes=draw.randrange(40_000)) for _ in range(2000))
    rows = [
        f"{user},{(place + shift) % 13},{next(times)},{51 + place / 100},{-114 + place / 90}"
        for user, place in visits
        for shift in range(draw.randrange(1, 4))
    ]
    header = "user_id,poi_id,time,latitude,longitude"
    places = {}
    fixed = [row.split(",") for row in rows]
    lines = [",".join([*row[:3], *places.setdefault(row[1], row[3:])]) for row in fixed]
    (base / "checkins.csv").write_text("\n".join([header, *lines]) + "\n")
    return both(base)


@pytest.fixture
def small(monkeypatch):
    """Few check-ins are held at once."""
    monkeypatch.setattr(parted, "GATHERED", 200)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["fusion", "habits"])
@pytest.mark.parametrize("days", [None, 30])
def test_rankings_are_those_of_memory(base: Path, by: str, days: int | None, tmp_path: Path, small: None) -> None:
    checkins = read_checkins(base / "whole")
    end = checkins.frame["time"].max()
    at = None if days is None else end.replace(microsecond=0) - timedelta(days=40 - days)
    users = [*checkins.frame["user_id"].unique(maintain_order=True)[:40], "nobody"]
    in_parts = InParts(Parted(base / "parts"), tmp_path / "work", users)
    asks, in_memory = [(user, at) for user in users], Recommender(checkins)
    for first in (0, 32):
        some = asks[first : first + 32]
        here, there = in_parts.rank(some, by, k=5), in_memory.rank(some, by, k=5)
        for one, other in zip(here, there, strict=True):
            assert repr(one).partition("seconds=")[0] == repr(other).partition("seconds=")[0]
    assert len(list((tmp_path / "work").iterdir())) == 1, "tables of one moment"


@pytest.mark.slow
def test_of_people_who_are_equally_alike_the_same_count(alike: Path, tmp_path: Path) -> None:
    checkins = read_checkins(alike / "whole")
    asks = [(user, None) for user in checkins.frame["user_id"].unique(maintain_order=True)[:200]]
    here = InParts(Parted(alike / "parts"), tmp_path / "work", [user for user, _ in asks]).rank(asks, "fusion")
    for one, other in zip(here, Recommender(checkins).rank(asks, "fusion"), strict=True):
        assert repr(one).partition("seconds=")[0] == repr(other).partition("seconds=")[0]


@pytest.mark.parametrize("days", [None, 30, 10_000])
def test_habits_are_those_of_memory(base: Path, days: int | None, small: None) -> None:
    checkins = read_checkins(base / "whole")
    as_of = None if days is None else checkins.frame["time"].min() + timedelta(days=days)
    users = checkins.frame["user_id"].unique().sort().to_list()
    habits = HabitsInParts(Parted(base / "parts"), users, as_of)
    for first in range(0, len(users), 7):
        some = users[first : first + 7]
        assert dict(habits(some)) == dict(all_habits(checkins, as_of, some))


def test_the_order_of_all_is_that_of_one_frame(base: Path, tmp_path: Path) -> None:
    opened, whole = Parted(base / "parts"), read_checkins(base / "whole")
    frames = list(ordered(opened, tmp_path))
    assert len(frames) > 5
    assert pl.concat(frames).select(whole.frame.columns).equals(whole.frame)
    assert fingerprint_of(frames, opened.pois) == fingerprint(whole)
    assert list(tmp_path.iterdir()) == []


def test_no_more_people_are_held_than_there_is_room_for(base: Path, small: None) -> None:
    opened = Parted(base / "parts")
    users = opened.people["user_id"].sort().to_list()
    gathered, read = Gathered(opened, users), []
    opened.rows = lambda some, rows=opened.rows: read.append(rows(some)) or read[-1]  # type: ignore[method-assign]
    for user in [*users, users[0]]:
        assert gathered.rows([user]).sort("row").equals(Parted(base / "parts").rows([user]).sort("row"))
    assert len(read) < len(users) / 2
    assert all(len(rows) <= 200 or rows["user_id"].n_unique() == 1 for rows in read)


def never(*_: object) -> None:
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_the_commands_give_the_same_bytes_and_read_by_parts(base, workers, tmp_path, genrec, monkeypatch, small):
    users = Parted(base / "parts").people["user_id"].sort().to_list()
    days = ["", ",2023-01-20 08:00", ""]
    asks = "".join(f"{user}{days[number // 32 % 3]}\n" for number, user in enumerate(users))
    (tmp_path / "asks.txt").write_text(asks)
    commands = {
        "profiles": ["profile", "IN", "--writer", "habits"],
        "as-of": ["profile", "IN", "--writer", "habits", "--as-of", "2024-02-20 08:00", "--limit", "9"],
        "rankings": ["recommend", "IN", "--users-from", tmp_path / "asks.txt"],
        "habits": ["recommend", "IN", "--users-from", tmp_path / "asks.txt", "--by", "habits"],
    }
    for format_ in ("whole", "parts"):
        if format_ == "parts":
            monkeypatch.setattr(Parted, "whole", never)
        for name, command in commands.items():
            source = [base / format_ if part == "IN" else part for part in command]
            shared = workers if format_ == "parts" else []
            code, _, err = genrec(*source, "--out", tmp_path / f"{name}-{format_}.jsonl", *shared)
            assert code == 0, err
    for name in commands:
        assert (tmp_path / f"{name}-parts.jsonl").read_bytes() == (tmp_path / f"{name}-whole.jsonl").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert json.loads((tmp_path / "rankings-parts.jsonl").read_text().splitlines()[0])["made_from"]["check-ins"]
