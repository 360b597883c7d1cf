"""A job: the same work for chunk after chunk, here or elsewhere, and its results in the order of the chunks."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrec import __version__
from genrec.files import file_hash
from genrec.fingerprint import fingerprint
from genrec.jobs.parts import Chunk, Done, Parts
from genrec.jobs.worker import Opening, Source, Task, Work, is_whole, shared, timed
from genrec.parted import Parted
from genrec.prepared import META

JOB = ".job"


@dataclass(frozen=True)
class Elsewhere:
    """Work that other processes do: `workers` of this machine, or those of a Ray cluster ("local": one made for it).

    `task` opens the work there; it is pickled, so it names files and holds little. It is given `source`, which each
    worker reads for itself; None: the work is not about check-ins. `made_from`: what else the results depend on, in
    plain types.
    """

    workers: int
    ray: str | None
    task: Task
    source: Source
    made_from: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """All that results depend on, beside what is asked."""
        return {**self.made_from, "check-ins": _identity(self.source), "genrec": __version__}


@dataclass(frozen=True)
class Placing:
    """Where work is done: in this process, in several `workers`, or on `ray`."""

    workers: int | None = None
    ray: str | None = None

    def elsewhere(self, task: Task, source: Source, made_from: Mapping[str, Any]) -> Elsewhere | None:
        """How the work is shared, if it is: see `Elsewhere`."""
        workers = self.workers or 1
        return Elsewhere(workers, self.ray, task, source, made_from) if self.ray or workers > 1 else None


HERE = Placing()


def _identity(source: Source) -> str | None:
    """What tells check-ins from others; of a prepared folder, the description of its files with their hashes."""
    if source is None:
        return None
    if isinstance(source, Parted):
        return source.meta.model_dump_json()
    folder = Path(source.source)
    return file_hash(folder / META) if is_whole(source, folder) else fingerprint(source)


def home_of(output: Path) -> Path:
    """The folder that a job for an output keeps beside it until it has ended."""
    return output.with_name(f".{output.name}{JOB}")


def results(
    chunks: Sequence[Chunk],
    opening: Callable[[], Work],
    home: Path,
    elsewhere: Elsewhere | None = None,
    finished: Collection[int] = (),
) -> Iterator[tuple[int, Done]]:
    """The number and result of each chunk, in their order, without the `finished` ones.

    Without `elsewhere`, the work is opened and done in this process, and what is yielded is all there is. Otherwise
    results lie in `home` until the next one is asked for: what a killed job with the same settings and chunks has left
    there is not done again. Raises GenRecError, as the work does.
    """
    asked = {number: chunk for number, chunk in enumerate(chunks) if number not in finished}
    parts = Parts(home)
    if elsewhere is None:
        parts.end()
        if asked:
            work = opening()
            yield from ((number, timed(work, chunk)) for number, chunk in asked.items())
        return
    parts.begin(elsewhere.settings, chunks)
    there = parts.finished()
    missing = {number: chunk for number, chunk in asked.items() if number not in there}
    with closing(_made(missing, parts, elsewhere)) as made:
        for number in asked:
            while number not in there:
                there.add(next(made))
            yield number, parts.get(number)
            parts.drop(number)
    parts.end()


def _made(missing: Mapping[int, Chunk], parts: Parts, elsewhere: Elsewhere) -> Generator[int]:
    """The numbers of chunks whose results have come to lie in their files, in any order."""
    if not missing:
        return
    data = None if elsewhere.source is None else shared(elsewhere.source, parts.home)
    opening = Opening(parts.home, elsewhere.task, data)
    if elsewhere.ray is None:
        from genrec.jobs.processes import in_processes  # deferred: multiprocessing

        yield from in_processes(opening, missing, elsewhere.workers)
        return
    from genrec.jobs.on_ray import on_ray  # deferred: Ray takes seconds to load

    yield from on_ray(opening, missing, elsewhere.workers, elsewhere.ray)
