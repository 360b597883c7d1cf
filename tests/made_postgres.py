"""A PostgreSQL server of the tests' own: on a socket in a temporary folder, run by somebody who is not root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

DEBIAN = Path("/usr/lib/postgresql")
ROOM = 2 << 30  # bytes
STARTING = 60.0  # seconds, at most
_names = count()


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path
    psql: Path

    def new_database(self) -> str:
        """The address of an empty database: a schema of its own, which is made a hundred times faster."""
        name = f"genrec{next(_names)}"
        self.sql(f"CREATE SCHEMA {name}")
        return f"postgresql://genrec@/postgres?host={self.folder}&options=-csearch_path%3D{name}"

    def sql(self, statement: str) -> str:
        """What psql prints."""
        command = [self.psql, "-h", self.folder, "-U", "genrec", "-d", "postgres", "-Atc", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def binaries() -> Path | None:
    """Where the server's programs are, if it is installed."""
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _servant() -> dict[str, Any]:
    """Who runs it: not root, which PostgreSQL refuses."""
    if os.getuid():
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("there is nobody but root")


def _home() -> str:
    """In memory, where there is enough of it; and a short path, because those of sockets end at 107 letters."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else "/tmp"


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    """Start a server with all safety on, and stop it."""
    folder = Path(tempfile.mkdtemp(prefix="genrec-pg-", dir=_home()))
    servant = _servant()
    try:
        if servant:
            os.chown(folder, servant["user"], servant["group"])
        data = folder / "data"
        make = [programs / "initdb", "-D", data, "-U", "genrec", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(make, cwd=folder, capture_output=True, check=True, **servant)
        serve = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log, **servant)
        try:
            _wait(programs, folder, server)
            yield Postgres(folder, programs / "psql")
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _wait(programs: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTING
    while subprocess.run(
        [programs / "pg_isready", "-qh", folder, "-U", "genrec", "-d", "postgres"], check=False
    ).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"PostgreSQL does not start: {(folder / 'log').read_text()}")
        time.sleep(0.05)
