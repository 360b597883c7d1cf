"""The queue before the model, which one thread at a time may use: short questions first, profiles between them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OverTime
from dataclasses import dataclass, field
from itertools import count
from queue import PriorityQueue
from typing import Any, Literal, TypeVar
from uuid import uuid4

from genrec.errors import GenRecError
from genrec.service.errors import Refused, note_failure

MOST_QUESTIONS = 20  # that wait
MOST_PROFILES = 20_000  # that wait to be written
JOBS_KEPT = 1000
SECONDS = 30.0  # that a question may take
WAIT = 5  # seconds until one may try again

Result = TypeVar("Result")
Loading = Literal["not loaded", "loading", "loaded", "cannot be loaded"]


@dataclass
class Job:
    """Profiles being written: how many there are, are done and have failed, and why the last of these did."""

    total: int
    person: str | None  # whom it is about, if it is one person
    id: str = field(default_factory=lambda: uuid4().hex)
    begun: bool = False
    done: int = 0
    failed: int = 0
    problem: str | None = None

    @property
    def state(self) -> Literal["queued", "running", "done", "failed"]:
        """How it stands; a job has failed if nothing of it succeeded."""
        if self.done + self.failed < self.total:
            return "running" if self.begun else "queued"
        return "done" if self.done or not self.total else "failed"


@dataclass(order=True)
class _Work:
    urgency: int
    number: int
    do: Callable[[], Any] = field(compare=False)
    future: "Future[Any]" = field(compare=False, default_factory=Future)


class ModelQueue:
    """One worker for the model, and one for what is written by templates; what waits is bounded."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: PriorityQueue[_Work] = PriorityQueue()
        self._plain: PriorityQueue[_Work] = PriorityQueue()  # what needs no model
        self._numbers = count()
        self._lock = threading.Lock()
        self._questions = self._profiles = 0
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self.model: Loading = "not loaded"
        for name, queue in (("model", self._waiting), ("templates", self._plain)):
            threading.Thread(target=_work, args=(queue,), name=name, daemon=True).start()

    def load(self, do: Callable[[], object]) -> None:
        """Load the model, before all that waits."""
        self.model = "loading"
        self._waiting.put(_Work(-1, next(self._numbers), lambda: self._load(do)))

    def ask(self, question: Callable[[], Result]) -> Result:
        """The answer to a short question; raises Refused if too many wait, or it takes too long."""
        work = _Work(0, next(self._numbers), question)
        with self._lock:
            if self._questions >= MOST_QUESTIONS:
                raise Refused(429, "too many wait for the language model; try again", wait=WAIT)
            self._questions += 1
            work.future.add_done_callback(self._one_less)
            self._waiting.put(work)  # counted and queued at once
        try:
            result: Result = work.future.result(self._seconds)
        except OverTime:
            work.future.cancel()
            if self.model == "loading":
                raise Refused(503, "the language model is still being loaded; try again", wait=WAIT) from None
            late = f"the language model has not answered within {self._seconds:g} seconds"
            raise Refused(504, late, wait=WAIT) from None
        return result

    def start(self, steps: Sequence[Callable[[], object]], person: str | None = None, *, by_model: bool = True) -> Job:
        """Do all of this in the background; raises Refused if too much is to be done."""
        queue = self._waiting if by_model else self._plain
        job = Job(len(steps), person)
        with self._lock:
            if self._profiles + len(steps) > MOST_PROFILES:
                raise Refused(429, "too many profiles wait to be written; try again later", wait=60)
            self._profiles += len(steps)
            self._jobs[job.id] = job
            while len(self._jobs) > JOBS_KEPT:
                self._jobs.popitem(last=False)
        for step in steps:
            queue.put(_Work(1, next(self._numbers), lambda step=step: self._step(job, step)))  # type: ignore[misc]
        return job

    def job(self, id_: str) -> Job:
        """A job by its id; raises Refused."""
        with self._lock:
            if id_ not in self._jobs:
                raise Refused(404, "there is no such job")
            return self._jobs[id_]

    def waiting(self) -> dict[str, int]:
        """How much waits or is being done."""
        with self._lock:
            return {"questions": self._questions, "profiles": self._profiles}

    def _load(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # who needs it is told why
            self.model = "cannot be loaded"
            note_failure("to load the language model", error)
        else:
            self.model = "loaded"

    def _one_less(self, _: object) -> None:
        with self._lock:
            self._questions -= 1

    def _step(self, job: Job, step: Callable[[], object]) -> None:
        problem, job.begun = None, True
        try:
            step()
        except GenRecError as error:
            problem = str(error)
        except Exception as error:  # a job must end, whatever happens
            note_failure("to write a profile", error)
            problem = "something went wrong here"
        with self._lock:
            self._profiles -= 1
            job.done += problem is None
            job.failed += problem is not None
            job.problem = problem or job.problem


def _work(queue: PriorityQueue[_Work]) -> None:
    while True:
        work = queue.get()
        if not work.future.set_running_or_notify_cancel():
            continue
        try:
            work.future.set_result(work.do())
        except BaseException as error:
            work.future.set_exception(error)
