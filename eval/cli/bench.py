"""`genrec-eval bench`: how fast rankings come, against the ways in use elsewhere."""

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from eval.bench.kept import kept
from eval.bench.measure import Row, workload
from eval.bench.tables import Limit, limits, limits_table, ratios_table, rows_table, to_json
from eval.bench.ways import FULL, QUICK, Others, measurements
from eval.cli.bench_data import data
from eval.cli.bench_jobs import jobs
from eval.cli.bench_rankers import rankers
from eval.cli.bench_scale import scale
from genrec.cli.console import err, out
from genrec.llm.loading import load_model
from genrec.llm.local import LocalModel

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
    quick: Annotated[bool, typer.Option("--quick", help="Fewer people and asks: ten minutes on two cores.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="All figures as JSON; a killed command goes on from it."),
    ] = None,
) -> None:
    """Time GenUP's decoding, beam search, and GenRec in this process and on vLLM, in one run.

    Without --server, a vLLM is started for the run if it is installed, and one that is asked without a server.
    """
    if context.invoked_subcommand:
        return
    settings = {"model": model, "vllm": bool(server or find_spec("vllm")), "quick": quick, "k": 10, "seed": 7}
    bounds: list[Limit] = []
    if not (server or find_spec("vllm")):
        err.print("note: vLLM is not installed, so its ways are left out")
    with (
        kept(output, Row, settings, lambda rows: to_json(rows, bounds)) as known,
        ExitStack() as stack,
        err.status("loading the model") as status,
    ):
        local = LocalModel.load(model)
        plain, _, _ = load_model(model)
        others = Others(model, server, stack, status.update)
        for scale in QUICK if quick else FULL:
            status.update(f"{scale.pois:,} POIs: prompts")
            work = workload(scale.pois, max(*scale.users, scale.alone), scale.asks, local)
            bounds += limits(local, plain, work)
            there = {(row.way, row.users) for row in known.rows if row.pois == scale.pois}
            for asked in measurements(local, plain, others, work, scale):
                if not {(way, asked.users) for way in asked.ways} <= there:
                    status.update(f"{scale.pois:,} POIs: {', '.join(asked.ways)} of {asked.users} users")
                    known.add(*asked.rows())
    for table in (rows_table(known.rows), ratios_table(known.rows), limits_table(known.rows, bounds)):
        out.print(table)
