"""Profiles by templates of many people: by one process, by several, and on Ray, as the commands do it.

Seconds on a clock say little on a machine that does other things, too; so the processor time of all processes is
added up beside them: a way that takes C seconds of it in all on w processors cannot be done before C / w seconds.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import polars as pl

from genrec import prepared
from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.clock import in_order
from genrec.columns import USER
from genrec.errors import GenRecError
from genrec.files import file_hash
from genrec.reading.reader import read_checkins

WAYS = ("one process", "ray", "processes")
SEED = 7
SOME = 1000  # people of the synthetic city; more are copies of them under other ids
LEAST_PLACES = 60  # a smaller city cannot be made
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class JobRow:
    """How long a way took. Times in seconds: on the clock, and of processors, all processes together."""

    way: str
    people: int
    workers: int
    clock: float
    cpu: float  # in all
    cpu_serial: float  # of the process that was started: it reads, shares out, merges and sums up
    per_second: float  # people, by the clock
    written: str  # hash of the file


def city(people: int, days: int, folder: Path) -> Path:
    """A prepared folder of so many people."""
    some = min(people, SOME)
    build_city(CityConfig(users=some, pois=max(2 * some, LEAST_PLACES), days=days, seed=SEED)).write(folder / "city")
    checkins = read_checkins(folder / "city" / "checkins.csv")
    prepared.prepare(_copied(checkins, -(-people // some)), folder / "prepared")
    return folder / "prepared"


def _copied(checkins: Checkins, copies: int) -> Checkins:
    frames = [checkins.frame.with_columns((pl.col(USER) + f"-{copy}").alias(USER)) for copy in range(copies)]
    return replace(checkins, frame=in_order(pl.concat(frames)))


def measure(data: Path, folder: Path, people: int, workers: int, way: str) -> JobRow:
    """Write the profiles in one of WAYS."""
    options = {"one process": [], "processes": ["--workers", workers], "ray": ["--ray", "local", "--workers", workers]}
    out = folder / f"{way.replace(' ', '-')}.jsonl"
    clock, cpu, serial = _timed(["profile", data, "--writer", "habits", "--out", out, *options[way]])
    written = file_hash(out)
    out.unlink()
    return JobRow(way, people, 1 if way == WAYS[0] else workers, clock, cpu, serial, people / clock, written)


def same(rows: Sequence[JobRow]) -> dict[str, bool]:
    """Whether each way has written the same bytes as the first."""
    return {row.way: row.written == rows[0].written for row in rows}


def to_json(rows: Sequence[JobRow]) -> dict[str, Any]:
    """Everything measured, in plain types."""
    from eval.bench.tables import machine  # deferred: loads torch

    found = same(rows)
    return {"machine": machine(), "rows": [asdict(row) | {"same": found[row.way]} for row in rows]}


def _timed(arguments: Sequence[object]) -> tuple[float, float, float]:
    """Run a command: seconds on the clock, of all its processes, and of the first. Raises GenRecError if it fails."""
    command = [sys.executable, "-c", "from genrec.cli import main; main()", *map(str, arguments)]
    start = time.perf_counter()
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)  # noqa: S603 - our own
        family, spent = {process.pid}, dict[int, float]()
        try:
            while process.poll() is None:
                time.sleep(0.2)
                spent |= _spent(family)
        finally:
            process.terminate()  # it ends with us
            process.wait()
        if process.returncode:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
            raise GenRecError(f"{' '.join(command[3:])} failed with exit code {process.returncode}: {last}")
    return time.perf_counter() - start, sum(spent.values()), spent[process.pid]


def _spent(family: set[int]) -> dict[int, float]:
    """Processor seconds of each process of a family, which grows by the children that are seen."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        stats[int(path.parent.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK
    while new := {pid for pid, (parent, _) in stats.items() if parent in family} - family:
        family |= new
    return {pid: stats[pid][1] for pid in family if pid in stats}
