"""What a worker does: open the data and the work for itself, then chunk after chunk."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genrec import prepared
from genrec.checkins import Checkins
from genrec.errors import GenRecError
from genrec.files import file_hash
from genrec.jobs.parts import Chunk, Done, Parts

Work = Callable[[Chunk], list[str]]  # from a chunk to the lines of its result
Task = Callable[[Checkins], Work]  # opens the work


@dataclass(frozen=True)
class Data:
    """A prepared folder, and the hash of the file that says what it holds."""

    folder: Path
    meta: str


def shared(checkins: Checkins, home: Path) -> Data:
    """Where workers read check-ins: the prepared folder that they come from, or one that is made in `home`."""
    source = Path(checkins.source)
    folder = source if _is_whole(checkins, source) else home / "checkins"
    if folder is not source:
        prepared.prepare(checkins, folder)
    return Data(folder.absolute(), file_hash(folder / prepared.META))


def _is_whole(checkins: Checkins, folder: Path) -> bool:
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
    data: Data

    def open(self) -> "Worker":
        """Read the data and open the work; raises GenRecError if the data have changed since the job began."""
        checkins = Checkins(*prepared.load(self.data.folder))
        if file_hash(self.data.folder / prepared.META) != self.data.meta:
            raise GenRecError(f"{self.data.folder} has changed while it was being read; run the command again")
        return Worker(self.task(checkins), Parts(self.home))


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
