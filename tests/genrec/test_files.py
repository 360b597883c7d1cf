"""Writing files: whole or not at all, nobody else's to read, one writer at a time, and a full disk in one line."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import quick
from made_disk import held, no_room

from genrec import jsonl
from genrec.errors import GenRecError, InputError
from genrec.files import atomic_path, by_umask, one_writer, require_only, write_text


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


# --- modes and links ---


def test_new_files_are_as_the_umask_says_or_private(umask, tmp_path):
    write_text(tmp_path / "public", "x")
    write_text(tmp_path / "private", "x", private=True)
    jsonl.append(tmp_path / "lines", ["{}"])
    jsonl.append(tmp_path / "private lines", ["{}"], private=True)
    assert mode(tmp_path / "public") == mode(tmp_path / "lines") == 0o666 & ~umask
    assert mode(tmp_path / "private") == mode(tmp_path / "private lines") == 0o600
    (tmp_path / "private").chmod(0o600)
    by_umask(tmp_path / "private")
    assert mode(tmp_path / "private") == 0o666 & ~umask


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("before", [0o600, 0o640, 0o664, 0o444])
def test_a_file_keeps_its_mode(before, private, tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(before)
    write_text(path, "new", private=private)
    assert (path.read_text(), mode(path)) == ("new", before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_keeps_its_owner(tmp_path):
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 1234, 2345)
    write_text(tmp_path / "f", "new")
    assert ((tmp_path / "f").stat().st_uid, (tmp_path / "f").stat().st_gid) == (1234, 2345)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "f", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(Path("real") / "f")
    write_text(link, "new")
    jsonl.append(link, ["more"])
    assert link.is_symlink()
    assert (target.read_text(), mode(target)) == ("newmore\n", 0o640)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "real" / "later")
    write_text(dangling, "x")
    assert dangling.is_symlink() and (tmp_path / "real" / "later").read_text() == "x"


# --- what is no file ---


@pytest.mark.parametrize("name", ["/dev/full", "/dev/null", "/dev/zero", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_devices_are_refused(name):
    before = Path("/dev/null").stat().st_rdev
    for write in (lambda path: write_text(path, "x"), lambda path: jsonl.append(path, ["x"]), locked):
        with pytest.raises(InputError, match="not a regular file"):
            write(Path(name))
    assert Path("/dev/null").stat().st_rdev == before, "no device is replaced"


def locked(path):
    with one_writer(path):
        pass


def test_pipes_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path / "pipe", "not a regular file"), (tmp_path, "is a folder, not a file")):
        for write in (lambda path: write_text(path, "x"), lambda path: jsonl.append(path, ["x"]), locked):
            with pytest.raises(InputError, match=reason):
                write(path)
    for refuse in (lambda path: require_only(path, ()), lambda path: one_writer(path, folder=True).__enter__()):
        with pytest.raises(InputError, match="--out names a folder"):
            refuse(tmp_path / "pipe")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


# --- one writer ---


@pytest.mark.parametrize("folder", [False, True])
def test_the_second_writer_is_told_and_the_lock_goes_with_its_holder(folder, tmp_path):
    output = tmp_path / "a" / "b"
    with held(output, folder=folder) as other:
        for _ in range(2):
            with pytest.raises(GenRecError, match=r"a/b is being written by another process: wait until that ends"):
                one_writer(output, folder=folder).__enter__()
        other.kill()
        other.wait()
        with one_writer(output, folder=folder), one_writer(output, folder=folder):
            pass
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "no lock stays"
    locked(tmp_path / "c" / "d")
    assert not (tmp_path / "c").exists(), "no folder that nobody needs stays"


def test_two_names_of_one_file_have_one_lock(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "f")
    with held(tmp_path / "f"), pytest.raises(GenRecError, match="link is being written"):
        locked(tmp_path / "link")
    with held(tmp_path / "f"):
        locked(tmp_path / "g")


@pytest.mark.parametrize("name", ["x" * 240, "[a]*?.jsonl", "ü" * 120, "-", ".hidden"])
def test_any_name_will_do(name, tmp_path):
    with one_writer(tmp_path / name):
        write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_killed_writers_left_goes_at_the_next_start(tmp_path):
    code = "import os, pathlib, sys\nfrom genrec.files import atomic_path\n"
    code += (
        "with atomic_path(pathlib.Path(sys.argv[1])) as path:\n    path.write_text('x')\n    os.kill(os.getpid(), 9)"
    )
    for output in (tmp_path / "p.jsonl", tmp_path / "run" / "parts" / "x"):
        subprocess.run([sys.executable, "-c", code, str(output)], check=False)
        assert len(list(output.parent.iterdir())) == 1
        (output.parent / ".p.jsonl.notes").write_text("mine")
    with one_writer(tmp_path / "p.jsonl"), one_writer(tmp_path / "run", folder=True):
        left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {".p.jsonl.notes", ".p.jsonl.lock", ".lock"}
    with atomic_path(tmp_path / "p.jsonl") as own:
        write_text(tmp_path / "p.jsonl", "x")
        assert own.exists(), "what a living process writes stays"


# --- a full disk ---


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path):
    frame = pl.DataFrame({"x": [os.urandom(8) for _ in range(100_000)]})
    with no_room(tmp_path / "disk") as disk:
        (disk / "f").write_text("old")
        with pytest.raises(GenRecError, match=r"disk/f cannot be written: .*\. Make room, or name another output"):
            write_text(disk / "f", "x" * 300_000)
        with pytest.raises(GenRecError, match="disk/f cannot be written"), atomic_path(disk / "f") as path:
            frame.write_parquet(path)
        assert (disk / "f").read_text() == "old"
        assert [path.name for path in disk.iterdir()] == ["f"]


@quick
@given(kept=st.lists(st.text(), max_size=3), size=st.integers(70_000, 400_000))
def test_a_failed_append_leaves_whole_lines(tmp_path_factory, kept, size):
    with no_room(tmp_path_factory.mktemp("disk")) as disk:
        path = disk / "lines"
        lines = [jsonl.line({"text": text}) for text in kept]
        if lines:
            jsonl.append(path, lines)
        before = path.read_bytes() if lines else None
        with pytest.raises(GenRecError, match="lines cannot be written"):
            jsonl.append(path, ["{}", "x" * size])
        assert (path.read_bytes() if path.exists() else None) == before
        jsonl.append(path, ["{}"])
        assert jsonl.read(path) == [*({"text": text} for text in kept), {}]


# --- JSON Lines ---

RECORDS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3), max_size=5)


@quick
@given(records=RECORDS, data=st.data())
def test_cut_anywhere_the_finished_lines_are_there(tmp_path_factory, records, data):
    path = tmp_path_factory.mktemp("cut") / "part"
    settings = {"model": "m", "at": [1, None]}
    assert jsonl.resume_part(path, settings) == []
    jsonl.append(path, map(jsonl.line, records))
    whole = path.read_bytes()
    assert jsonl.resume_part(path, settings) == records
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = jsonl.resume_part(path, settings)
    assert kept == records[: len(kept)]
    assert len(kept) >= whole[:cut].count(b"\n") - 1
    jsonl.append(path, map(jsonl.line, records[len(kept) :]))
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"[1]\n", b"{}\nnonsense\n", b"\xff\n", b"{}\n\n{}\n", b"[" * 100_000 + b"\n"])
def test_damaged_lines_are_an_error_and_stay(content, tmp_path):
    (tmp_path / "part").write_bytes(content)
    for read in (jsonl.read, jsonl.resume):
        with pytest.raises(InputError, match="part"):
            read(tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == content


def test_other_settings_are_named(tmp_path):
    jsonl.resume_part(tmp_path / "part", {"k": 1, "model": "a", "same": [1]})
    with pytest.raises(GenRecError, match=r"other settings \(k, model\); name another --out"):
        jsonl.resume_part(tmp_path / "part", {"k": 2, "same": [1]})
