"""A model behind an OpenAI-compatible HTTP endpoint: vLLM here, or a remote one that the user names.

Text comes from `/v1/chat/completions`, which every such endpoint has. Exact scores come from
`/v1/completions` with `logprob_token_ids`, which vLLM has: the raw full-softmax log-probability
of exactly the tokens asked for, however unlikely they are.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from transformers import PreTrainedTokenizerBase

from genrec.decoding import Node
from genrec.errors import GenRecError
from genrec.llm.backend import Generation, Message
from genrec.llm.chat import answer_tokens, prompt_tokens

TIMEOUT = httpx.Timeout(600, connect=10)  # seconds
CONCURRENCY = 16
TRIES = 5
RETRY_STATUS = {408, 409, 429, 500, 502, 503, 504}
KEY_VARIABLE = "GENREC_API_KEY"


class Endpoint:
    """A connection to one model of one server, with retries; raises GenRecError when it cannot answer."""

    def __init__(self, url: str, model: str | None = None) -> None:
        """Connect to `url` (with or without /v1); `model` may be left out if the server has just one."""
        self.url = url.rstrip("/").removesuffix("/v1")
        key = os.environ.get(KEY_VARIABLE)
        try:
            self._client = httpx.Client(
                base_url=self.url, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=TIMEOUT
            )
        except httpx.InvalidURL as error:
            raise GenRecError(f"{self.url!r} is not a URL: {error}") from None
        self._entry = self._find(model)
        self.model = str(self._entry["id"])

    def _find(self, model: str | None) -> dict[str, Any]:
        answer = self._call("GET", "/v1/models", None)
        try:
            entries: list[dict[str, Any]] = answer["data"]
            names = ", ".join(str(entry["id"]) for entry in entries[:10])
        except (KeyError, TypeError):
            raise GenRecError(f"{self.url} gave no list of models: {str(answer)[:200]}") from None
        if model is None and len(entries) == 1:
            return entries[0]
        if model is None:
            raise GenRecError(f"{self.url} serves {len(entries)} models; name one with --model: {names}")
        for entry in entries:
            if entry["id"] == model:
                return entry
        raise GenRecError(f"{self.url} does not serve {model!r}; it serves: {names}")

    def vllm_root(self) -> str | None:
        """Where vLLM loaded the model (and its tokenizer) from; None for servers of another kind."""
        root = self._entry.get("root")
        return str(root) if root and self._entry.get("owned_by") == "vllm" else None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST a request for this model and return the JSON answer."""
        return self._call("POST", path, {"model": self.model, **body})

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(2 ** (attempt - 1))
            try:
                response = self._client.request(method, path, json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise GenRecError(f"cannot reach {self.url}: {error}. Is the server running?") from None
            except httpx.UnsupportedProtocol:
                raise GenRecError(f"{self.url!r} is not a URL; it starts with http:// or https://") from None
            except httpx.RequestError as error:
                problem = f"{type(error).__name__} {error}"
                continue
            if response.status_code == 200:
                return self._json(response)
            problem = f"HTTP {response.status_code}: {_start(response)}"
            if response.status_code in (401, 403):
                raise GenRecError(f"{self.url} refuses access ({problem}). Put the key into {KEY_VARIABLE}.")
            if response.status_code not in RETRY_STATUS:
                break
        raise GenRecError(f"{self.url}{path} failed: {problem}")

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise GenRecError(f"{self.url} does not answer as an OpenAI-compatible server: {_start(response)}")
        return answer


def _start(response: httpx.Response) -> str:
    """The beginning of an answer's text, in one line."""
    return " ".join(response.text.split())[:300]


class ServerModel:
    """Generator over an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.name = endpoint.model

    def generate(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        stop: str,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Generation]:
        """See `Generator`."""

        def ask(conversation: Sequence[Message]) -> Generation:
            answer = self.endpoint.post(
                "/v1/chat/completions",
                {
                    "messages": list(conversation),
                    "max_tokens": max_tokens,
                    "stop": [stop],
                    "temperature": temperature,
                    "seed": seed,
                },
            )
            try:
                usage = answer["usage"]
                text = answer["choices"][0]["message"]["content"] or ""
                return Generation(text, usage["prompt_tokens"], usage["completion_tokens"])
            except (KeyError, IndexError, TypeError):
                raise GenRecError(f"{self.endpoint.url} gave no chat completion: {str(answer)[:200]}") from None

        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return list(pool.map(ask, conversations))


class VllmModel(ServerModel):
    """Generator and ranker over vLLM; the tokenizer must be the served model's own."""

    def __init__(self, endpoint: Endpoint, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(endpoint)
        self.tokenizer = tokenizer

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """See `Ranker`."""
        return answer_tokens(self.tokenizer, answers)

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """See `Ranker`."""
        return prompt_tokens(self.tokenizer, conversation)

    def count_tokens(self, text: str) -> int:
        """See `Ranker`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def read(self, prompts: Sequence[Sequence[int]]) -> "ServerScorer":
        """See `Ranker`."""
        return ServerScorer(self.endpoint, [list(prompt) for prompt in prompts])


class ServerScorer:
    """Scores continuations of prompts, one request a node; the server's prefix cache shares the prompts."""

    def __init__(self, endpoint: Endpoint, prompts: list[list[int]]) -> None:
        self._endpoint = endpoint
        self._prompts = prompts

    def child_logprobs(self, nodes: Sequence[Node]) -> list[list[float]]:
        """See `Scorer`."""
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return list(pool.map(self._ask, nodes))

    def _ask(self, node: Node) -> list[float]:
        answer = self._endpoint.post(
            "/v1/completions",
            {
                "prompt": [*self._prompts[node.prompt], *node.path],
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": 1,
                "logprob_token_ids": list(node.children),
                "return_tokens_as_token_ids": True,
            },
        )
        try:
            table = answer["choices"][0]["logprobs"]["top_logprobs"][0]
            return [float(table[f"token_id:{token}"]) for token in node.children]
        except (KeyError, IndexError, TypeError):
            raise GenRecError(
                f"{self._endpoint.url} does not return the log-probabilities of given tokens "
                "(logprob_token_ids). Ranking needs a vLLM server of version 0.31 or newer."
            ) from None
