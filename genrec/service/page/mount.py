"""Where the page is in the app, and what browsers let it do."""

import secrets
import warnings
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from nicegui import core, ui
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genrec.errors import GenRecError
from genrec.service.page import login, operator, person, start
from genrec.service.page.site import AT, Site
from genrec.service.page.style import STYLE


def add_page(app: FastAPI, tiles: str | None = None) -> None:
    """Put the page into an app of this process, of which there is one. `tiles`: where maps get their background."""
    front = APIRouter(include_in_schema=False)
    front.add_api_route("/", lambda: RedirectResponse(f"{AT}/"))
    app.include_router(front)
    app.include_router(login.routes)
    site = Site(app.state.service, tiles)
    for part in (start, person, operator):
        part.add(site)
    ui.add_css(STYLE, shared=True)
    core.sio.eio.cors_allowed_origins = None  # the page's own origin alone; NiceGUI would let any in
    core.app.config.socket_io_js_transports = ["websocket"]
    core.app.add_middleware(Policy, pictures=_origin(tiles) if tiles else "")
    warnings.filterwarnings("ignore", "`torch.distributed.reduce_op`")  # NiceGUI looks at all objects when it starts
    ui.run_with(
        app, mount_path=AT, title="GenRec", language="en-US", tailwind=False, dark=None, show_welcome_message=False,
        reconnect_timeout=10,
    )  # fmt: skip


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.replace("{s}", "*")
    if parts.scheme not in {"http", "https"} or not host or any(sign in host for sign in " ;,'\"{}"):
        raise GenRecError(f"--tiles {url}: write it like https://tiles.example.org/{{z}}/{{x}}/{{y}}.png")
    return f"{parts.scheme}://{host}"


class Policy:
    """An ASGI middleware: what a page may load and run.

    Its scripts are those of this address, and the inline ones that the server has marked with a nonce. NiceGUI compiles
    templates in the browser, which is `unsafe-eval`, and Quasar and Leaflet set styles of elements.
    """

    def __init__(self, app: ASGIApp, pictures: str) -> None:
        self._app, self._pictures = app, pictures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        nonce, begun, body = secrets.token_urlsafe(16), None, b""

        async def sending(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = self._allowed(nonce)
                    headers["Referrer-Policy"] = "same-origin"  # without one, forms have no Origin
                    begun = message
                    return
            elif begun is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                marked = body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
                MutableHeaders(scope=begun)["Content-Length"] = str(len(marked))
                await send(begun)
                message = {"type": "http.response.body", "body": marked}
            await send(message)

        await self._app(scope, receive, sending)

    def _allowed(self, nonce: str) -> str:
        return (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
            f"img-src 'self' data: {self._pictures}; font-src 'self' data:; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
