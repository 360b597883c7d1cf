"""`genrec app`: from check-ins to a page and an HTTP API on this machine."""

import errno
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from genrec.checkins import Checkins
from genrec.cli.bundle import bundled
from genrec.cli.console import err, out
from genrec.cli.options import Reading
from genrec.cli.ranking_model import RankingModel
from genrec.cli.store import Address, default_store
from genrec.errors import GenRecError
from genrec.service.app import make_app
from genrec.service.fence import LOOPBACK
from genrec.service.page.mount import add_page
from genrec.service.retention import KEEP_DAYS
from genrec.store.opening import filling, open_store
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
    store: Address,
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
    keep_answers: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=36_500, help="After how many days answers are deleted.")
    ] = KEEP_DAYS,
    explore: Annotated[
        bool,
        typer.Option(
            "--explore",
            help="Draw the last place of each ranking by chance, so that feedback teaches more (genrec-train online).",
        ),
    ] = False,
    models: RankingModel,
    reading: Reading,
) -> None:
    """Serve people, profiles and rankings as a page and an HTTP API, until Ctrl-C; what is sent stays in the store."""
    opened: Store | None = None
    try:
        with _listen(host, port) as listening:
            opened = _opened(store, path, reading, host)
            served = make_app(
                opened,
                models.models,
                rankers,
                abroad=host not in LOOPBACK,
                keep_answers=keep_answers,
                warm=True,
                explore=explore,
            )
            add_page(served, tiles)
            _serve(served, listening, host, port)
    except KeyboardInterrupt:
        if opened is not None:
            opened.close()
        err.print("stopped")
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # a thread that is inside the model would abort the interpreter's own end
    finally:
        if opened is not None:
            opened.close()


def _opened(address: str, path: Path | None, reading: Reading, host: str) -> Store:
    """The store, with the check-ins of a file in it; one that was made for them is gone again if that fails."""
    if path is None and address == default_store():  # nothing was named, so there must be something in it
        store = open_store(address, create=False)
        _require_keys(store, host)
        return store
    checkins = None if path is None else reading.checkins(path)
    with filling(address) as store:
        _require_keys(store, host)
        err.print("store:", address if "://" not in address else "the database at --store", markup=False)
        if checkins is not None:
            _store(store, checkins)
    return store


def _store(store: Store, checkins: Checkins) -> None:
    before = store.counts()["places"]
    with err.status("storing"):
        new = store.import_checkins(checkins, Settings(consent=True))
    err.print(f"new in the store: {new.people:,} people, {new.places:,} places, {new.checkins:,} check-ins")
    if before and new.places == len(checkins.pois):
        err.print("note: it held other places already; --store FILE keeps what does not belong together apart")
    for note in new.notes:
        err.print(f"note: {note}")
    if new.erased:
        err.print(f"left out: {new.erased:,} people who were erased here")


def _require_keys(store: Store, host: str) -> None:
    if host not in LOOPBACK and not store.api_keys():
        raise GenRecError(f"--host {host} lets others in, and there are no keys: make one first, with `genrec key add`")


def _serve(served: FastAPI, listening: socket.socket, host: str, port: int) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    sys.setswitchinterval(SWITCH_SECONDS)
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
        why = _why_not(error)
        raise GenRecError(f"--host {host} --port {port}: cannot listen there ({why}); name another --port") from None


def _why_not(error: OSError | UnicodeError) -> str:
    """Why nothing can listen; Python's own words repeat the address."""
    if isinstance(error, (UnicodeError, socket.gaierror)):
        return "not a host's name"
    return "another program does" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
