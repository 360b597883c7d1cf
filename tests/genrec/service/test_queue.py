"""The queue before the model: one at a time, bounded, and clear about waiting."""

import threading
import time

import pytest

from genrec.errors import GenRecError
from genrec.service import jobs
from genrec.service.errors import Refused
from genrec.service.jobs import ModelQueue

from .conftest import eventually


@pytest.fixture
def gate():
    """Keeps the worker busy until it is opened."""
    opened = threading.Event()
    yield opened
    opened.set()


def test_one_at_a_time(gate):
    queue, inside, most = ModelQueue(), [], []

    def work():
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    threads = [threading.Thread(target=queue.ask, args=(work,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 10


def test_too_slow_an_answer_is_given_up_clearly(gate):
    queue = ModelQueue(seconds=0.05)
    with pytest.raises(Refused, match="not answered within") as caught:
        queue.ask(gate.wait)
    assert caught.value.status == 504
    gate.set()
    eventually(lambda: queue.waiting()["questions"] == 0)
    assert queue.ask(lambda: "again") == "again"


def test_too_many_are_told_to_come_again(gate, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_QUESTIONS", 2)
    monkeypatch.setattr(jobs, "MOST_PROFILES", 2)
    queue = ModelQueue()
    threads = [threading.Thread(target=queue.ask, args=(gate.wait,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: queue.waiting()["questions"] == 2)
    for refused in (lambda: queue.ask(gate.wait), lambda: queue.start([gate.wait] * 3)):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.status == 429 and "Retry-After" in caught.value.headers
    gate.set()
    for thread in threads:
        thread.join()
    assert queue.waiting() == {"questions": 0, "profiles": 0}


def test_questions_go_before_profiles(gate):
    queue, order = ModelQueue(), []
    job = queue.start([gate.wait, *[lambda: order.append("profile")] * 3])
    eventually(lambda: job.begun)
    asking = threading.Thread(target=queue.ask, args=(lambda: order.append("question"),))
    asking.start()
    eventually(lambda: queue.waiting()["questions"] == 1)
    assert job.state == "running"
    gate.set()
    asking.join()
    eventually(lambda: job.state == "done")
    assert order == ["question", "profile", "profile", "profile"]


def test_a_job_goes_on_after_what_fails():
    def fails():
        raise GenRecError("nobody there")

    def breaks():
        raise RuntimeError("secret")

    queue = ModelQueue()
    job = queue.start([fails, breaks, lambda: None])
    eventually(lambda: job.done)
    assert (job.state, job.failed, job.problem) == ("done", 2, "something went wrong here")
    bad = queue.start([fails])
    eventually(lambda: bad.failed)
    assert (bad.state, bad.problem) == ("failed", "nobody there")
    with pytest.raises(GenRecError, match="nobody there"):
        queue.ask(fails)


def test_old_jobs_are_forgotten(monkeypatch):
    monkeypatch.setattr(jobs, "JOBS_KEPT", 2)
    queue = ModelQueue()
    ids = [queue.start([]).id for _ in range(3)]
    with pytest.raises(Refused, match="no such job"):
        queue.job(ids[0])
    assert queue.job(ids[2]).state == "done"


def test_of_two_hundred_at_once_everybody_is_answered_or_told_to_come_again():
    queue, answered, refused = ModelQueue(), [], []

    def slow(number):
        time.sleep(0.005)
        return number

    def ask(number):
        try:
            answered.append((number, queue.ask(lambda: slow(number))))
        except Refused as error:
            refused.append(error.status)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(number == answer for number, answer in answered)
    assert len(answered) >= 20 and set(refused) <= {429}
    assert len(answered) + len(refused) == 200
