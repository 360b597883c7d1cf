"""Answers are deleted when they are old, so that what is kept of people cannot grow for ever."""

import threading
from datetime import timedelta

from genrec.service.errors import note_failure
from genrec.store.protocol import Store
from genrec.store.records import now

KEEP_DAYS = 30
EVERY = 3600.0  # seconds


class Retention:
    """A thread that deletes answers older than some days, at the start and every hour."""

    def __init__(self, store: Store, days: int) -> None:
        self._store, self.days = store, days
        self._closed = threading.Event()

    def start(self) -> None:
        """Delete, and go on doing so."""
        threading.Thread(target=self._run, name="retention", daemon=True).start()

    def close(self) -> None:
        """Delete no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._store.drop_answers(now() - timedelta(days=self.days))
            except Exception as error:  # the next time it may succeed
                note_failure("to delete old answers", error)
            self._closed.wait(EVERY)
