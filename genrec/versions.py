"""Versions of a folder that something was trained into: each is kept, one is in use, any can be taken back.

    RUN/versions/1/    as it was first trained
    RUN/versions/2/    after an update, whole
    RUN/current        a link to the version in use
    RUN/FILE           a link to current/FILE: whoever reads RUN reads the version in use

A version is made in `RUN/versions/next` and gets its number when it is complete. The link `current` is replaced in one
step, so a process that is killed at any moment leaves the version before or the one after. Who reads several files,
which must be of one version, asks `settled` first.

A copy that follows links, or leaves them out, does not say which version is in use. What it has can be read, but
nothing is added until `take_back` has made links again.
"""

import os
import shutil
from pathlib import Path

from genrec.errors import GenRecError
from genrec.files import one_writer

CURRENT, VERSIONS, NEXT = "current", "versions", "next"
FIRST = 1


def settled(run: Path) -> Path:
    """The folder of the version in use, which never changes; the folder itself if it has no versions."""
    link = run / CURRENT
    if not link.is_symlink():
        return run
    folder = run / os.readlink(link)
    if folder.parent != run / VERSIONS or not folder.name.isdecimal():
        raise GenRecError(f"{link} is not a link to one of the folder's versions")
    return folder


def versions_of(run: Path) -> list[int]:
    """The numbers of all versions, ascending; a folder that was never updated has its first only."""
    folder = run / VERSIONS
    kept = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []
    return kept or [FIRST]


def current_version(run: Path) -> int:
    """The number of the version in use; raises GenRecError if a copy lost it."""
    _require_linked(run)
    return int(settled(run).name) if (run / CURRENT).is_symlink() else FIRST


def version_folder(run: Path, number: int) -> Path:
    """Where a version lies; raises GenRecError if it is none of the folder's, or as `current_version`."""
    _require_linked(run)
    _require_kept(run, number)
    return run / VERSIONS / str(number) if (run / CURRENT).is_symlink() else run


def next_folder(run: Path) -> Path:
    """Where the next version is made; what a killed process left there is still there."""
    folder = run / VERSIONS / NEXT
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def discard_next(run: Path) -> None:
    """Leave nothing of a version that was begun; raises as `current_version`."""
    _require_linked(run)
    shutil.rmtree(run / VERSIONS / NEXT, ignore_errors=True)
    if not (run / CURRENT).is_symlink() and (run / VERSIONS).is_dir() and not any((run / VERSIONS).iterdir()):
        (run / VERSIONS).rmdir()


def put_in_use(run: Path) -> int:
    """Make what lies in `next_folder` a version, and the one in use; raises as `current_version`."""
    with one_writer(run, folder=True):
        _require_linked(run)
        _adopt(run)
        number = versions_of(run)[-1] + 1
        _sync(run / VERSIONS / NEXT)
        (run / VERSIONS / NEXT).rename(run / VERSIONS / str(number))
        _switch(run, number)
    return number


def take_back(run: Path, number: int) -> None:
    """Put one of the versions in use; all others are kept. Raises GenRecError if it is none of the folder's."""
    with one_writer(run, folder=True):
        _require_kept(run, number)
        if _unlinked(run):
            _link_again(run)
        if (run / VERSIONS / str(number)).is_dir():
            _switch(run, number)


def _unlinked(run: Path) -> bool:
    """Whether a folder was copied without its links."""
    link = run / CURRENT
    return not link.is_symlink() and (link.exists() or versions_of(run)[-1] > FIRST)


def _require_linked(run: Path) -> None:
    if _unlinked(run):
        raise GenRecError(
            f"{run} was copied without its links, and does not say which of its versions ({_listed(run)}) is in use: "
            f"put one in use with `genrec-train update {run} --version N`, or copy it again with `cp -a`"
        )


def _require_kept(run: Path, number: int) -> None:
    if number not in versions_of(run):
        raise GenRecError(f"{run} has no version {number}; it has {_listed(run)}")


def _listed(run: Path) -> str:
    return ", ".join(map(str, versions_of(run)))


def _link_again(run: Path) -> None:
    """Make links of the files that a copy made of them; those that lead nowhere go with the switch."""
    shutil.rmtree(run / CURRENT, ignore_errors=True)
    kept = [path for number in versions_of(run) for path in (run / VERSIONS / str(number)).iterdir()]
    for name in {path.name for path in kept if path.is_file()}:
        _link(run / name, f"{CURRENT}/{name}")


def _adopt(run: Path) -> None:
    """Make the files of a folder its first version. They read the same at every moment, and after a kill."""
    first = run / VERSIONS / str(FIRST)
    plain = [path for path in run.iterdir() if path.is_file() and not path.is_symlink() and path.name[0] != "."]
    if not (run / CURRENT).is_symlink():
        first.mkdir(parents=True, exist_ok=True)
        for path in plain:
            shutil.copy2(path, first / path.name)
        _sync(first)
        _link(run / CURRENT, f"{VERSIONS}/{FIRST}")
    for path in plain:
        if (first / path.name).exists():  # else somebody put it there since
            _link(path, f"{CURRENT}/{path.name}")


def _switch(run: Path, number: int) -> None:
    folder = run / VERSIONS / str(number)
    for path in folder.iterdir():  # files that earlier versions do not have: links that lead nowhere until the switch
        if path.is_file() and not (run / path.name).is_symlink():
            _link(run / path.name, f"{CURRENT}/{path.name}")
    _link(run / CURRENT, f"{VERSIONS}/{number}")
    for path in run.iterdir():
        if path.is_symlink() and not path.exists():
            path.unlink()  # of a file that this version does not have


def _link(path: Path, target: str) -> None:
    """Put a link in the place of whatever is there, in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
    except OSError as error:
        raise GenRecError(f"{path} cannot be made a link ({error.strerror})") from error


def _sync(folder: Path) -> None:
    """Wait until the files of a folder are on the disk."""
    for path in (*(path for path in folder.iterdir() if path.is_file()), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
