"""What stands before vLLM when not all adapters fit: it sees which one a request needs, and has it loaded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from genrec.llm.vllm.keeper import Keeper, NotLoadedError

ASKING: Final = 600.0  # seconds that an answer may take
# What clients may ask of vLLM; loading adapters, for one, is not theirs.
ASKED: Final = ("/v1/completions", "/v1/chat/completions")
SEEN: Final = ("/health", "/metrics", "/version")
LARGEST: Final = 32 << 20  # bytes of a request


def front(keeper: Keeper, base: str) -> Starlette:
    """The application; `base`: the name that vLLM serves the model under."""

    @asynccontextmanager
    async def tended(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(keeper.tend())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await keeper.close()

    async def ask(request: Request) -> Response:
        body = await _body(request)
        try:
            name = json.loads(body)["model"]
        except (ValueError, TypeError, KeyError):
            name = None  # vLLM itself says what it makes of that
        if not isinstance(name, str) or name not in keeper.adapters:
            return await _forwarded(keeper.client, request, body)
        try:
            async with keeper.using(name):
                return await _forwarded(keeper.client, request, body)
        except NotLoadedError as error:
            return JSONResponse({"error": {"message": str(error), "code": 503}}, 503)

    async def see(request: Request) -> Response:
        return await _forwarded(keeper.client, request, b"")

    async def models(request: Request) -> Response:
        answer = await keeper.client.get("/v1/models")
        listed = answer.json()
        there = {entry["id"] for entry in listed["data"]}
        root: dict[str, Any] = next(entry for entry in listed["data"] if entry["id"] == base)
        for name, folder in keeper.adapters.items():
            if name not in there:
                listed["data"].append(root | {"id": name, "root": str(folder.resolve()), "parent": base})
        return JSONResponse(listed)

    routes = [Route(path, ask, methods=["POST"]) for path in ASKED] + [Route(path, see) for path in SEEN]
    return Starlette(routes=[*routes, Route("/v1/models", models)], lifespan=tended)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            return b""
        parts.append(part)
    return b"".join(parts)


async def _forwarded(client: httpx.AsyncClient, request: Request, body: bytes) -> Response:
    kind = {"content-type": request.headers.get("content-type", "application/json")}
    answer = await client.request(request.method, request.url.path, content=body, headers=kind, timeout=ASKING)
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
