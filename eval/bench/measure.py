"""How fast rankings come, by whom: the same prompts and weights for every way of asking, in one run.

The prompts are diaries, the answers names of places. The ways: `genup`, one prompt at a time, five sampled tokens
(GenUP's published decoding); `beam`, ten constrained beams of transformers; `transformers` and `vllm`, GenRec's exact
top 10 in this process and on a server, by probabilities over the catalogue; `transformers-model`, the same by the
model's full softmax; `vllm-uncached`, with a cold cache for every request; `vllm-one-id`, a server that writes one
answer. Beside them vLLM without a server (`eval.bench.offline`).
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from genrec.checkins import Checkins
from genrec.city import CityConfig, build_city
from genrec.errors import GenRecError
from genrec.evidence import Evidence
from genrec.llm.backend import AnswerScorer, CacheUse, Over
from genrec.llm.decoding import Trie, top_k
from genrec.llm.endpoint import Endpoint
from genrec.llm.local import CACHE_BYTES, LocalModel
from genrec.llm.prefix_cache import PrefixCache
from genrec.llm.server import VllmModel
from genrec.profiles.writer import HabitsWriter, Subject
from genrec.rankers.diary import Diarist
from genrec.rankers.diary_ranker import DiaryRanker, diary_tokens
from genrec.rankers.place_names import place_names
from genrec.reading.reader import read_checkins
from genrec.trajectories import Example, all_visits, since

OWN_WAYS, SERVER_WAYS = ("transformers", "transformers-model"), ("vllm", "vllm-one-id")
K = 10
SEED = 7
DAYS = 60
# GenUP's decoding, as published (arXiv 2410.20643, its code).
GENUP: dict[str, Any] = {
    "do_sample": True,
    "temperature": 0.6,
    "top_p": 0.1,
    "repetition_penalty": 1.176,
    "max_new_tokens": 5,
    "min_new_tokens": 5,
}

Prompt = list[int]
Answer = Callable[[list[Prompt]], None]


@dataclass(frozen=True)
class Workload:
    """Prompts about one city: `asks[i]` are those of a user, in the order in which they come.

    The answers: `texts`, `names` their tokens, and `telling` those that are read for probabilities over the catalogue.
    """

    pois: int
    texts: list[str]
    names: Trie
    telling: Trie
    asks: list[list[Prompt]]

    def rounds(self, users: int, groups: int, *, first: bool) -> Iterator[list[Prompt]]:
        """What `users` people ask at once: their first asks, or their later ones, of `groups` groups of people."""
        for start in range(0, users * groups, users):
            people = self.asks[start : start + users]
            later = range(1, min(map(len, people)))
            yield from ([asks[i] for asks in people] for i in ([0] if first else later))


@dataclass(frozen=True)
class Row:
    """One way of asking in one situation. Times in seconds; `users` ask at once, each waits for its own answer.

    `valid`, `distinct` and `exact` are of ways that write answers: see `eval.bench.offline.worth`.
    """

    way: str
    pois: int
    users: int
    asks: str  # "first" or "repeated" ones of each user
    n: int
    per_second: float
    p50: float
    p95: float
    hit_rate: float | None
    valid: float | None = None
    distinct: float | None = None
    exact: float | None = None


def workload(pois: int, users: int, asks: int, ranker: AnswerScorer) -> Workload:
    """Prompts of `users` people of a synthetic city, `asks` of each; raises GenRecError if it has too few."""
    with TemporaryDirectory() as folder:
        build_city(CityConfig(users=3 * users, pois=pois, days=DAYS, seed=SEED)).write(Path(folder))
        checkins = read_checkins(Path(folder) / "checkins.csv")
    diarist = Diarist(checkins.pois, place_names(checkins.pois), hours=True)
    split = all_visits(checkins)
    theirs: dict[str, list[Example]] = {}
    for example in split.examples:
        theirs.setdefault(example.user_id, []).append(example)
    chosen = {user: examples[:asks] for user, examples in theirs.items() if len(examples) >= asks}
    if len(chosen) < users:
        raise GenRecError(f"only {len(chosen)} people of the city ask {asks} times, {users} are needed")
    prompts = list(_prompts(checkins, dict(itertools.islice(chosen.items(), users)), diarist, ranker))
    names, telling = DiaryRanker(ranker, checkins, "model").trie, DiaryRanker(ranker, checkins, "catalogue").trie
    return Workload(pois, list(diarist.names), names, telling, prompts)


def _prompts(
    checkins: Checkins, chosen: dict[str, list[Example]], diarist: Diarist, ranker: AnswerScorer
) -> Iterator[list[Prompt]]:
    as_of = next(iter(chosen.values()))[0].as_of
    evidence = Evidence(checkins, as_of)
    writer = HabitsWriter(checkins.pois["category"].unique().to_list())
    for user, profile in zip(chosen, writer.write([Subject(evidence.habits(user)) for user in chosen]), strict=True):
        for_user = []
        for example in chosen[user]:
            visits = [*evidence.visits(user), *since(example.prefix, as_of)]
            for_user.append(diary_tokens(ranker, diarist.ask(profile, visits, example.time)))
        yield for_user


def genup(model: PreTrainedModel) -> Answer:
    """Five sampled tokens for one prompt after the other."""

    def respond(prompts: list[Prompt]) -> None:
        torch.manual_seed(SEED)
        for prompt in prompts:
            model.generate(torch.tensor([prompt], device=model.device), **GENUP)

    return torch.inference_mode()(respond)


def beam(model: PreTrainedModel, trie: Trie) -> Answer:
    """Ten beams, kept within the trie by `prefix_allowed_tokens_fn`, for one prompt after the other."""

    def respond(prompts: list[Prompt]) -> None:
        for prompt in prompts:

            def allowed(_: int, tokens: torch.Tensor, start: int = len(prompt)) -> list[int]:
                path = tokens[start:].tolist()
                try:
                    return list(trie.children(trie.find(path))) or [path[-1]]
                except KeyError:  # a beam that has ended
                    return [path[-1]]

            model.generate(
                torch.tensor([prompt], device=model.device),
                num_beams=K,
                num_return_sequences=K,
                do_sample=False,
                max_new_tokens=trie.depth,
                prefix_allowed_tokens_fn=allowed,
            )

    return torch.inference_mode()(respond)


def exact(ranker: AnswerScorer, trie: Trie, over: Over = "catalogue") -> Answer:
    """GenRec's exact top 10, for all prompts together."""

    def respond(prompts: list[Prompt]) -> None:
        tries = [trie] * len(prompts)
        top_k(ranker.read(prompts, tries, over), tries, K)

    return respond


class SaltedEndpoint(Endpoint):
    """An endpoint whose requests share vLLM's prefix cache only with those of the same salt.

    With a salt of its own for each request nothing is ever found in the cache, as on a server without one.
    """

    salts: Iterator[str] = itertools.repeat("shared")

    def post_all(self, path: str, bodies: Sequence[dict[str, Any]], people: Sequence[str] = ()) -> list[bytes]:
        """See `Endpoint`."""
        return super().post_all(path, [body | {"cache_salt": next(self.salts)} for body in bodies], people)


def one_id(endpoint: Endpoint, trie: Trie) -> Answer:
    """A server that writes as many tokens as an id has, for all prompts together; they need not be an id."""

    def respond(prompts: list[Prompt]) -> None:
        settings = {"max_tokens": trie.depth, "temperature": 0, "ignore_eos": True}
        endpoint.post_all("/v1/completions", [{"prompt": prompt, **settings} for prompt in prompts])

    return respond


def measure(
    way: str,
    answer: Answer,
    work: Workload,
    *,
    users: int,
    groups: int,
    use: Callable[[], CacheUse] | None = None,
) -> list[Row]:
    """Ask for the first and then for the repeated asks of `groups` groups of `users` people."""
    rows = []
    for first in (True, False):
        before, seconds, n = use() if use else None, [], 0
        for prompts in work.rounds(users, groups, first=first):
            start = time.perf_counter()
            answer(prompts)
            seconds.append(time.perf_counter() - start)
            n += len(prompts)
        rows.append(
            Row(
                way=way,
                pois=work.pois,
                users=users,
                asks="first" if first else "repeated",
                n=n,
                per_second=n / sum(seconds),
                p50=float(np.percentile(seconds, 50)),
                p95=float(np.percentile(seconds, 95)),
                hit_rate=use().since(before).hit_rate if use and before else None,
            )
        )
    return rows


def transformers_rows(model: LocalModel, work: Workload, users: int, groups: int) -> list[Row]:
    """GenRec in this process, from an empty cache, by probabilities of both kinds."""
    rows = []
    answers = exact(model, work.telling), exact(model, work.names, "model")
    for way, answer in zip(OWN_WAYS, answers, strict=True):
        model.engine.prefixes = PrefixCache(CACHE_BYTES)
        rows += measure(way, answer, work, users=users, groups=groups, use=model.cache_use)
    return rows


def vllm_rows(url: str, tokenizer: PreTrainedTokenizerBase, work: Workload, users: int, groups: int) -> list[Row]:
    """GenRec on the server and the server's own writing, each from an empty cache."""
    endpoint = SaltedEndpoint(url)
    ranker = VllmModel(endpoint, tokenizer)
    answers = exact(ranker, work.telling), one_id(endpoint, work.names)
    rows = []
    for way, answer in zip(SERVER_WAYS, answers, strict=True):
        endpoint.salts = itertools.repeat(f"{way} {time.time_ns()}")
        rows += measure(way, answer, work, users=users, groups=groups, use=ranker.cache_use)
    return rows


def uncached_rows(url: str, tokenizer: PreTrainedTokenizerBase, work: Workload) -> list[Row]:
    """GenRec on the server with nothing ever found in its cache, for one user's first two asks."""
    endpoint = SaltedEndpoint(url)
    endpoint.salts = (f"{i} {time.time_ns()}" for i in itertools.count())
    ranker = VllmModel(endpoint, tokenizer)
    two = replace(work, asks=[work.asks[0][:2]])
    return measure("vllm-uncached", exact(ranker, work.telling), two, users=1, groups=1, use=ranker.cache_use)
