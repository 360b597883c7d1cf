"""Several servers of one model, asked as if they were one.

Each person has a server of their own (rendezvous hashing), whose prefix cache so holds the beginning of their prompts;
if it goes, theirs is the next in their order, and everybody else's stays. A server that does not answer, or says that
it is leaving, is taken out, and what it was asked is asked elsewhere; it is taken in again when it is back and has
passed the checks that all have passed at the start.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from genrec.errors import GenRecError
from genrec.llm.address import public
from genrec.llm.answers import ModelEntry
from genrec.llm.endpoint import RESTART_SECONDS, Endpoint, GoneError, together
from genrec.terminal import note

AGAIN_SECONDS = 2.0  # between two looks whether a server is back

TakeIn = Callable[[str], Endpoint]


@dataclass
class _Member:
    """A server by its address; `endpoint` is None while it is out."""

    url: str
    endpoint: Endpoint | None = None


class Fleet:
    """Endpoints that serve the same. Raises GenRecError when none of them can answer."""

    def __init__(self, urls: Sequence[str], take_in: TakeIn) -> None:
        """`take_in` connects to a server and checks it; GoneError if it is not there, GenRecError if it is not one."""
        self._take_in = take_in
        self._members = [_Member(url) for url in urls]
        gone = None
        for member in self._members:
            try:
                member.endpoint = take_in(member.url)
            except GoneError as error:
                gone = error
                note(f"note: {error} The others do its work.")
        self._first = next((member.endpoint for member in self._members if member.endpoint), None) or _raise(gone)
        for member in self._members:
            if member.endpoint is None:
                self._await(member)

    @property
    def url(self) -> str:
        """The addresses, for messages."""
        return ", ".join(sorted(public(member.url) for member in self._members))

    @property
    def entry(self) -> ModelEntry:
        """What they serve."""
        return self._first.entry

    @property
    def model(self) -> str:
        """The name of what they serve."""
        return self._first.model

    def post_all(self, path: str, bodies: Sequence[dict[str, Any]], people: Sequence[str] = ()) -> list[bytes]:
        """See `Endpoint`; bodies about the same person go to the same server."""
        whose = people or [json.dumps(body.get("messages") or body.get("prompt")) for body in bodies]
        return together([self._ask(path, body, person) for body, person in zip(bodies, whose, strict=True)])

    def get_text(self, path: str) -> str:
        """See `Endpoint`: the pages of all servers that are there, one behind the other."""
        return "\n".join(member.endpoint.get_text(path) for member in self._members if member.endpoint)

    async def _ask(self, path: str, body: dict[str, Any], person: str) -> bytes:
        order = sorted(self._members, key=lambda member: _weight(public(member.url), self.model, person), reverse=True)
        began = time.monotonic()
        while time.monotonic() - began < RESTART_SECONDS:
            for member in order:
                endpoint = member.endpoint
                if endpoint is None:
                    continue
                try:
                    return await endpoint.post(path, body)
                except GoneError as error:
                    self._take_out(member, endpoint, error)
            await asyncio.sleep(AGAIN_SECONDS / 2)
        raise GenRecError(f"none of {self.url} has answered for {RESTART_SECONDS:.0f} s")

    def _take_out(self, member: _Member, endpoint: Endpoint, why: GoneError) -> None:
        if member.endpoint is endpoint:  # else another request has seen it before
            member.endpoint = None
            note(f"note: {why} The others do its work.")
            self._await(member)

    def _await(self, member: _Member) -> None:
        threading.Thread(target=self._returned, args=(member,), name="genrec-return", daemon=True).start()

    def _returned(self, member: _Member) -> None:
        """Take a server in as soon as it is back, with all checks."""
        said = False
        while member.endpoint is None:
            time.sleep(AGAIN_SECONDS)
            try:
                member.endpoint = self._take_in(member.url)
            except GoneError:
                continue
            except GenRecError as error:
                if not said:
                    note(f"note: {error} It stays out.")
                said = True
        note(f"note: {public(member.url)} is back")


def _raise(error: GoneError | None) -> Endpoint:
    raise error or GenRecError("no server was named")


def _weight(url: str, model: str, person: str) -> bytes:
    """How much a server wants a person: highest random weight decides."""
    return blake2b("\0".join((url, model, person)).encode(), digest_size=8).digest()
