"""Requests to one model of an OpenAI-compatible HTTP server: many at a time, in bounded number, with retries."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import httpx

from genrec.errors import GenRecError

TIMEOUT = httpx.Timeout(600, connect=10, pool=None)  # seconds
CONCURRENCY = 64
TRIES = 5
LONGEST_WAIT = 60.0  # seconds between two tries, whatever a server asks for
RETRY_STATUS = {408, 409, 429, 500, 502, 503, 504}
# A server that has answered before is waited for so long when it is gone: vLLM takes 100 s to start on two cores.
RESTART_SECONDS = 300.0
KEY_VARIABLE = "GENREC_API_KEY"

T = TypeVar("T")


class Endpoint:
    """A connection to one model of one server; raises GenRecError when it cannot answer.

    Requests run in an event loop of their own thread, so that it can be used with or without a running loop.
    """

    def __init__(self, url: str, model: str | None = None) -> None:
        """Connect to `url` (with or without /v1); `model` may be left out if the server has just one."""
        self.url = url.rstrip("/").removesuffix("/v1")
        key = os.environ.get(KEY_VARIABLE)
        try:
            self._client = httpx.AsyncClient(
                base_url=self.url,
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=TIMEOUT,
                limits=httpx.Limits(max_connections=CONCURRENCY),
            )
        except httpx.InvalidURL as error:
            raise GenRecError(f"{self.url!r} is not a URL: {error}") from None
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="genrec-http", daemon=True).start()
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._returning = asyncio.Lock()  # held by the one request that waits for the server's return
        self._answered = False
        self.entry = self._find(model)
        self.model = str(self.entry["id"])

    def _find(self, model: str | None) -> dict[str, Any]:
        """The entry of `/v1/models` for a model, or for the only base model there is."""
        entries = self.models()
        bases = [entry for entry in entries if not entry.get("parent")]  # vLLM lists adapters, too, with their base
        if model is None and len(bases) == 1:
            return bases[0]
        names = ", ".join(str(entry["id"]) for entry in entries[:10])
        if model is None:
            raise GenRecError(f"{self.url} serves {len(bases)} models; name one with --model: {names}")
        for entry in entries:
            if entry["id"] == model:
                return entry
        raise GenRecError(f"{self.url} does not serve {model!r}; it serves: {names}")

    def models(self) -> list[dict[str, Any]]:
        """What the server lists as its models, each with an `id`."""
        return self._run(self._models())

    async def _models(self) -> list[dict[str, Any]]:
        answer = await self._call("GET", "/v1/models", None)
        try:
            entries: list[dict[str, Any]] = answer["data"]
            [str(entry["id"]) for entry in entries]
        except (KeyError, TypeError):
            raise GenRecError(f"{self.url} gave no list of models: {str(answer)[:200]}") from None
        return entries

    def post_all(self, path: str, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """POST requests for this model side by side; returns the JSON answers in their order."""

        async def together() -> list[dict[str, Any]]:
            async with asyncio.TaskGroup() as group:  # the first failure cancels the others
                tasks = [group.create_task(self._post(path, body)) for body in bodies]
            return [task.result() for task in tasks]

        try:
            return self._run(together())
        except* GenRecError as failures:
            raise failures.exceptions[0] from None

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._places:
            return await self._call("POST", path, {"model": self.model, **body})

    def get_text(self, path: str) -> str:
        """GET a page that is no JSON; empty if the server does not give it."""
        try:
            response = self._run(self._request("GET", path, None))
        except httpx.RequestError:
            return ""
        return response.text if response.status_code == httpx.codes.OK else ""

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        problem, wait = "", 0.0
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(wait)
            wait = 2.0**attempt
            try:
                response = await self._request(method, path, body)
            except httpx.RequestError as error:
                problem = f"{type(error).__name__} {error}"
                continue
            if response.status_code == httpx.codes.OK:
                self._answered = True
                return self._json(response)
            problem = f"HTTP {response.status_code}: {_start(response)}"
            if response.status_code in (401, 403):
                raise GenRecError(f"{self.url} refuses access ({problem}). Put the key into {KEY_VARIABLE}.")
            if response.status_code not in RETRY_STATUS:
                break
            wait = _asked_wait(response) or wait
        raise GenRecError(f"{self.url}{path} failed: {problem}")

    async def _request(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """One request; a server that was there before and is gone is waited for."""
        while True:
            try:
                return await self._client.request(method, path, json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if not self._answered:
                    raise GenRecError(f"cannot reach {self.url}: {error}. Is the server running?") from None
                await self._wait_for_return()
            except httpx.UnsupportedProtocol:
                raise GenRecError(f"{self.url!r} is not a URL; it starts with http:// or https://") from None

    async def _wait_for_return(self) -> None:
        """Wait until the server is back, and make sure that it still serves the same model."""
        async with self._returning:
            started, said = time.monotonic(), False
            while time.monotonic() - started < RESTART_SECONDS:
                try:
                    response = await self._client.get("/v1/models")
                except httpx.RequestError:
                    if not said:
                        note = f"note: {self.url} is gone; waiting up to {RESTART_SECONDS:.0f} s for its return"
                        print(note, file=sys.stderr, flush=True)
                        said = True
                    await asyncio.sleep(2)
                    continue
                if response.status_code == httpx.codes.OK:
                    self._require_same_model(self._json(response))
                    return
                await asyncio.sleep(2)
        raise GenRecError(f"{self.url} is gone and did not come back in {RESTART_SECONDS:.0f} s")

    def _require_same_model(self, models: dict[str, Any]) -> None:
        entries = {str(entry.get("id")): entry.get("root") for entry in models.get("data", [])}
        if entries.get(self.model, "") != self.entry.get("root"):
            raise GenRecError(f"{self.url} came back without the model {self.model!r} that it served before")

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise GenRecError(f"{self.url} does not answer as an OpenAI-compatible server: {_start(response)}")
        return answer


def _asked_wait(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, at most LONGEST_WAIT; 0 if it does not say."""
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_WAIT) if seconds.isdigit() else 0.0


def _start(response: httpx.Response) -> str:
    """The beginning of an answer's text, in one line."""
    return " ".join(response.text.split())[:300]
