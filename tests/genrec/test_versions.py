"""Versions of a folder: whoever reads it, at any moment and after any kill, reads one of them whole."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genrec import versions
from genrec.errors import GenRecError
from genrec.versions import (
    current_version,
    discard_next,
    next_folder,
    put_in_use,
    settled,
    take_back,
    version_folder,
    versions_of,
)


class KilledError(BaseException):
    """Stands for the end of a process."""


def made(run: Path) -> Path:
    run.mkdir()
    (run / "a.json").write_text("a1")
    (run / "b.bin").write_text("b1")
    return run


def update(run: Path, number: int, **others: str) -> None:
    folder = next_folder(run)
    (folder / "a.json").write_text(f"a{number}")
    (folder / "b.bin").write_text(f"b{number}")
    for name, text in others.items():
        (folder / name).write_text(text)
    put_in_use(run)


def read(run: Path) -> str:
    a, b = (run / "a.json").read_text(), (run / "b.bin").read_text()
    assert a[1:] == b[1:]
    return a[1:]


def test_every_version_is_kept_and_can_be_taken_back(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    assert (versions_of(run), current_version(run), settled(run)) == ([1], 1, run)
    update(run, 2, c="new")
    update(run, 3)
    assert (versions_of(run), current_version(run), read(run)) == ([1, 2, 3], 3, "3")
    assert not (run / "c").is_symlink()
    take_back(run, 2)
    assert (current_version(run), read(run), (run / "c").read_text()) == (2, "2", "new")
    take_back(run, 1)
    assert read(run) == "1"
    update(run, 4)  # goes on counting: nothing is overwritten
    assert (versions_of(run), current_version(run)) == ([1, 2, 3, 4], 4)
    assert version_folder(run, 3) == run / "versions" / "3"
    with pytest.raises(GenRecError, match="has no version 7; it has 1, 2, 3, 4"):
        take_back(run, 7)


def test_what_was_settled_stays_the_same(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    update(run, 2)
    before = settled(run)
    update(run, 3)
    assert (before / "a.json").read_text() == "a2"


def test_what_was_begun_can_be_dropped(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    (next_folder(run) / "a.json").write_text("half")
    discard_next(run)
    assert sorted(path.name for path in run.iterdir()) == ["a.json", "b.bin"]


def test_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    (run / "current").symlink_to("/tmp")
    with pytest.raises(GenRecError, match="is not a link to one of the folder's versions"):
        settled(run)


def followed(run: Path, copy: Path) -> Path:
    """A copy as `scp -r` makes it."""
    return Path(shutil.copytree(run, copy))


def left_out(run: Path, copy: Path) -> Path:
    """A copy as `rsync -r` makes it."""
    names = {path.name for path in run.iterdir() if path.is_symlink()}
    return Path(shutil.copytree(run, copy, ignore=lambda folder, _: names if Path(folder) == run else set()))


@pytest.mark.parametrize("copied", [followed, left_out])
def test_a_copy_without_links_loses_nothing_and_is_mended_by_naming_a_version(
    tmp_path: Path, copied: Callable[[Path, Path], Path]
) -> None:
    run = made(tmp_path / "run")
    update(run, 2, c="new")
    update(run, 3)
    copy = copied(run, tmp_path / "copy")
    for asks in (
        lambda: current_version(copy),
        lambda: version_folder(copy, 1),
        lambda: discard_next(copy),
        lambda: update(copy, 4),
    ):
        with pytest.raises(GenRecError, match=r"copied without its links.*1, 2, 3.*--version N"):
            asks()
    shutil.rmtree(copy / "versions" / "next")
    for number in (3, 2, 1):
        take_back(copy, number)
        assert (current_version(copy), read(copy)) == (number, str(number))
        assert (copy / "c").exists() == (number == 2)
        assert (copy / "versions" / str(number) / "a.json").read_text() == f"a{number}"
    update(copy, 4)
    assert (versions_of(copy), read(copy)) == ([1, 2, 3, 4], "4")


@pytest.mark.parametrize("updated_before", [False, True])
def test_a_kill_at_any_step_leaves_one_version_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updated_before: bool
) -> None:
    for step in range(40):
        run = made(tmp_path / f"run{step}")
        if updated_before:
            update(run, 2)
        last, left = current_version(run), [step]

        def once_fewer(name: str, left: list[int] = left) -> None:
            if left[0] == 0:
                raise KilledError(name)
            left[0] -= 1

        with monkeypatch.context() as patched:
            for owner, name in ((Path, "replace"), (Path, "rename"), (versions.shutil, "copy2"), (os, "fsync")):
                real = getattr(owner, name)

                def stops(*args: object, real=real, name=name, **more: object) -> object:
                    once_fewer(name)
                    return real(*args, **more)

                patched.setattr(owner, name, stops)
            try:
                update(run, last + 1)
                finished = True
            except KilledError:
                finished = False
        assert read(run) == str(current_version(run))
        assert current_version(run) in (last, last + 1)
        update(run, versions_of(run)[-1] + 1)  # and the next one succeeds
        assert read(run) == str(current_version(run)) == str(versions_of(run)[-1])
        if finished:
            return
    pytest.fail("it never finished")
