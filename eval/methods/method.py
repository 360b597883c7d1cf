"""What a method is, and what it answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from eval.protocol import Cases


@dataclass(frozen=True)
class Ranked:
    """A method's answer to an example: up to k POIs, best first, or why there are none.

    `evidence` is the fingerprint of the check-ins that the method was given. `in_prompt`: the target is named in the
    prompt (None without one). `profile_user` and `profile_as_of`: whose profile a prompt shows, and of when.
    """

    example: int
    evidence: str
    pois: Sequence[int] = ()
    probabilities: Sequence[float] = ()
    in_prompt: bool | None = None
    failure: str | None = None
    profile_user: str | None = None
    profile_as_of: datetime | None = None


class Method(Protocol):
    """A way to rank the POIs."""

    name: str

    def settings(self, cases: Cases) -> dict[str, Any]:
        """All that its rankings depend on beside the examples, in plain types, for config.json."""

    def rank(self, cases: Cases, examples: Sequence[int], k: int) -> Iterable[Ranked]:
        """One answer an example, in any order; the examples are given in the order of their `as_of`."""
