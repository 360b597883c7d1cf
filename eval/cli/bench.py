"""`genrec-eval bench`: how fast rankings come, against the ways in use elsewhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from transformers import PreTrainedModel

from eval.bench.measure import (
    Row,
    Workload,
    beam,
    genup,
    measure,
    transformers_rows,
    uncached_rows,
    vllm_rows,
    workload,
)
from eval.bench.tables import Limit, limits, limits_table, ratios_table, rows_table, to_json
from eval.cli.bench_data import data
from eval.cli.bench_jobs import jobs
from eval.cli.bench_rankers import rankers
from eval.cli.bench_scale import scale
from genrec.cli.console import err, out
from genrec.files import write_text
from genrec.llm.loading import load_model
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


app = typer.Typer()
app.command()(rankers)
app.command()(data)
app.command()(jobs)
app.command()(scale)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="A vLLM server to measure; a key: GENREC_API_KEY.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer people and asks: a few minutes on two cores.")] = False,
    output: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="All figures as JSON.")] = None,
) -> None:
    """Time GenUP's decoding, beam search, and GenRec in this process and on vLLM, in one run.

    Without --server, a vLLM is started for the run if it is installed.
    """
    if context.invoked_subcommand:
        return
    rows: list[Row] = []
    bounds: list[Limit] = []
    with ExitStack() as stack, err.status("loading the model") as status:
        local = LocalModel.load(model)
        plain, _, _ = load_model(model)
        url = server or stack.enter_context(_own_server(model, status.update))
        for scale in QUICK if quick else FULL:
            status.update(f"{scale.pois:,} POIs: prompts")
            work = workload(scale.pois, max(*scale.users, scale.alone), scale.asks, local)
            bounds += limits(local, plain, work)
            for row in _rows(local, plain, url, work, scale):
                rows.append(row)
                status.update(f"{scale.pois:,} POIs: {row.way} of {row.users} users done")
    for table in (rows_table(rows), ratios_table(rows), limits_table(rows, bounds)):
        out.print(table)
    if output:
        settings = {"model": model, "vllm": url is not None, "quick": quick, "k": 10, "seed": 7}
        write_text(output, json.dumps(to_json(rows, bounds, settings), indent=1) + "\n")


@contextmanager
def _own_server(model: str, report: Callable[[str], None]) -> Iterator[str | None]:
    """A vLLM for the time of the run; None if it is not installed."""
    if find_spec("vllm") is None:
        err.print("note: vLLM is not installed, so its ways are left out")
        yield None
        return
    with running(plan(model, [], "127.0.0.1", free_port()), lambda stage: report(f"starting vLLM: {stage}")) as own:
        yield own.plan.url


def _rows(local: LocalModel, plain: PreTrainedModel, server: str | None, work: Workload, scale: Scale) -> Iterator[Row]:
    """All ways in all situations of one catalogue."""
    yield from measure("genup", genup(plain), work, users=1, groups=scale.alone)
    if scale.slow_ways:
        few = replace(work, asks=[asks[:2] for asks in work.asks])
        yield from measure("beam", beam(plain, work.names), few, users=1, groups=scale.slow_ways)
    for count in scale.users:
        groups = max(1, scale.alone // count)
        yield from transformers_rows(local, work, count, groups)
        if server:
            yield from vllm_rows(server, local.tokenizer, work, count, groups)
            if count == 1 and scale.slow_ways:
                yield from uncached_rows(server, local.tokenizer, work)
