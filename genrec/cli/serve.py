"""`genrec serve`: a vLLM server for rankings and profiles."""

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from genrec.cli.console import err, out


def serve(
    model: Annotated[str, typer.Option(help="'embedded', a model folder, or a Hugging Face id.")] = "embedded",
    adapter: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A ranking adapter, served under its folder's name; may be repeated."),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--no-adapter", help="Leave out the adapter that comes with 'embedded'.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; the default lets nobody else in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Start vLLM with the right flags and keep it until Ctrl-C; then use it with --server."""
    from genrec.llm.adapter import SHIPPED, WRITER  # deferred: slow to import
    from genrec.llm.vllm.plan import plan  # loads torch
    from genrec.llm.vllm.process import running

    uses = {SHIPPED: "ranks unless told otherwise", WRITER: "writes profiles unless its prompt is changed"}
    adapters = [*(adapter or []), *(uses if model == "embedded" and not plain else [])]
    for sign in (signal.SIGINT, signal.SIGTERM):  # both, even if a script's background job: vLLM goes, too
        signal.signal(sign, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            with err.status("starting vLLM") as status:
                chosen = plan(model, adapters, host, port)
                server = stack.enter_context(running(chosen, lambda stage: status.update(f"starting vLLM: {stage}")))
            took = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in server.seconds.items())
            err.print(f"vLLM is ready ({took}); its log: {server.log}", markup=False)
            out.print(f"serving {model} at {chosen.url}", markup=False)
            for folder in adapters:
                how = uses.get(folder, f"rank with --adapter {folder.name}")
                out.print(f"  adapter {folder.name}: {how}", markup=False)
            err.print("Ctrl-C stops it.")
            server.wait()
    except KeyboardInterrupt:
        err.print("stopped")
