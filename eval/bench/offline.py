"""vLLM without a server, as scripts use it: `LLM.generate` for a list of prompts, and what its answers are worth.

It runs in a process of its own, with the settings of GenRec's server. The ways: `offline-one`, one greedy answer;
`offline-samples`, ten samples of the model's own distribution; `offline-beams`, ten beams; `offline-choice`, ten beams
within the names, by vLLM's structured outputs. What is written up to the end of a line is an answer.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from eval.bench.measure import SEED, Answer, K, Prompt, Row, Workload, measure
from genrec.cache import cache_home
from genrec.errors import GenRecError
from genrec.llm.backend import AnswerScorer
from genrec.llm.decoding import top_k
from genrec.llm.loading import resolve_model
from genrec.llm.vllm.plan import CPU_BLOCK_SIZE, plan

if TYPE_CHECKING:
    from vllm import LLM

ONE: Final = "offline-one"
WAYS: Final = (ONE, "offline-samples", "offline-beams", "offline-choice")
STOP_SECONDS: Final = 20.0

Answers = list[list[str]]  # of each prompt


@dataclass(frozen=True)
class Ask:
    """One batch for the other process; `way` None: vLLM is to forget the prompts that it has read."""

    way: str | None
    prompts: Sequence[Prompt] = ()
    names: Sequence[str] = ()
    tokens: int = 0  # of an answer, at most


class Offline:
    """A process with vLLM's LLM in it; raises GenRecError when that has ended."""

    def __init__(self, connection: Connection, log: Path) -> None:
        self._connection, self._log = connection, log

    def ask(self, ask: Ask) -> Answers:
        """The answers to all prompts of a batch."""
        self._connection.send(ask)
        return self.heard()

    def heard(self) -> Answers:
        """What comes next from the process."""
        try:
            heard: Answers | str = self._connection.recv()
        except EOFError:
            heard = "it has ended"
        if isinstance(heard, str):
            raise GenRecError(f"vLLM's LLM failed: {heard}. All it said: {self._log}")
        return heard


@contextmanager
def offline(model: str) -> Iterator[Offline]:
    """An LLM that is ready, for as long as the block runs; raises GenRecError if it cannot be started."""
    log = cache_home() / "logs" / "offline.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    planned = plan(model, [], "127.0.0.1", 0)
    dtype = planned.arguments[planned.arguments.index("--dtype") + 1]
    environment = planned.environment | {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    settings: dict[str, Any] = {"model": resolve_model(model), "dtype": dtype}
    if "--enforce-eager" in planned.arguments:
        settings |= {"enforce_eager": True, "block_size": CPU_BLOCK_SIZE}
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, settings, environment, log))
    process.start()
    group = cast(int, process.pid)  # its own, from when it has begun
    theirs.close()
    try:
        there = Offline(ours, log)
        there.heard()
        yield there
    finally:
        ours.close()
        process.join(STOP_SECONDS)
        with suppress(ProcessLookupError):  # the whole group is gone
            os.killpg(group, signal.SIGKILL)
        process.kill()
        process.join()


def offline_rows(there: Offline, ranker: AnswerScorer, work: Workload, users: int, groups: int) -> list[Row]:
    """All ways, each from an empty cache; `ranker` gives the exact lists that they are held against."""
    exact = _exact(ranker, work, users * groups)
    rows = []
    for way in WAYS:
        there.ask(Ask(None))
        told: Answers = []
        answered = iter(told)
        for row in measure(way, _asking(there, way, work, told), work, users=users, groups=groups):
            lists = [next(answered) for _ in range(row.n)]
            best = [exact[tuple(prompt)] for prompt in _prompts(work, users, groups, row.asks)]
            found = worth(lists, best, set(work.texts))
            rows.append(replace(row, valid=found["valid"], distinct=found["distinct"], exact=found["exact"]))
    return rows


def _asking(there: Offline, way: str, work: Workload, told: Answers) -> Answer:
    def respond(prompts: list[Prompt]) -> None:
        told.extend(there.ask(Ask(way, prompts, work.texts, work.names.depth)))

    return respond


def _prompts(work: Workload, users: int, groups: int, asks: str) -> Iterator[Prompt]:
    for prompts in work.rounds(users, groups, first=asks == "first"):
        yield from prompts


def _exact(ranker: AnswerScorer, work: Workload, people: int) -> dict[tuple[int, ...], list[str]]:
    """The names that are the most probable ones to be written, by the model's full softmax."""
    found = {}
    for asks in work.asks[:people]:
        tries = [work.names] * len(asks)
        for prompt, best in zip(asks, top_k(ranker.read(asks, tries, "model"), tries, K), strict=True):
            found[tuple(prompt)] = [work.texts[scored.answer] for scored in best]
    return found


def worth(lists: Answers, exact: Sequence[Sequence[str]], names: set[str]) -> dict[str, float]:
    """What lists of answers are worth.

    valid: the share of answers that are names of places; distinct: different places that a list names, as a share of
    its answers; exact: how many of them are among as many of the most probable places.
    """
    valid = distinct = right = count = 0
    for answers, best in zip(lists, exact, strict=True):
        named = [answer for answer in answers if answer in names]
        count += len(answers)
        valid += len(named)
        distinct += len(set(named))
        right += len(set(named) & set(best[: len(answers)]))
    return {"valid": valid / count, "distinct": distinct / count, "exact": right / count}


def _serve(connection: Connection, settings: dict[str, Any], environment: dict[str, str], log: Path) -> None:
    """Load the model, and answer until the connection ends; what vLLM says goes into the log."""
    os.setsid()  # Ctrl-C reaches the other process alone, and one signal reaches all of vLLM's
    os.environ.update(environment)
    with log.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    try:
        _answer_all(connection, settings)
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        # The other process says it; the traceback, which holds the LLM, would keep vLLM's processes from ending.
        with suppress(BrokenPipeError):
            connection.send(f"{type(error).__name__}: {error}")


def _answer_all(connection: Connection, settings: dict[str, Any]) -> None:
    from vllm import LLM  # deferred: after the environment is set

    structured = {"backend": "xgrammar"}  # beams within names want it named
    llm = LLM(
        **settings,
        seed=SEED,
        generation_config="vllm",
        enable_prefix_caching=True,
        structured_outputs_config=structured,
    )
    connection.send([])
    while True:
        connection.send(_answers(llm, connection.recv()))


def _answers(llm: "LLM", ask: Ask) -> Answers:
    from vllm import SamplingParams  # deferred: as above

    if ask.way is None:
        llm.reset_prefix_cache()
        return []
    prompts: list[Any] = [{"prompt_token_ids": prompt} for prompt in ask.prompts]
    if ask.way in (ONE, "offline-samples"):
        # No seed of a request: vLLM on a CPU cannot wind it back after a part of a prompt; the LLM has one.
        drawn: dict[str, Any] = {"temperature": 0} if ask.way == ONE else {"temperature": 1, "n": K}
        params = SamplingParams(max_tokens=ask.tokens, stop=["\n"], **drawn)
        written = llm.generate(prompts, params, use_tqdm=False)
        return [[output.text.strip() for output in each.outputs] for each in written]
    return _beams(llm, ask, prompts)


def _beams(llm: "LLM", ask: Ask, prompts: list[Any]) -> Answers:
    from vllm.sampling_params import BeamSearchParams, StructuredOutputsParams  # deferred: as above
    from vllm.v1.structured_output.utils import choice_as_grammar

    within = None
    if ask.way == "offline-choice":  # beams take no `choice`, but what vLLM makes of one
        within = StructuredOutputsParams(grammar=choice_as_grammar([f" {name}\n" for name in ask.names]))
    found = llm.beam_search(prompts, BeamSearchParams(K, ask.tokens, structured_outputs=within))
    decode: Callable[[list[int], bool], str] = llm.get_tokenizer().decode  # without special tokens
    return [
        [decode(sequence.tokens[len(prompt) :], True).split("\n")[0].strip() for sequence in output.sequences]
        for prompt, output in zip(ask.prompts, found, strict=True)
    ]
