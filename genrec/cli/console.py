"""Terminal output: results go to stdout, notes and progress to stderr.

Whatever is printed may hold text from data, files and servers. So these consoles show control characters instead
of obeying them, and take no string for markup: what is styled is a `Text`, or says `markup=True` and holds no data.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from genrec.terminal import visible


class _Status(Status):
    def __init__(self, status: RenderableType, **settings: Any) -> None:
        super().__init__(_unmarked(status), **settings)

    def update(self, status: RenderableType | None = None, **settings: Any) -> None:
        super().update(status if status is None else _unmarked(status), **settings)


def _unmarked(shown: RenderableType) -> RenderableType:
    return Text(shown) if isinstance(shown, str) else shown


class PlainConsole(Console):
    """A console that shows text as it is: no markup, no emoji codes, no control characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, markup=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        """See `Console`."""
        return super().render_str(visible(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console`; all that is printed passes here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def status(self, status: RenderableType, **settings: Any) -> Status:
        """See `Console`."""
        return _Status(status, console=self, **settings)


out = PlainConsole()
err = PlainConsole(stderr=True)


def progress_bar() -> Progress:
    """A progress bar on stderr: what, how far, elapsed, remaining."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    )
