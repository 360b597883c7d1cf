"""`genrec vllm`: a vLLM server for rankings and profiles."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrec.cli.console import err, out
from genrec.errors import GenRecError

if TYPE_CHECKING:
    from genrec.llm.vllm.process import VllmServer

app = typer.Typer()
AUTO = "auto"


def _seconds(text: str) -> str:
    """`auto`, or a number of seconds from 0 up."""
    try:
        known = text == AUTO or 0 <= float(text) < float("inf")
    except ValueError:
        known = False
    if not known:
        raise GenRecError(f"--keep-alive {text} is neither {AUTO} nor a number of seconds")
    return text


@app.callback(invoke_without_command=True)
def vllm(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    adapter: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A ranking adapter, served under its folder's name; may be repeated."),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--no-adapter", help="Leave out the adapters that come with 'embedded'.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; the default lets nobody else in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    room: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Adapters held at once, if not all: they are loaded when they are asked for."
        ),
    ] = None,
    keep_alive: Annotated[
        str,
        typer.Option(metavar="auto|S", help="With --room: how long an adapter stays after it was asked for, seconds."),
    ] = AUTO,
) -> None:
    """Start vLLM with the right flags and keep it until Ctrl-C; then use it with --server."""
    if context.invoked_subcommand:
        return
    from genrec.llm.adapter import SHIPPED, WRITER  # deferred: slow to import

    uses = {SHIPPED: "ranks unless told otherwise", WRITER: "writes profiles unless its prompt is changed"}
    own = [folder for folder in uses if folder.is_dir()] if model == "embedded" and not plain else []
    adapters = [*(adapter or []), *own]
    _seconds(keep_alive)
    few = room if room and room < len(adapters) else None
    if few is None and keep_alive != AUTO:
        raise GenRecError("--keep-alive is for more adapters than --room holds: all of these fit")
    for sign in (signal.SIGINT, signal.SIGTERM):  # both, even if a script's background job: vLLM goes, too
        signal.signal(sign, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            if few is None:
                server = _started(stack, model, adapters, host, port)
            else:
                server = _fronted(stack, model, adapters, host, port, few, keep_alive)
            for folder in adapters:
                how = uses.get(folder, f"rank with --adapter {folder.name}")
                out.print(f"  adapter {folder.name}: {how}", markup=False)
            err.print("Ctrl-C stops it.")
            server.wait()
    except KeyboardInterrupt:
        err.print("stopped")


def _started(
    stack: ExitStack, model: str, adapters: list[Path], host: str, port: int, room: int | None = None
) -> "VllmServer":
    """vLLM, for as long as the stack; its start is kept."""
    from genrec.llm.vllm.plan import plan  # deferred: loads torch
    from genrec.llm.vllm.process import running
    from genrec.llm.vllm.starts import Start

    with err.status("starting vLLM") as status:
        chosen = plan(model, adapters, host, port, room)
        server = stack.enter_context(running(chosen, lambda stage: status.update(f"starting vLLM: {stage}")))
    start, ready = Start("server", model, server.seconds), time.monotonic()
    stack.callback(lambda: start.ended(time.monotonic() - ready))
    took = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in server.seconds.items())
    err.print(f"vLLM is ready ({took}); its log: {server.log}", markup=False)
    if room is None:
        out.print(f"serving {model} at {chosen.url}", markup=False)
    return server


def _fronted(
    stack: ExitStack, model: str, adapters: list[Path], host: str, port: int, room: int, keep_alive: str
) -> "VllmServer":
    """VLLM at a port of its own, and before it what loads the adapters that are asked for."""
    from genrec.llm.vllm.front import fronting  # deferred: loads Starlette
    from genrec.llm.vllm.process import free_port, require_free

    require_free(host, port)
    server = _started(stack, model, adapters, "127.0.0.1", free_port(), room)
    kept = None if keep_alive == AUTO else float(keep_alive)
    stack.enter_context(fronting(server, adapters, host, port, room=room, keep_alive=kept))
    out.print(f"serving {model} at http://{host}:{port}", markup=False)
    return server


@app.command()
def report() -> None:
    """Say what the starts so far took, and how long what was started was of use."""
    from genrec.cli.starts_table import starts_table  # deferred: loads Polars
    from genrec.llm.vllm.starts import read_starts, starts_folder

    folder = starts_folder()
    out.print(starts_table(read_starts(folder)))
    out.print(f"one file a start: {folder}", markup=False)
