"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # (done, in all)


def nothing(done: int, total: int) -> None:
    """Show no progress."""
