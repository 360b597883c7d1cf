"""`genrec app`: from check-ins to a page and an HTTP API on this machine."""

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from platformdirs import user_data_path

from genrec.assistant import Models
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.cli.ranking_model import RankingModel
from genrec.errors import GenRecError
from genrec.service.app import make_app
from genrec.service.fence import LOOPBACK
from genrec.service.page.mount import add_page
from genrec.store.opening import open_store
from genrec.store.protocol import Store
from genrec.store.records import Settings

INTERRUPTED = 130  # a shell's code for Ctrl-C
SWITCH_SECONDS = 0.0005  # from thread to thread: answers need not wait long for what is counted beside them


@bundled
def app(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[IN]", help="Check-ins to put into the store first; their people agree to profiles."),
    ] = None,
    *,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            envvar="GENREC_STORE",
            help="The store: a file, or postgresql://USER@HOST/DATABASE. Default: a file named after IN, in the user's "
            "data folder.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. The default lets nobody else in; another needs `genrec key add`.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
    rankers: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Trained rankers (`genrec-train rankers`), whose fusion ranks.")
    ] = None,
    tiles: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where maps get their background (https://.../{z}/{x}/{y}.png), which tells that server what is "
            "looked at. Default: none, so that nothing is asked of others.",
        ),
    ] = None,
    models: RankingModel,
    reading: Reading,
) -> None:
    """Serve people, profiles and rankings as a page and an HTTP API, until Ctrl-C; what is sent stays in the store."""
    if path is None and store is None:
        raise GenRecError("name check-ins, or a store that has some: genrec app my.csv, or genrec app --store FILE")
    address = store or _default(path or Path("genrec"))
    opened = open_store(address)
    if store is None:
        err.print(f"store: {address}", markup=False)
    try:
        _serve(opened, path, reading, models, rankers, tiles, host, port)
    except KeyboardInterrupt:
        opened.close()
        err.print("stopped")
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # a thread that is inside the model would abort the interpreter's own end
    finally:
        opened.close()


def _serve(
    store: Store,
    path: Path | None,
    reading: Reading,
    models: Models,
    rankers: Path | None,
    tiles: str | None,
    host: str,
    port: int,
) -> None:
    abroad = host not in LOOPBACK
    if abroad and not store.api_keys():
        raise GenRecError(f"--host {host} lets others in, and there are no keys: make one first, with `genrec key add`")
    listening = _listen(host, port)
    with listening:
        if path is not None:
            checkins = reading.checkins(path)
            with err.status("storing"):
                new = store.import_checkins(checkins, Settings(consent=True))
            err.print(f"new in the store: {new.people:,} people, {new.places:,} places, {new.checkins:,} check-ins")
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
        sys.setswitchinterval(SWITCH_SECONDS)
        served = make_app(store, models, rankers, abroad=abroad)
        add_page(served, tiles)
        config = uvicorn.Config(
            served, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=5
        )
        shown = f"[{host}]" if ":" in host else host
        out.print(f"http://{shown}:{port} (the page; routes of the API: http://{shown}:{port}/docs)")
        err.print("Ctrl-C stops it.")
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises GenRecError if it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a host's name"
        raise GenRecError(f"--host {host} --port {port}: cannot listen there ({why}); name another --port") from None


def _default(path: Path) -> str:
    folder = user_data_path("genrec", ensure_exists=True)
    return str(folder / f"{path.resolve().stem}.db")
