"""Requests to one model of an OpenAI-compatible HTTP server: many at a time, in bounded number, with retries."""

import asyncio
import os
import re
import threading
import time
from collections.abc import Coroutine, Sequence
from functools import cache
from typing import Any, TypeVar

import httpx

from genrec.errors import GenRecError
from genrec.llm.address import public, request_address
from genrec.llm.answers import ModelEntry, ModelList, read
from genrec.llm.replies import Reply, fetch
from genrec.terminal import note

CONCURRENCY = 64
TRIES = 5
PATIENCE = 600.0  # seconds for an answer of the model, all tries together
SHORT_PATIENCE = 60.0  # seconds for what a server knows by heart
SAID_AFTER = 20.0  # seconds of waiting
ROLES_STATUS = {400, 422, 500}  # what servers call a chat template that raises
RETRY_STATUS = {408, 409, 429, 500, 502, 503, 504}
LEAVING_STATUS = {502, 503, 504}
ABORTED = re.compile(rb'"finish_reason"\s*:\s*"abort"')  # an answer that vLLM, told to end, left unfinished
# A server that has answered before is waited for so long when it is gone: vLLM takes 100 s to start on two cores.
RESTART_SECONDS = 300.0
KEY_VARIABLE = "GENREC_API_KEY"

T = TypeVar("T")


class GoneError(GenRecError):
    """The server does not answer, or says that it is leaving: another one may do."""


class RolesError(GenRecError):
    """The server's chat template does not take the roles of a conversation, or their order."""


class Endpoint:
    """A connection to one model of one server; raises GenRecError when it cannot answer.

    Requests run in an event loop of another thread, so that it can be used with or without a running loop.
    """

    def __init__(self, url: str, model: str | None = None, *, alone: bool = True) -> None:
        """Connect to `url` (with or without /v1); `model` may be left out if the server has just one.

        `alone`: whether there is only this server, which is waited for when it is gone; else GoneError is raised.
        """
        self._alone = alone
        self.url = public(url).rstrip("/").removesuffix("/v1")
        address, auth = request_address(url)
        self._client = httpx.AsyncClient(
            base_url=address,
            auth=auth,
            headers={"Accept-Encoding": "gzip, deflate", **key_header()},
            timeout=httpx.Timeout(None, connect=10),  # the rest is bounded as a whole
            limits=httpx.Limits(max_connections=CONCURRENCY),
        )
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._returning = asyncio.Lock()  # held by the one request that waits for the server's return
        self._answered = self._said = False
        self.entry = self._find(model)
        self.model = self.entry.id

    def _find(self, model: str | None) -> ModelEntry:
        """The entry of `/v1/models` for a model, by its name or its origin, or for the only base model there is."""
        entries = self.models()
        bases = [entry for entry in entries if not entry.parent]  # vLLM lists adapters, too, with their base
        if model is None and len(bases) == 1:
            return bases[0]
        names = ", ".join(entry.id for entry in entries[:10])
        if model is None:
            raise GenRecError(f"{self.url} serves {len(bases)} models; name one with --model: {names}")
        for entry in [entry for entry in entries if entry.id == model] or bases:
            if model in (entry.id, entry.root):
                return entry
        raise GenRecError(f"{self.url} does not serve {model!r}; it serves: {names}")

    def models(self) -> list[ModelEntry]:
        """What the server lists as its models."""
        return self._models(on_loop(self._call("GET", "/v1/models", None)))

    def adapters(self) -> list[str]:
        """The names of the adapters on this model that the server lists."""
        return [entry.id for entry in self.models() if entry.parent == self.model]

    def _models(self, answer: bytes) -> list[ModelEntry]:
        return read(ModelList, answer, self.url, "list of models").data

    def post_all(self, path: str, bodies: Sequence[dict[str, Any]], people: Sequence[str] = ()) -> list[bytes]:
        """POST requests for this model side by side; returns what was answered, in their order.

        `people`: whom each is about, which matters where there are several servers.
        """
        return together([self.post(path, body) for body in bodies])

    async def post(self, path: str, body: dict[str, Any]) -> bytes:
        """POST a request for this model, when there is room for one more."""
        async with self._places:
            return await self._call("POST", path, {"model": self.model, **body})

    def get_text(self, path: str) -> str:
        """GET a page that is no JSON; empty if the server does not give it."""

        async def fetched() -> Reply:
            async with asyncio.timeout(SHORT_PATIENCE):
                return await fetch(self._client, "GET", path, None)

        try:
            reply = on_loop(fetched())
        except (httpx.RequestError, TimeoutError, GenRecError):
            return ""
        return reply.body.decode("utf-8", "replace") if reply.status == httpx.codes.OK else ""

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        """The answer, after as many tries as it takes, within bounds; a long wait is said."""
        saying = http_loop().call_later(SAID_AFTER, self._say)
        try:
            return await self._tried(method, path, body, PATIENCE if body else SHORT_PATIENCE)
        finally:
            saying.cancel()

    def _say(self) -> None:
        if not self._said:
            note(f"note: waiting for {self.url}; it has up to {PATIENCE:.0f} s for an answer (Ctrl-C stops)")
            self._said = True

    async def _tried(self, method: str, path: str, body: dict[str, Any] | None, patience: float) -> bytes:
        problem, ends = "", http_loop().time() + patience
        for attempt in range(TRIES):
            wait = 2.0**attempt
            try:
                async with asyncio.timeout_at(ends):
                    reply = await fetch(self._client, method, path, body)
            except TimeoutError:
                late = f"{self.url}{path} did not answer within {patience:.0f} s"
                raise GoneError(f"{late} ({problem})" if problem else late) from None
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if not (self._answered and self._alone):
                    raise GoneError(f"cannot reach {self.url}: {error}. Is the server running?") from None
                await self._wait_for_return()
                problem, wait, ends = str(error), 0.0, http_loop().time() + patience
            except httpx.RequestError as error:
                problem = self._lost(f"{type(error).__name__} {error}")
            else:
                if reply.status == httpx.codes.OK and not ABORTED.search(reply.body):
                    self._answered = True
                    return reply.body
                problem = self._passing(path, reply)
                wait = reply.asked_wait() or wait
            if wait and attempt + 1 < TRIES:
                await asyncio.sleep(wait)
        raise GoneError(f"{self.url}{path} failed: {problem}")

    def _lost(self, problem: str) -> str:
        """A problem after which the same server is asked again if there is no other; else raises GoneError."""
        if not self._alone:
            raise GoneError(f"{self.url} has gone: {problem}.")
        return problem

    def _passing(self, path: str, reply: Reply) -> str:
        """The trouble that a reply tells of; raises GenRecError if it will not pass."""
        problem = f"HTTP {reply.status}: {reply.start()}"
        if reply.status in LEAVING_STATUS or reply.status == httpx.codes.OK:
            return self._lost(problem)
        if reply.status in (401, 403):
            raise GenRecError(f"{self.url} refuses access ({problem}). Put the key into {KEY_VARIABLE}.")
        if reply.status in ROLES_STATUS and re.search(r"\broles?\b", reply.start(), re.IGNORECASE):
            raise RolesError(f"{self.url}{path} failed: {problem}")
        if reply.status not in RETRY_STATUS:
            raise GenRecError(f"{self.url}{path} failed: {problem}")
        return problem

    async def _wait_for_return(self) -> None:
        """Wait until the server is back, and make sure that it still serves the same model."""
        async with self._returning:
            started, said = time.monotonic(), False
            while time.monotonic() - started < RESTART_SECONDS:
                try:
                    async with asyncio.timeout(SHORT_PATIENCE):
                        reply = await fetch(self._client, "GET", "/v1/models", None)
                except (httpx.RequestError, TimeoutError):
                    if not said:
                        note(f"note: {self.url} is gone; waiting up to {RESTART_SECONDS:.0f} s for its return")
                        said = True
                    await asyncio.sleep(2)
                    continue
                if reply.status == httpx.codes.OK:
                    self._require_same_model(self._models(reply.body))
                    return
                await asyncio.sleep(2)
        raise GenRecError(f"{self.url} is gone and did not come back in {RESTART_SECONDS:.0f} s")

    def _require_same_model(self, entries: Sequence[ModelEntry]) -> None:
        if (self.model, self.entry.root) not in [(entry.id, entry.root) for entry in entries]:
            raise GenRecError(f"{self.url} came back without the model {self.model!r} that it served before")


@cache
def http_loop() -> asyncio.AbstractEventLoop:
    """The event loop of all requests, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="genrec-http", daemon=True).start()
    return loop


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """What comes of work in the loop of requests."""
    return asyncio.run_coroutine_threadsafe(work, http_loop()).result()


def together(works: Sequence[Coroutine[Any, Any, bytes]]) -> list[bytes]:
    """What comes of requests that are made side by side; the first failure cancels the others."""

    async def gathered() -> list[bytes]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
        return [task.result() for task in tasks]

    try:
        return on_loop(gathered())
    except* GenRecError as failures:
        raise failures.exceptions[0] from None


def key_header() -> dict[str, str]:
    """The header with the user's key, if there is one."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise GenRecError(f"{KEY_VARIABLE} holds characters that no key has; put only the key into it")
    return {"Authorization": f"Bearer {key}"} if key else {}
