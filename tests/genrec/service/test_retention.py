"""What is kept of answers does not grow for ever, and what waits for the model does not hold up what needs none."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from made_store import an_answer

from genrec.errors import GenRecError
from genrec.service.errors import Refused
from genrec.service.jobs import ModelQueue
from genrec.service.retention import Retention
from genrec.store.opening import open_store
from genrec.store.records import now

from .conftest import eventually


def test_answers_are_deleted_by_age_and_their_room_is_used_again(tmp_path):
    path = tmp_path / "store.db"
    store, sizes = open_store(str(path)), []
    for month in range(3):
        for number in range(40):
            store.add_answer(an_answer(None, f"{month} {number}", at=now() - timedelta(days=31), places=["p"] * 200))
        store.add_answer(an_answer(None, f"new {month}", at=now()))
        keeping = Retention(store, days=30)
        keeping.start()
        eventually(lambda kept=month + 1: store.counts()["answers"] == kept)
        keeping.close()
        with closing(sqlite3.connect(path)) as connection:
            sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
    assert sizes[1:] == [sizes[1]] * 2
    store.close()


def test_while_the_model_is_loaded_words_wait_and_templates_do_not():
    queue, gate = ModelQueue(seconds=0.05), threading.Event()
    assert queue.model == "not loaded"
    queue.load(gate.wait)
    with pytest.raises(Refused, match="still being loaded") as refused:
        queue.ask(lambda: "words")
    assert refused.value.status == 503 and refused.value.headers["Retry-After"]
    job = queue.start([lambda: None], by_model=False)
    eventually(lambda: job.state == "done")
    gate.set()
    eventually(lambda: queue.model == "loaded")
    assert queue.ask(lambda: "words") == "words"


def test_a_model_that_cannot_be_loaded_is_said_to_whoever_needs_it():
    def fail():
        raise GenRecError("there is no such model")

    queue = ModelQueue()
    queue.load(fail)
    eventually(lambda: queue.model == "cannot be loaded")
    with pytest.raises(GenRecError, match="no such model"):
        queue.ask(fail)
