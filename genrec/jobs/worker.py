"""What a worker does: open the data and the work for itself, then chunk after chunk."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import file_hash
from genrec.jobs.parts import Chunk, Done, Parts
from genrec.parted import Parted

MOST_DEATHS = 3  # of workers at one and the same chunk

Work = Callable[[Chunk], list[str]]  # from a chunk to the lines of its result
Source = Checkins | Parted | None  # what the work is about: all check-ins, or a folder that is read by parts
Task = Callable[[Any], Work]  # opens the work, given the source


@dataclass(frozen=True)
class Data:
    """A prepared folder, and the hash of the file that says what it holds."""

    folder: Path
    meta: str
    by_parts: bool = False

    def read(self) -> Checkins | Parted:
        """What lies there; raises GenRecError if it has changed since it was described."""
        found = Parted(self.folder) if self.by_parts else Checkins(*prepared.load(self.folder))
        if file_hash(self.folder / prepared.META) != self.meta:
            raise GenRecError(f"{self.folder} has changed while it was being read; run the command again")
        return found


def shared(source: Checkins | Parted, home: Path) -> Data:
    """Where workers read check-ins: the prepared folder that they come from, or one that is made in `home`."""
    if isinstance(source, Parted):
        return Data(source.folder.absolute(), file_hash(source.folder / prepared.META), by_parts=True)
    return _whole(source, home)


def _whole(checkins: Checkins, home: Path) -> Data:
    source = Path(checkins.source)
    folder = source if is_whole(checkins, source) else home / "checkins"
    if folder is not source:
        prepared.prepare(checkins, folder)
    return Data(folder.absolute(), file_hash(folder / prepared.META))


def is_whole(checkins: Checkins, folder: Path) -> bool:
    """Whether a folder holds these check-ins, none of which was left out since."""
    if not (folder / prepared.META).is_file():
        return False
    meta = prepared.meta_of(folder)
    return (meta.check_ins, meta.pois) == (len(checkins.frame), len(checkins.pois))


@dataclass(frozen=True)
class Opening:
    """All that a worker needs to begin."""

    home: Path
    task: Task
    data: Data | None

    def open(self) -> "Worker":
        """Read the data and open the work; raises GenRecError if the data have changed since the job began."""
        return Worker(self.task(self.data and self.data.read()), Parts(self.home))


@dataclass(frozen=True)
class Worker:
    """The work, opened, and where results go."""

    work: Work
    parts: Parts

    def do(self, number: int, chunk: Chunk) -> None:
        """Do a chunk, and keep its result."""
        self.parts.put(number, timed(self.work, chunk))


def timed(work: Work, chunk: Chunk) -> Done:
    """Do a chunk in this process."""
    start = time.perf_counter()
    lines = work(chunk)
    return Done(lines, time.perf_counter() - start)


def threads(workers: int) -> dict[str, str]:
    """Variables by which several processes share the processors; what is set already stays.

    Not the number of PyTorch's threads: the last digits of what it computes depend on it, and results must not depend
    on the number of workers. So its threads are those of this process, and wait without keeping a processor busy.
    """
    share = str(max(1, len(os.sched_getaffinity(0)) // workers))
    wanted = {"POLARS_MAX_THREADS": share, "RAYON_NUM_THREADS": share, "OMP_WAIT_POLICY": "PASSIVE"}
    return {name: value for name, value in wanted.items() if name not in os.environ}


def too_many_deaths(how: str) -> GenRecError:
    """What is said when a chunk has ended as many workers as it may."""
    return GenRecError(
        f"the workers that did the same part of the work ended {MOST_DEATHS} times ({how}). "
        "Is there enough memory? Try fewer --workers; what is finished is kept."
    )
