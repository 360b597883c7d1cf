"""Which ways of asking are measured in which situations, and what runs beside this process for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec

from transformers import PreTrainedModel

from eval.bench.measure import (
    OWN_WAYS,
    SERVER_WAYS,
    Row,
    Workload,
    beam,
    genup,
    measure,
    transformers_rows,
    uncached_rows,
    vllm_rows,
)
from eval.bench.offline import WAYS, Offline, offline, offline_rows
from genrec.llm.local import LocalModel
from genrec.llm.vllm.plan import plan
from genrec.llm.vllm.process import free_port, running


@dataclass(frozen=True)
class Scale:
    """How much is measured for one catalogue."""

    pois: int
    users: tuple[int, ...]  # that ask at once
    asks: int  # of each user
    alone: int  # groups of one user; of larger groups fewer
    slow_ways: int  # prompts for ways that take ten seconds a prompt


FULL = [Scale(pois, (1, 8, 32), asks=3, alone=6, slow_ways=2) for pois in (600, 5000)]
QUICK = [Scale(600, (1, 8), asks=2, alone=4, slow_ways=1), Scale(5000, (1,), asks=2, alone=4, slow_ways=0)]


class Others:
    """vLLM with and without a server, until the end of the run; each is started when it is first asked."""

    def __init__(self, model: str, server: str | None, stack: ExitStack, report: Callable[[str], None]) -> None:
        """`server`: one that is measured instead of one of our own, then with a server only."""
        self._model, self._server, self._stack, self._report = model, server, stack, report
        self.own = server is None and find_spec("vllm") is not None
        self.served = self.own or server is not None

    @cached_property
    def url(self) -> str:
        """Where the server is."""
        if self._server:
            return self._server
        planned = plan(self._model, [], "127.0.0.1", free_port())
        starting = running(planned, lambda stage: self._report(f"starting vLLM: {stage}"))
        return self._stack.enter_context(starting).plan.url

    @cached_property
    def offline(self) -> Offline:
        """The one without a server."""
        self._report("starting vLLM without a server")
        return self._stack.enter_context(offline(self._model))

    def server_rows(self, local: LocalModel, work: Workload, users: int, groups: int) -> list[Row]:
        """SERVER_WAYS."""
        return vllm_rows(self.url, local.tokenizer, work, users, groups)

    def uncached_rows(self, local: LocalModel, work: Workload) -> list[Row]:
        """The server with a cold cache."""
        return uncached_rows(self.url, local.tokenizer, work)

    def offline_rows(self, local: LocalModel, work: Workload, users: int, groups: int) -> list[Row]:
        """WAYS."""
        return offline_rows(self.offline, local, work, users, groups)


@dataclass(frozen=True)
class Measurement:
    """Ways that are measured together, so many users at once."""

    ways: tuple[str, ...]
    users: int
    rows: Callable[[], list[Row]]


def measurements(
    local: LocalModel, plain: PreTrainedModel, others: Others, work: Workload, scale: Scale
) -> Iterator[Measurement]:
    """All ways in all situations of one catalogue."""
    yield Measurement(("genup",), 1, partial(measure, "genup", genup(plain), work, users=1, groups=scale.alone))
    if scale.slow_ways:
        few = replace(work, asks=[asks[:2] for asks in work.asks])
        beams = beam(plain, work.names)
        yield Measurement(("beam",), 1, partial(measure, "beam", beams, few, users=1, groups=scale.slow_ways))
    for users in scale.users:
        asked = work, users, max(1, scale.alone // users)
        yield Measurement(OWN_WAYS, users, partial(transformers_rows, local, *asked))
        if others.served:
            yield Measurement(SERVER_WAYS, users, partial(others.server_rows, local, *asked))
        if others.served and scale.slow_ways and users == 1:
            yield Measurement(("vllm-uncached",), 1, partial(others.uncached_rows, local, work))
        if others.own and scale.slow_ways and users > 1:
            yield Measurement(WAYS, users, partial(others.offline_rows, local, *asked))
