"""Files: written so that no reader sees half of one, nothing of somebody else's is lost or shown, and their hashes."""

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genrec.errors import GenRecError, InputError

LOCK, TEMPORARY = ".lock", ".tmp"
PRIVATE = 0o600  # the mode of new files about people
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Errors of Polars, safetensors and tokenizers say the number in their text only.
_IN_WORDS = re.compile(r"\(os error (\d+)\)")
_NOT_FILES = ("/proc", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr")
_LONG_NAME = 200  # bytes; file systems end at 255, and the names here are longer by a suffix


@contextmanager
def one_writer(output: Path, *, folder: bool = False) -> Iterator[None]:
    """Keep an output, a file or a folder, to this process; what killed ones left half-written there goes.

    The lock is released when the process ends, however it ends. It may be taken again by who holds it. Raises
    GenRecError if another process has it, or if the output cannot be written at all.
    """
    (require_folder if folder else require_file)(output)
    target = _target(output)
    home = target if folder else target.parent
    path = home / LOCK if folder else _beside(target, LOCK)
    made = _make_folder(home)
    lock = FileLock(path, blocking=False, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise GenRecError(
            f"{output} is being written by another process: wait until that ends, or name another output"
        ) from None
    except OSError as error:
        raise GenRecError(f"{output} cannot be written ({error.strerror})") from error
    try:
        if lock.lock_counter == 1:
            left = home.rglob(f".*{TEMPORARY}") if folder else _temporaries(target)
            _remove_leftovers(left, own=True)
        yield
    finally:
        if lock.lock_counter == 1:
            path.unlink(missing_ok=True)
        lock.release()
        for empty in made:
            with suppress(OSError):
                empty.rmdir()


@contextmanager
def atomic_path(path: Path, *, private: bool = False, like: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces that (or what it links to), on failure it goes.

    A file that was there keeps its mode and owner; a new one has those of `like`, else is for nobody but its owner if
    `private`, else as the umask says. Raises GenRecError if `path` is no regular file, or the disk is full.
    """
    require_file(path)
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(_temporaries(target))
    prefix = _beside(target, ".").name
    with room_for(path):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=f".{os.getpid()}{TEMPORARY}")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _settle(temporary, target if target.exists() or not like else like, private=private)
            temporary.replace(target)
            _sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write `text` as UTF-8, atomically; as `atomic_path`."""
    with atomic_path(path, private=private) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def room_for(path: Path, remedy: str = "name another output") -> Iterator[None]:
    """Turn the error of a full disk, whichever library raises it, into a GenRecError that names `path`."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) and error.errno else _number_in(str(error))
        if number not in NO_ROOM:
            raise
        raise GenRecError(
            f"{path} cannot be written: {os.strerror(number)}. Make room, or {remedy}; what was finished before is "
            "still there."
        ) from error


def by_umask(path: Path) -> None:
    """Give a file the mode that a new one has: some libraries let only its owner read what they write."""
    path.chmod(0o666 & ~_umask())


def require_regular(path: Path) -> None:
    """Raise InputError unless `path` is a regular file, or a link to one: a pipe or a device may never end."""
    if not path.exists():
        raise InputError("no such file.", file=path)
    if not path.is_file():
        raise InputError("not a regular file.", file=path)


def require_file(path: Path) -> None:
    """Raise InputError for an output that is a folder, a pipe or a device, the standard output included."""
    if path.is_dir():
        raise InputError("is a folder, not a file.", file=path, fix="Name a file to write to.")
    place = os.path.normpath(path.absolute())
    if any(place == name or place.startswith(f"{name}/") for name in _NOT_FILES) or (
        path.exists() and not path.is_file()
    ):
        raise InputError("not a regular file.", file=path, fix="Name a file to write to.")


def require_folder(path: Path) -> None:
    """Raise InputError for a folder to write into that is something else."""
    if path.exists() and not path.is_dir():
        raise InputError("is a file; --out names a folder.", file=path)


def require_only(folder: Path, names: Collection[str]) -> None:
    """Raise GenRecError if a folder to write into is a file, or holds anything but files and folders of these names."""
    require_folder(folder)
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    others = {name for name in found.difference(names) if not name.startswith(".")}  # locks, and what kills leave
    if others:
        raise GenRecError(f"{folder} holds something else ({min(others)}); name another --out")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _target(path: Path) -> Path:
    """What a path leads to, through all links."""
    return Path(os.path.realpath(path))


def _beside(path: Path, suffix: str) -> Path:
    """A hidden file for what concerns `path`, in the same folder."""
    long = len(os.fsencode(path.name)) > _LONG_NAME
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest() if long else path.name
    return path.with_name(f".{name}{suffix}")


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder, and return those that were not there before, the innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def _temporaries(target: Path) -> list[Path]:
    """What `atomic_path` has made for a file and not put in its place."""
    prefix = _beside(target, ".").name
    return [path for path in target.parent.iterdir() if path.name.startswith(prefix) and path.name.endswith(TEMPORARY)]


def _remove_leftovers(paths: Iterable[Path], *, own: bool = False) -> None:
    """Remove temporary files whose process is gone; one with the number of this process may be of an earlier one."""
    for path in list(paths):
        number = path.name.removesuffix(TEMPORARY).rpartition(".")[2]
        if number.isdecimal() and (not _runs(int(number)) or (own and int(number) == os.getpid())):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _settle(temporary: Path, model: Path, *, private: bool) -> None:
    """Bring a finished file to the disk, with the mode and owner of `model`, if that is there."""
    _sync(temporary)
    if not model.exists():
        temporary.chmod(PRIVATE if private else 0o666 & ~_umask())
        return
    before = model.stat()
    with suppress(PermissionError):
        os.chown(temporary, before.st_uid, before.st_gid)
    temporary.chmod(stat.S_IMODE(before.st_mode))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _number_in(text: str) -> int:
    found = _IN_WORDS.search(text)
    return int(found[1]) if found else 0
