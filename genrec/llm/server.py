"""A model behind an OpenAI-compatible HTTP endpoint: vLLM here, or a remote one that the user names.

Text comes from `/v1/chat/completions`, which every such endpoint has. Exact scores come from
`/v1/completions` with `logprob_token_ids`, which vLLM has: the raw full-softmax log-probability
of exactly the tokens asked for, however unlikely they are.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from genrec.errors import GenRecError
from genrec.llm.adapter import Adapter
from genrec.llm.answers import ChatCompletion, Completion, read
from genrec.llm.backend import CacheUse, Generation, LowRank, Message, Over
from genrec.llm.chat import answer_tokens, count_tokens, fitted, folded, prompt_tokens, text_tokens
from genrec.llm.decoding import Node, Trie, given_children
from genrec.llm.endpoint import Endpoint, RolesError
from genrec.llm.fleet import Fleet
from genrec.llm.plain_text import plain

# vLLM scores so many tokens a position at most (`MAX_LOGPROB_TOKEN_IDS`).
MAX_SCORED_TOKENS = 128

_COUNT = re.compile(r"\d{1,18}(\.\d{1,9})?(e\+\d{1,2})?", re.ASCII)  # as Prometheus writes numbers
_TOKEN = re.compile(r"token_id:(\d{1,9})", re.ASCII)  # as vLLM names the token 123: "token_id:123"
_MOST_PROBABILITY = 1.001  # of different tokens at one place, with what rounding adds

Place = tuple[int, tuple[int, ...]]  # a prompt by its number, and the tokens of an answer behind it


class ServerModel:
    """Generator over an endpoint."""

    def __init__(self, endpoint: Endpoint | Fleet) -> None:
        self.endpoint = endpoint
        self.name = endpoint.model
        self._folds = False  # whether the server has been found to take no system role

    def generate(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        stop: str,
        temperature: float = 0.0,
        seed: int = 0,
        words: str = "",
        people: Sequence[str] = (),
    ) -> list[Generation]:
        """See `Generator`; a server writes what it likes."""
        settings = {"max_tokens": max_tokens, "stop": [stop], "temperature": temperature, "seed": seed}
        asked = [self._messages(conversation) for conversation in conversations]
        try:
            answers = self._chat(asked, settings, people)
        except RolesError:  # the template that the server uses is not known here
            if self._folds or all(folded(messages) == messages for messages in asked):
                raise
            answers = self._chat([folded(messages) for messages in asked], settings, people)
            self._folds = True
        return [self._generation(answer, stop) for answer in answers]

    def _messages(self, conversation: Sequence[Message]) -> list[Message]:
        """What is sent: contents without the markers of any known template."""
        messages = [{**message, "content": plain(message["content"])} for message in conversation]
        return folded(messages) if self._folds else messages

    def _chat(
        self, conversations: Sequence[list[Message]], settings: dict[str, Any], people: Sequence[str]
    ) -> list[bytes]:
        bodies = [{"messages": messages, **settings} for messages in conversations]
        return self.endpoint.post_all("/v1/chat/completions", bodies, people)

    def _generation(self, answer: bytes, stop: str) -> Generation:
        said = read(ChatCompletion, answer, self.endpoint.url, "chat completion")
        text = said.choices[0].message.content or ""
        return Generation(text.split(stop)[0], said.usage.prompt_tokens, said.usage.completion_tokens)


class VllmModel(ServerModel):
    """Generator and ranker over vLLM; the tokenizer must be the served model's own."""

    def __init__(
        self, endpoint: Endpoint | Fleet, tokenizer: PreTrainedTokenizerBase, adapter: Adapter | None = None
    ) -> None:
        super().__init__(endpoint)
        self.tokenizer = tokenizer
        self.adapter = adapter

    def _messages(self, conversation: Sequence[Message]) -> list[Message]:
        return fitted(self.tokenizer, conversation)

    def answer_tokens(self, answers: Sequence[str]) -> list[list[int]]:
        """See `AnswerScorer`."""
        return answer_tokens(self.tokenizer, answers)

    def prompt_tokens(self, conversation: Sequence[Message]) -> list[int]:
        """See `AnswerScorer`."""
        return prompt_tokens(self.tokenizer, conversation)

    def text_tokens(self, text: str) -> list[int]:
        """See `AnswerScorer`."""
        return text_tokens(self.tokenizer, text)

    def count_tokens(self, text: str) -> int:
        """See `AnswerScorer`."""
        return count_tokens(self.tokenizer, text)

    def read(
        self,
        prompts: Sequence[Sequence[int]],
        tries: Sequence[Trie],
        over: Over = "model",
        people: Sequence[str] = (),
    ) -> "ServerScorer":
        """See `AnswerScorer`."""
        limit = self.endpoint.entry.max_model_len
        for prompt, trie in zip(prompts, tries, strict=True):
            if limit and len(prompt) + trie.depth > limit:
                raise GenRecError(
                    f"a prompt of {len(prompt)} tokens exceeds the {limit} that {self.endpoint.url} can read"
                )
        return ServerScorer(self.endpoint, prompts, tries, over, people)

    def states(self, texts: Sequence[str], low_rank: LowRank) -> None:
        """See `AnswerScorer`: a server does not show them."""

    def cache_use(self) -> CacheUse:
        """See `AnswerScorer`: what all clients of the server asked for, by its own count."""
        return read_cache_use(self.endpoint.get_text("/metrics"))


def read_cache_use(metrics: str) -> CacheUse:
    """The prefix cache's account in vLLM's Prometheus metrics; zeros if it has none."""
    totals = {"vllm:prefix_cache_queries_total": 0, "vllm:prefix_cache_hits_total": 0}
    for line in metrics.splitlines():
        series, _, value = line.rpartition(" ")
        name = series.partition("{")[0]
        if name in totals and _COUNT.fullmatch(value):
            totals[name] += int(float(value))
    return CacheUse(*totals.values())


class ServerScorer:
    """Scores continuations of prompts; the server's prefix cache shares the prompts.

    A request costs the server the rest of a block of its prefix cache, a token written costs it one
    position. So each request goes on from its node, by the most probable tokens of the trie, to the
    end of an answer, and what it passes is kept: the search is likely to ask for it next.
    """

    def __init__(
        self,
        endpoint: Endpoint | Fleet,
        prompts: Sequence[Sequence[int]],
        tries: Sequence[Trie],
        over: Over = "model",
        people: Sequence[str] = (),
    ) -> None:
        self._endpoint, self._over, self._people = endpoint, over, people
        self._prompts = prompts
        self._tries = tries
        self._known: dict[Place, dict[int, float]] = {}

    def child_logprobs(self, nodes: Sequence[Node]) -> list[list[float]]:
        """See `Scorer`."""
        new = [node for node in nodes if (node.prompt, node.path) not in self._known]
        asks = [(node, tokens) for node in new for tokens in self._requests(node)]
        bodies = [self._body(node, tokens) for node, tokens in asks]
        people = [self._people[node.prompt] for node, _ in asks] if self._people else ()
        for (node, _), answer in zip(asks, self._endpoint.post_all("/v1/completions", bodies, people), strict=True):
            self._keep(node, answer)
        return [self._scores(node) for node in nodes]

    def _requests(self, node: Node) -> Iterator[tuple[int, ...]]:
        """The tokens that each request for a node scores: all of the trie's if the server takes so many."""
        alphabet = self._tries[node.prompt].alphabet
        if len(alphabet) <= MAX_SCORED_TOKENS:
            yield alphabet
        else:
            for start in range(0, len(node.children), MAX_SCORED_TOKENS):
                yield node.children[start : start + MAX_SCORED_TOKENS]

    def _body(self, node: Node, tokens: tuple[int, ...]) -> dict[str, Any]:
        trie = self._tries[node.prompt]
        steps = trie.depth - len(node.path) if tokens == trie.alphabet else 1
        return {
            "prompt": [*self._prompts[node.prompt], *node.path],
            "max_tokens": steps,
            "temperature": 0,
            "logprobs": 1,
            "logprob_token_ids": tokens,
            "allowed_token_ids": tokens,
            "return_tokens_as_token_ids": True,
            "stop_token_ids": trie.ends,
        }

    def _keep(self, node: Node, answer: bytes) -> None:
        """Take the scores of a request's node and of those that it passed."""
        trie = self._tries[node.prompt]
        path, at = node.path, trie.find(node.path)
        for token, scores in self._steps(node, answer):
            known = self._known.setdefault((node.prompt, path), {})
            known |= {child: scores[child] for child in trie.children(at) if child in scores}
            chosen = trie.children(at).get(token)
            if chosen is None or trie.answer(chosen) is not None:
                break
            path, at = (*path, token), chosen

    def _steps(self, node: Node, answer: bytes) -> Iterator[tuple[int, dict[int, float]]]:
        """The tokens that the server wrote, each with the scores beside it."""
        length = len(self._prompts[node.prompt]) + len(node.path)
        what = f"log-probabilities for a prompt of {length} tokens"
        logprobs = read(Completion, answer, self._endpoint.url, what).choices[0].logprobs
        if logprobs is None or len(logprobs.tokens) != len(logprobs.top_logprobs):
            raise GenRecError(self._no_scores())
        for written, table in zip(logprobs.tokens, logprobs.top_logprobs, strict=True):
            numbers = [int(name[1]) for name in map(_TOKEN.fullmatch, (written, *table)) if name]
            if len(numbers) <= len(table):
                raise GenRecError(self._no_scores())
            total = sum(map(math.exp, table.values()))
            if total > _MOST_PROBABILITY:
                sums = f"the probabilities of different tokens sum to {total:.3g}"
                raise GenRecError(f"{self._endpoint.url} gave impossible {what}: {sums}")
            yield numbers[0], {token: min(score, 0.0) for token, score in zip(numbers[1:], table.values(), strict=True)}

    def _scores(self, node: Node) -> list[float]:
        known = self._known.get((node.prompt, node.path), {})
        if not known.keys() >= set(node.children):
            raise GenRecError(self._no_scores())
        scores = [known[token] for token in node.children]
        return scores if self._over == "model" else given_children(scores)

    def _no_scores(self) -> str:
        return (
            f"{self._endpoint.url} does not return the log-probabilities of given tokens "
            "(logprob_token_ids). Ranking needs a vLLM server of version 0.31 or newer."
        )
