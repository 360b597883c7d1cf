"""Preparing in a stream gives what reading at once gives, of whatever file, in however many parts."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.reading.reader import open_checkins, read_checkins
from genrec.streaming import intake
from genrec.streaming.preparing import prepare

fuzz = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "CHUNK", 7)
    monkeypatch.setattr(intake, "PART", 9)


def stream(path: Path, folder: Path, **how: object) -> prepared.Prepared:
    options = {"columns": {}, "on_bad_rows": "fail", "day_first": None, "timezone": None, "pois_file": None} | how
    opened = open_checkins(path, rejects=folder.parent / f"{folder.name}.rejects", **options)  # type: ignore[arg-type]
    return prepare(opened, folder, options["timezone"])  # type: ignore[arg-type]


def at_once(path: Path, folder: Path, **how: object) -> prepared.Prepared:
    checkins = read_checkins(path, rejects=folder.parent / f"{folder.name}.rejects", **how)  # type: ignore[arg-type]
    return prepared.prepare(checkins, folder)


def same(one: Checkins, other: Checkins) -> bool:
    return one.frame.equals(other.frame) and one.pois.equals(other.pois) and one.dates_only == other.dates_only


def result(way, path: Path, folder: Path, **how: object):
    try:
        done = way(path, folder, **how)
    except GenRecError as error:
        return str(error).replace(str(folder), "OUT")
    return done, [note.replace(str(folder), "OUT") for note in read_checkins(folder).notes]


users = st.sampled_from(["u1", "u2", "12", "12.0", "7", "7.5", "zoë", "a,b"])
places = st.sampled_from(["p1", "3", "3.0", "4.00", "p 9", "5"])
times = st.one_of(
    st.sampled_from(["2012-04-03 18:00:09", "2012-04-03 18:00:09", "2012-04-01 00:00:00", "2012-10-28 02:30:00", ""]),
    st.datetimes().map(lambda time: time.replace(year=2012).strftime("%Y-%m-%d %H:%M:%S")),
)
kinds = st.sampled_from(["Bar", "Pub", "", "unknown", '"Tea, Room"'])
numbers = st.sampled_from(["51.5", "51.5", "-8", "91", ""])
rows = st.lists(
    st.tuples(users, places, times, times, numbers, kinds, st.sampled_from(["-60", "0", "120", ""])),
    min_size=1,
    max_size=40,
)
HEADER = ["user_id", "poi_id", "time", "utc_time", "latitude", "category", "utc_offset"]


def text(lines: list[tuple[str, ...]], columns: list[str]) -> str:
    taken = [HEADER.index(column) for column in columns]
    body = "".join(",".join([*(quoted(line[i]) for i in taken), "1.25"]) + "\n" for line in lines)
    return ",".join([*columns, "longitude"]) + "\n" + body


def quoted(value: str) -> str:
    return f'"{value}"' if "," in value and not value.startswith('"') else value


columns = st.sampled_from(
    [HEADER[:6], HEADER[:3] + HEADER[4:6], HEADER[:2] + HEADER[3:6], HEADER[:2] + HEADER[3:], HEADER[:3] + HEADER[4:]]
)


@fuzz
@given(first=rows, second=rows, chosen=columns, twice=st.booleans())
def test_it_gives_what_reading_at_once_gives(first, second, chosen, twice, tmp_path_factory):
    base = tmp_path_factory.mktemp("one")
    (base / "in.csv").write_text(text(first, chosen))
    (base / "more.csv").write_text(text(second, chosen))
    for name in ("in.csv", "more.csv")[: 1 + twice]:
        streamed = result(stream, base / name, base / "parts", on_bad_rows="skip")
        whole = result(at_once, base / name, base / "whole", on_bad_rows="skip")
        assert str(streamed).replace("parts.rejects", "x") == str(whole).replace("whole.rejects", "x")
        if isinstance(streamed, str):
            return
        parted = read_checkins(base / "parts")
        assert same(parted, read_checkins(base / "whole"))
        for user in parted.frame["user_id"].unique():
            own = prepared.people(base / "parts", [user])
            assert own.frame.equals(parted.frame.filter(pl.col("user_id") == user))
