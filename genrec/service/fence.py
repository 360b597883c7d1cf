"""Around all routes: what comes from another site or is too large stays out; every answer says how it may be used."""

import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genrec.service.errors import log, unforeseen
from genrec.service.metrics import Metrics
from genrec.service.problems import problem

LARGEST = 2 << 20  # bytes of a request
PAGE = "/app"  # where the page is
FILES = (f"{PAGE}/_nicegui/client/", "/v1/checkins/file")  # where files are taken
LARGEST_FILE = 256 << 20  # bytes of one
READING = {"GET", "HEAD", "OPTIONS"}
METHODS = READING | {"POST", "PUT", "PATCH", "DELETE"}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Fence:
    """An ASGI middleware. `hosts`: under which names the service may be addressed; None: under any.

    A name that is not ours would be another site's that leads here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: frozenset[str] | None) -> None:
        self._app, self._metrics, self._hosts = app, metrics, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket" and self._refusal("POST", Headers(scope=scope), 0):  # it may change something
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, begun = time.perf_counter(), 500, False
        path = scope["path"]  # apps below may change it

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        most = LARGEST_FILE if path.startswith(FILES) else LARGEST
        refusal = self._refusal(scope["method"], Headers(scope=scope), most)
        try:
            await (refusal or self._app)(scope, _bounded(receive, most), sending)
        except Exception as error:  # nothing of it goes out, nor into the log but where it was
            response = unforeseen(error)
            if not begun:
                await response(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            if path.startswith(f"{PAGE}/"):  # it has routes of single visitors
                route = PAGE
            method, seconds = scope["method"] if scope["method"] in METHODS else "(other)", time.perf_counter() - start
            self._metrics.request(method, route, status, seconds)
            log.info("%s %s %d %.0f ms", method, route, status, 1000 * seconds)

    def _refusal(self, method: str, headers: Headers, most: int) -> Response | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(f"//{host}") not in self._hosts:
            return problem(421, "this service is not known under that name")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length[:20]) > most:
            return problem(413, f"a request may have {most:,} bytes")
        if method in READING:
            return None
        origin = headers.get("origin")
        foreign = origin is not None and _netloc(origin) != host.lower()
        if foreign or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return problem(403, "requests from other sites change nothing here")
        return None


def _bounded(receive: Receive, most: int) -> Receive:
    """The same, until too many bytes have come."""
    got = 0

    async def bounded() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise HTTPException(413, f"a request may have {most:,} bytes")
        return message

    return bounded


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _netloc(url: str) -> str:
    """Host and port of a URL, in small letters; empty if it is none."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""
