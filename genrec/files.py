"""Files: written so that a reader never sees half of one and nothing of somebody else's is lost, and their hashes."""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from genrec.errors import GenRecError, InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it replaces `path`, on failure it goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def require_regular(path: Path) -> None:
    """Raise InputError unless `path` is a regular file, or a link to one: a pipe or a device may never end."""
    if not path.exists():
        raise InputError("no such file.", file=path)
    if not path.is_file():
        raise InputError("not a regular file.", file=path)


def require_only(folder: Path, names: Collection[str]) -> None:
    """Raise GenRecError if a folder to write into is a file, or holds anything but files and folders of these names."""
    if folder.is_file():
        raise GenRecError(f"{folder} is a file; --out names a folder")
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    others = {name for name in found.difference(names) if not name.startswith(".")}  # a killed write leaves .NAME.xyz
    if others:
        raise GenRecError(f"{folder} holds something else ({min(others)}); name another --out")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
