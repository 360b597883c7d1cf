import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import InputError
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,time,latitude,longitude,category\n"
EARLY = "u1,p1,2012-04-03 08:00:00,51,-114,Bar\n" + "u1,p2,2012-04-04 08:00:00,52,-114,Gym\n"
LATE = "u2,p0,2012-04-01 08:00:00,53,-114,Zoo\n" + "u2,p1,2012-04-02 08:00:00,51,-114,Pub\n"
# Two check-ins that differ only in what the folder does not keep by row.
TWINS = "u3,p1,2012-04-05 08:00:00,51,-114,Bar\n" + "u3,p1,2012-04-05 08:00:00,51,-114,Pub\n"


def read(folder: Path, rows: str, name: str = "in.csv") -> Checkins:
    (folder / name).write_text(HEADER + rows)
    return read_checkins(folder / name)


def content(folder: Path) -> tuple[list[object], list[object]]:
    checkins = read_checkins(folder)
    return checkins.frame.rows(), checkins.pois.rows()


def test_a_prepared_folder_gives_the_check_ins_back(tmp_path: Path) -> None:
    checkins = read(tmp_path, EARLY + LATE + TWINS)
    done = prepared.prepare(checkins, tmp_path / "out")
    back = read_checkins(tmp_path / "out")
    assert back.frame.equals(checkins.frame)
    assert back.pois.equals(checkins.pois)
    assert back.notes == checkins.notes
    assert (done.check_ins, done.new_check_ins, done.pois, done.new_pois, done.users) == (6, 6, 3, 3, 3)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["checkins.parquet", "meta.json", "pois.parquet"]
    assert pl.read_parquet_schema(tmp_path / "out" / "checkins.parquet") == {
        "user_id": pl.String,
        "poi": pl.UInt32,
        "poi_id": pl.String,
        "time": pl.Datetime("us"),
        "utc_time": pl.Datetime("us"),
    }


@pytest.mark.parametrize("second", [EARLY + LATE + TWINS, LATE + TWINS], ids=["extended file", "only new rows"])
def test_adding_keeps_indices_and_doubles_nothing(tmp_path: Path, second: str) -> None:
    prepared.prepare(read(tmp_path, EARLY), tmp_path / "out")
    done = prepared.prepare(read(tmp_path, second, "more.csv"), tmp_path / "out")
    assert (done.check_ins, done.new_check_ins, done.pois, done.new_pois) == (6, 4, 3, 1)
    both = read_checkins(tmp_path / "out")
    assert both.pois["poi_id"].to_list() == ["p1", "p2", "p0"]
    assert both.pois["poi"].to_list() == [0, 1, 2]
    assert both.pois["category"].to_list() == ["Bar", "Gym", "Zoo"]
    assert both.pois["first_seen"].dt.day().to_list() == [2, 4, 1]
    assert both.frame["time"].is_sorted()
    assert both.frame.join(both.pois, on="poi", maintain_order="left")["poi_id"].to_list() == [
        *("p0", "p1", "p1", "p2", "p1", "p1")
    ]
    before = content(tmp_path / "out")
    again = prepared.prepare(read(tmp_path, second, "more.csv"), tmp_path / "out")
    assert (again.new_check_ins, again.new_pois) == (0, 0)
    assert content(tmp_path / "out") == before
    returning = "u9,p2,2012-05-04 08:00:00,52,-114,Gym\n"  # to a place whose table stays as it was
    prepared.prepare(read(tmp_path, returning, "later.csv"), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"checkins.parquet", "pois.parquet", "meta.json"}


def test_a_new_optional_column_may_appear(tmp_path: Path) -> None:
    prepared.prepare(read(tmp_path, EARLY), tmp_path / "out")
    (tmp_path / "more.csv").write_text(HEADER.replace("category", "name") + LATE)
    prepared.prepare(read_checkins(tmp_path / "more.csv"), tmp_path / "out")
    assert read_checkins(tmp_path / "out").pois["name"].to_list() == [None, None, "Zoo"]


def test_the_catalogue_hash_depends_on_ids_and_indices_only(tmp_path: Path) -> None:
    pois = read(tmp_path, EARLY + LATE).pois
    known = prepared.catalogue_hash(pois)
    assert prepared.catalogue_hash(pois.reverse().with_columns(category=pl.lit("x"))) == known
    assert prepared.catalogue_hash(pois.with_columns(pl.col("poi_id").reverse())) != known
    assert prepared.catalogue_hash(pois.head(2)) != known


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the process's view of the disk after each rename, as a kill would, and load what is there."""
    out = tmp_path / "out"
    prepared.prepare(read(tmp_path, EARLY), out)
    old = content(out)
    more = read(tmp_path, EARLY + LATE, "more.csv")
    rename = os.replace
    seen: list[tuple[list[object], list[object]]] = []

    def photograph(*names: object) -> None:
        copy = tmp_path / f"copy{len(seen)}"
        shutil.copytree(out, copy)
        seen.append(content(copy))
        prepared.prepare(more, copy)  # and a killed prepare can be done again
        assert len(content(copy)[0]) == 4

    def replace(self: Path, target: Path) -> Path:
        if not stopped:
            stopped.append(True)
            photograph()
            rename(self, target)
            photograph()
            stopped.clear()
        else:
            rename(self, target)
        return target

    stopped: list[bool] = []
    monkeypatch.setattr(Path, "replace", replace)
    prepared.prepare(more, out)
    monkeypatch.undo()
    new = content(out)
    assert len(seen) == 10
    assert old in seen and new in seen
    assert all(state in (old, new) for state in seen)


@pytest.mark.parametrize("name", ["checkins.parquet", "pois.parquet", "meta.json"])
def test_a_damaged_folder_is_refused(tmp_path: Path, name: str) -> None:
    prepared.prepare(read(tmp_path, EARLY), tmp_path / "out")
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=name):
        read_checkins(tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match=name):
        read_checkins(tmp_path / "out")


def test_out_must_be_a_folder(tmp_path: Path) -> None:
    checkins = read(tmp_path, EARLY)
    with pytest.raises(InputError, match="--out names a folder"):
        prepared.prepare(checkins, tmp_path / "in.csv")


def test_a_prepare_that_fails_after_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill just before the last renames leaves the staged files as the only ones: none of them may be lost."""
    out = tmp_path / "out"
    prepared.prepare(read(tmp_path, EARLY + LATE), out)
    for name in ("checkins.parquet", "pois.parquet"):
        (out / name).rename(out / f"{name}.new")
    before = content(out)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(prepared, "write_text", fail)
        prepared.prepare(read(tmp_path, TWINS, "twins.csv"), out)
    assert content(out) == before
    prepared.prepare(read(tmp_path, TWINS, "twins.csv"), out)
    assert len(content(out)[0]) == 6
