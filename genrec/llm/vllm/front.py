"""What stands before vLLM when not all adapters fit: it sees which one a request needs, and has it loaded."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from genrec.errors import GenRecError
from genrec.llm.vllm.keeper import Keeper, NotLoadedError
from genrec.llm.vllm.process import STOP_SECONDS, VllmServer

ASKING: Final = 600.0  # seconds that an answer may take
# What clients may ask of vLLM; loading adapters, for one, is not theirs.
ASKED: Final = ("/v1/completions", "/v1/chat/completions")
SEEN: Final = ("/health", "/metrics", "/version")
LARGEST: Final = 32 << 20  # bytes of a request


class Front:
    """The application; `base`: the name that vLLM serves the model under."""

    def __init__(self, keeper: Keeper, base: str) -> None:
        self._keeper, self._base = keeper, base
        routes = [Route(path, self._ask, methods=["POST"]) for path in ASKED] + [
            Route(path, self._see) for path in SEEN
        ]
        self.app = Starlette(routes=[*routes, Route("/v1/models", self._models)], lifespan=self._tended)

    @asynccontextmanager
    async def _tended(self, _: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(self._keeper.tend())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await self._keeper.close()

    async def _ask(self, request: Request) -> Response:
        body = await _body(request)
        if len(body) > LARGEST:
            return _refused(413, f"a request may have at most {LARGEST:,} bytes")
        name = _model(body)
        if name not in self._keeper.adapters:
            return await self._forwarded(request, body)
        try:
            async with self._keeper.using(name):
                return await self._forwarded(request, body)
        except NotLoadedError as error:
            return _refused(503, str(error))

    async def _see(self, request: Request) -> Response:
        return await self._forwarded(request, b"")

    async def _models(self, request: Request) -> Response:
        """What vLLM lists, and the adapters that it does not hold at the moment."""
        listed = (await self._keeper.client.get("/v1/models")).json()
        there = {entry["id"] for entry in listed["data"]}
        root: dict[str, Any] = next(entry for entry in listed["data"] if entry["id"] == self._base)
        for name, folder in self._keeper.adapters.items():
            if name not in there:
                listed["data"].append(root | {"id": name, "root": str(folder.resolve()), "parent": self._base})
        return JSONResponse(listed)

    async def _forwarded(self, request: Request, body: bytes) -> Response:
        client = self._keeper.client
        kind = {"content-type": request.headers.get("content-type", "application/json")}
        try:
            answer = await client.request(request.method, request.url.path, content=body, headers=kind, timeout=ASKING)
        except httpx.TransportError as error:
            return _refused(502, f"vLLM does not answer: {error!r}")
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


@contextmanager
def fronting(
    server: VllmServer, adapters: Sequence[Path], host: str, port: int, *, room: int, keep_alive: float | None
) -> Iterator[None]:
    """The front of a vLLM that is ready, listening for as long as the block runs."""
    client = httpx.AsyncClient(base_url=server.plan.url, trust_env=False, limits=httpx.Limits(max_connections=None))
    keeper = Keeper({folder.name: folder for folder in adapters}, room, client, keep_alive)
    settings = uvicorn.Config(Front(keeper, server.plan.name).app, host=host, port=port, log_level="warning")
    listener = uvicorn.Server(settings)
    # Not in the main thread, which waits for vLLM to end, and for Ctrl-C.
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    try:
        while not listener.started:
            if not thread.is_alive():
                raise GenRecError(f"cannot serve at http://{host}:{port}. Name another --port.")
            time.sleep(0.05)
        yield
    finally:
        listener.should_exit = True
        thread.join(timeout=STOP_SECONDS)


async def _body(request: Request) -> bytes:
    """What was sent, but not much more than the most that is taken."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            break
    return body


def _refused(code: int, why: str) -> Response:
    return JSONResponse({"error": {"message": why, "code": code}}, code)


def _model(body: bytes) -> str:
    """The model that a request names; empty if it names none, of which vLLM itself says what it makes."""
    try:
        name = json.loads(body)["model"]
    except (ValueError, TypeError, KeyError):
        return ""
    return name if isinstance(name, str) else ""
