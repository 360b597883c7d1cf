"""Preparing in a stream gives what reading at once gives, of whatever file, in however many parts."""

import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_disk import no_room
from made_files import opened

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import GenRecError, InputError
from genrec.parted import Parted
from genrec.reading.reader import read_checkins
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
    source = opened(path, rejects=folder.parent / f"{folder.name}.rejects", **how)
    return prepare(source, folder, how.get("timezone"))  # type: ignore[arg-type]


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


@pytest.mark.slow
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


def read(path: Path, count: int, start: int = 0) -> Path:
    lines = [
        f"u{row % 11},p{row % 7},2012-04-{1 + row % 28:02d} {row % 24:02d}:00:00,51.{row % 7},-114,Bar"
        for row in range(start, start + count)
    ]
    path.write_text("user_id,poi_id,time,latitude,longitude,category\n" + "\n".join(lines) + "\n")
    return path


def content(folder: Path) -> tuple[list[object], list[object]]:
    checkins = read_checkins(folder)
    return checkins.frame.rows(), checkins.pois.rows()


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the disk before and after each rename, as a kill would leave it."""
    out = tmp_path / "out"
    at_once(read(tmp_path / "in.csv", 30), out)
    old, seen, rename = content(out), [], os.replace

    def replace(self: Path, target: Path) -> Path:
        for move in (lambda: None, lambda: rename(self, target)):
            move()
            copy = tmp_path / f"copy{len(seen)}"
            shutil.copytree(out, copy)
            seen.append(content(copy))
        return target

    more = read(tmp_path / "more.csv", 90, 10)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        stream(more, out)
    new = content(out)
    assert len(new[0]) == 100
    assert old in seen and new in seen and all(state in (old, new) for state in seen)
    assert sorted(path.name for path in out.iterdir()) == ["data.1", "meta.json"]
    killed = tmp_path / "copy2"
    stream(more, killed)  # what a kill has left goes, and the work is done again
    assert content(killed) == new
    assert len([path for path in killed.iterdir() if path.name.startswith("data.")]) == 1


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = read(tmp_path / "more.csv", 20_000)
    with no_room(tmp_path / "disk", 256 << 10) as out:
        stream(read(tmp_path / "in.csv", 20), out)
        before = content(out)
        monkeypatch.setattr(intake, "CHUNK", 9000)
        monkeypatch.setattr(intake, "PART", 9000)
        with pytest.raises(GenRecError, match=r"cannot be written: .* Make room") as caught:
            stream(more, out)
        assert "\n" not in str(caught.value)
        assert content(out) == before
        assert sorted(path.name for path in out.iterdir()) == ["data.1", "meta.json"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["part-0001.parquet", "people.parquet", "pois.parquet"])
def test_a_damaged_part_is_named(name: str, tmp_path: Path) -> None:
    stream(read(tmp_path / "in.csv", 60), tmp_path / "out")
    path = tmp_path / "out" / "data.1" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=name):
        read_checkins(tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match=name):
        prepared.people(tmp_path / "out", [f"u{user}" for user in range(11)])


def test_a_person_is_in_one_part_and_batches_are_of_one_part(tmp_path: Path) -> None:
    stream(read(tmp_path / "in.csv", 200), tmp_path / "out")
    parted = Parted(tmp_path / "out")
    assert len(parted.meta.parts) > 2
    held = [set(rows["user_id"].to_list()) for rows in parted.parts()]
    assert sum(map(len, held)) == len(set().union(*held)) == 11
    batches = list(parted.batches(2))
    assert sorted(user for batch in batches for user in batch) == sorted(set().union(*held))
    assert all(len(batch) <= 2 and any(set(batch) <= users for users in held) for batch in batches)
    rows = parted.part(0)
    assert rows.equals(rows.sort("user_id", "moment", "row"))
    assert prepared.people(tmp_path / "out", ["nobody"]).frame.is_empty()


def test_small_files_are_added_to_a_folder_in_parts_by_the_command(tmp_path: Path, genrec) -> None:
    stream(read(tmp_path / "in.csv", 60), tmp_path / "out")
    code, said, _ = genrec("data", "prepare", read(tmp_path / "more.csv", 90), "--out", tmp_path / "out")
    assert code == 0 and "90 check-ins (30 new) of 11 users" in " ".join(said.split())
    assert len(read_checkins(tmp_path / "out").frame) == 90
    dates = tmp_path / "dates.csv"
    dates.write_text("user_id,poi_id,time,latitude,longitude\n" + "u1,p1,2012-04-03,51,-114\n" * 2)
    code, _, said = genrec("data", "prepare", dates, "--out", tmp_path / "out")
    assert code == 2 and "its times are hours" in " ".join(said.split())
    assert len(read_checkins(tmp_path / "out").frame) == 90


HEAD = "user_id,poi_id,time,latitude,longitude,category\n"


def lines(line: str) -> str:
    """Forty lines; of each number the remainders are filled in."""
    return "".join(
        line.format(user=i % 5, poi=i % 3, day=f"{1 + i % 28:02d}", month=f"{1 + i % 12:02d}", i=i, odd=i % 2)
        for i in range(40)
    )


UTC_ONLY = "user_id,poi_id,utc_time,latitude,longitude\n"
FILES: dict[str, tuple[str, dict[str, object]]] = {
    "named zones": (
        "utc_offset,user_id,poi_id,utc_time,latitude,longitude\n"
        + lines("Europe/Paris,u{user},p{poi},2012-{month}-28 02:30:00,5,{poi}\n")
        + lines("Asia/Tokyo,u{user},p{poi},2012-{month}-28 02:30:00,5,{poi}\n"),
        {},
    ),
    "a zone": (
        UTC_ONLY + lines("u{user},p{poi},2012-{month}-28 02:30:00,5,{poi}\n"),
        {"timezone": "America/Edmonton"},
    ),
    "zones in the times": (
        UTC_ONLY.replace("utc_", "") + lines("u{user},p{poi},2012-04-{day}T02:30:00+0{poi}:00,5,{poi}\n"),
        {},
    ),
    "dates": (HEAD + lines("u{user},p{poi},2012-04-{day},5,{poi},Bar\n"), {}),
    "day first": (HEAD + lines("u{user},p{poi},{day}/4/2012 10:{i:02d}:00,5,{poi},Bar\n"), {}),
    "latin-1, quotes, blank lines": (
        HEAD + lines('u{user},"p{poi}",2012-04-{day} 01:00:00,5,{poi},"Caf\xe9, {odd}"\n\n'),
        {},
    ),
    "one person": (
        "venue.id,createdAt,venue.lat,venue.lng\n" + lines("p{poi},13334760{i:02d},5,{poi}\n"),
        {"columns": {"latitude": "venue.lat", "longitude": "venue.lng"}},
    ),
    "JSON Lines": (
        lines('{{"user": "u{user}", "venue": {poi}, "time": "2012-04-{day} 01:00:00", "lat": 5, "lng": {poi}}}\n'),
        {"columns": {"poi_id": "venue"}},
    ),
    "a bad row": (HEAD + "u1,p1,2012-04-03 18:00:00,5,5,Bar\n" * 30 + "u1,p1,yesterday,5,5,Bar\n", {}),
    "hours for minutes": (
        "user_id,poi_id,time,utc_offset,latitude,longitude\n" + "u1,p1,2012-04-03 18:00:00,2,5,5\n" * 30,
        {},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_gives_what_reading_at_once_gives(kind: str, tmp_path: Path) -> None:
    content, how = FILES[kind]
    (tmp_path / "in.csv").write_bytes(content.encode("latin-1"))
    assert result(stream, tmp_path / "in.csv", tmp_path / "parts", **how) == result(
        at_once, tmp_path / "in.csv", tmp_path / "whole", **how
    )
    if (tmp_path / "whole" / "meta.json").exists():
        assert same(read_checkins(tmp_path / "parts"), read_checkins(tmp_path / "whole"))


def test_places_in_a_file_of_their_own(tmp_path: Path) -> None:
    lines = "".join(f"u{i % 5},{i % 3},2012-04-{1 + i % 28:02d} 01:00:00\n" for i in range(40))
    (tmp_path / "in.csv").write_text("user_id,poi_id,time\n" + lines)
    (tmp_path / "pois.csv").write_text("poi_id,latitude,longitude,category\n0.0,5,5,Bar\n1.0,6,6,\n2.0,7,7,Pub\n")
    how = {"pois_file": tmp_path / "pois.csv"}
    assert result(stream, tmp_path / "in.csv", tmp_path / "parts", **how) == result(
        at_once, tmp_path / "in.csv", tmp_path / "whole", **how
    )
    assert same(read_checkins(tmp_path / "parts"), read_checkins(tmp_path / "whole"))
    pl.read_csv(tmp_path / "in.csv").write_parquet(tmp_path / "in.parquet")
    assert stream(tmp_path / "in.parquet", tmp_path / "parts", **how).new_check_ins == 0
