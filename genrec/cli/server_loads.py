"""Several servers at work: what each does, in the progress line and in a table."""

import time

from rich.table import Table

from genrec.cli.console import err
from genrec.llm.address import each
from genrec.llm.load import Load, Loads

EVERY = 2.0  # seconds between two looks


class ServerLoads:
    """Looks at several servers while they work; with one, or none, there is nothing to tell."""

    def __init__(self, servers: str | None) -> None:
        urls = each(servers) if servers else []
        self._loads = Loads(urls) if len(urls) > 1 else None
        self._looked = 0.0
        self._line = ""
        self._queues: dict[str, int] = {}

    def line(self, what: str) -> str:
        """What is being done, and what each server says of itself."""
        if self._loads and time.monotonic() - self._looked > EVERY:
            self._looked = time.monotonic()
            self._line = "".join(f" | {self._told(load)}" for load in self._loads.now())
        return f"{what}{self._line}"

    def _told(self, load: Load) -> str:
        name = load.url.rpartition("/")[2]
        self._queues[load.url] = max(self._queues.get(load.url, 0), load.queue)
        if not load.there:
            return f"{name} gone"
        return f"{name} hits {load.hit_rate:.0%}, queue {load.queue}, {load.latency:.1f} s"

    def print(self) -> None:
        """Print the table of what each has done."""
        if not self._loads:
            return
        table = Table(title="Servers", title_justify="left")
        for heading in ("server", "answers", "prefix cache hits", "longest queue", "s an answer", "now"):
            table.add_column(heading, justify="left" if heading == "server" else "right")
        for load in self._loads.now():
            figures = (f"{load.answered:,}", f"{load.hit_rate:.1%}", str(self._queues.get(load.url, load.queue)))
            table.add_row(load.url, *figures, f"{load.latency:.2f}", "there" if load.there else "gone")
        err.print(table)
