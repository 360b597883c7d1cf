"""Work for workers: it says who has done what, and can end badly."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from genrec.errors import GenRecError


@dataclass(frozen=True)
class Repeat:
    """Repeats items beside the number of check-ins; what it does is written into a file that every process shares."""

    log: Path
    pause: float = 0.0
    refuses: str = ""
    breaks: str = ""
    dies: str = ""  # at this item, with the whole process
    once: bool = False  # only the first time

    def __call__(self, checkins):
        """Open the work."""
        return lambda items: [self.line(item, len(checkins.frame)) for item in items]

    def line(self, item, count):
        with self.log.open("a") as log:
            log.write(f"{os.getpid()} {item}\n")
        time.sleep(self.pause)
        if item == self.refuses:
            raise GenRecError(f"{item} is nobody")
        if item == self.breaks:
            raise ZeroDivisionError(item)
        if item == self.dies and not (self.once and self.done().count(item) > 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{item} of {count}"

    def done(self):
        """The items that were begun, in that order."""
        return [line.split()[1] for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def workers(self):
        """The numbers of the processes that did it."""
        return {int(line.split()[0]) for line in self.log.read_text().splitlines()}
