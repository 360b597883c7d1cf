"""JSON whose records are not columns yet: what a known shape looks like, and how it becomes flat records."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A known way to write check-ins or places in JSON.

    Attributes:
        name: what it is called.
        what: what its records are called, in the plural.
        inside: the key of the list of records in an object, if they are in one.
        fits: whether a value is written in this way.
        flat: the flat records of a value that is an object: none where it is not a check-in, several where visits are
            nested.
        needs: the columns that `flat` gives to every sound record.
        lacking: what is said of a file without one of them.

    """

    name: str
    what: str
    inside: tuple[str, ...]
    fits: Callable[[dict[str, Any]], bool]
    flat: Callable[[dict[str, Any]], list[dict[str, Any]]]
    needs: tuple[str, ...] = ()
    lacking: str = ""


class Flaw(NamedTuple):
    """Stands in a record for a value that cannot be had; it matters only where the value is asked for."""

    reason: str
