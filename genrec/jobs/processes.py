"""Workers as processes of this machine: one that is killed is replaced, and its chunk is done again."""

import os
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from genrec.errors import GenRecError
from genrec.jobs.parts import Chunk
from genrec.jobs.worker import MOST_DEATHS, Opening, threads, too_many_deaths

STOP_SECONDS = 5.0


class WorkerError(Exception):
    """What nobody foresaw has happened in a worker; the text is its traceback."""


def in_processes(opening: Opening, chunks: Mapping[int, Chunk], workers: int) -> Iterator[int]:
    """Do chunks in so many processes; gives the numbers of those that are done, in any order.

    Raises GenRecError as the work does, or if a chunk again and again ends the worker that does it.
    """
    waiting, deaths = deque(chunks), Counter[int]()
    pool: list[_Hand] = []
    try:
        while waiting and len(pool) < workers:
            pool.append(_hire(opening, workers, waiting.popleft(), chunks))
        while pool:
            ready = wait([hand.connection for hand in pool])
            for hand in [hand for hand in pool if hand.connection in ready]:
                number = hand.number
                try:
                    problem = hand.connection.recv()
                except EOFError:
                    deaths[number] += 1
                    pool.remove(hand)
                    code = hand.end()
                    if deaths[number] == MOST_DEATHS:
                        raise too_many_deaths(_how(code)) from None
                    pool.append(_hire(opening, workers, number, chunks))
                    continue
                if problem:
                    raise problem
                if waiting:
                    hand.give(waiting.popleft(), chunks)
                else:
                    pool.remove(hand)
                    hand.end()
                yield number
    finally:
        for hand in pool:
            hand.process.kill()
            hand.end()


@dataclass
class _Hand:
    """A worker's process, the way to talk to it, and the number of the chunk that it does."""

    process: SpawnProcess
    connection: Connection
    number: int

    def give(self, number: int, chunks: Mapping[int, Chunk]) -> None:
        """Have it do a chunk."""
        self.number = number
        with suppress(BrokenPipeError):  # it has been killed, which will be seen
            self.connection.send((number, chunks[number]))

    def end(self) -> int | None:
        """Let it go, as nothing more will be asked; its exit code."""
        self.connection.close()
        self.process.join(STOP_SECONDS)
        self.process.kill()
        self.process.join()
        return self.process.exitcode


def _hire(opening: Opening, workers: int, number: int, chunks: Mapping[int, Chunk]) -> _Hand:
    """A new worker at a chunk."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(opening, theirs), daemon=True)
    with _inherited(threads(workers)):
        process.start()
    theirs.close()
    hand = _Hand(process, ours, number)
    hand.give(number, chunks)
    return hand


@contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """What a process that is started has from its beginning: variables, and no ear for Ctrl-C, which is for us."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        if main:
            signal.signal(signal.SIGINT, before)


def _serve(opening: Opening, connection: Connection) -> None:
    """A worker's life: it answers each chunk with None, or with the error; it ends when nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            worker = opening.open()
            while True:
                number, chunk = connection.recv()
                worker.do(number, chunk)
                connection.send(None)
        except GenRecError as error:
            connection.send(GenRecError(str(error)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            connection.send(WorkerError(traceback.format_exc()))


def _end_with_parent() -> None:
    """If the command is killed, end at once: a chunk may take hours."""
    parent = parent_process()
    assert parent  # noqa: S101 - narrows the type
    parent.join()
    os._exit(1)


def _how(code: int | None) -> str:
    return f"by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
