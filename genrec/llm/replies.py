"""One exchange with a server, within bounds: of a reply's size, packed and unpacked, and of the time it takes."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from genrec.errors import GenRecError
from genrec.terminal import one_line

MOST_BYTES = 8 << 20  # of a reply; the largest that GenRec asks for have some hundred kilobytes
BODY_SECONDS = 60.0  # from a reply's head to its end: a server sends the head when the answer is there
ENCODINGS = ("", "identity", "gzip", "deflate")  # each at most once: packed twice, a kilobyte can hold a gigabyte
LONGEST_WAIT = 60.0  # seconds between two tries, whatever a server asks for


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: httpx.Headers
    body: bytes

    def start(self) -> str:
        """The beginning of its text, in one line."""
        return one_line(self.body[:3000].decode("utf-8", "replace"))

    def asked_wait(self) -> float:
        """Seconds that the server asks to wait, at most LONGEST_WAIT; 0 if it does not say."""
        seconds = self.headers.get("Retry-After", "").strip()
        return min(float(seconds), LONGEST_WAIT) if seconds.isascii() and seconds.isdigit() else 0.0


async def fetch(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None) -> Reply:
    """Send a request and read the whole reply; redirects are not followed.

    Raises GenRecError for a reply that is too large, too slow or packed in an unknown way, httpx.RequestError
    for trouble on the way.
    """
    async with client.stream(method, path, json=body) as response:
        where = f"{client.base_url.join(path)}"
        packed = response.headers.get("Content-Encoding", "").strip().lower()
        if packed not in ENCODINGS:
            raise GenRecError(f"{where}: the reply is packed as {packed!r}, which was not asked for")
        data = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > MOST_BYTES:
                        raise GenRecError(f"{where}: the reply has more than {MOST_BYTES >> 20} MB")
        except TimeoutError:
            raise GenRecError(f"{where}: the reply began, but did not end within {BODY_SECONDS:.0f} s") from None
        except httpx.DecodingError as error:
            raise GenRecError(f"{where}: the reply is packed wrongly: {error}") from None
        return Reply(response.status_code, response.headers, bytes(data))
