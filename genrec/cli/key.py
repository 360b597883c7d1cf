"""`genrec key`: keys of the HTTP API."""

from typing import Annotated

import typer

from genrec.cli.console import err, out
from genrec.cli.store import Address
from genrec.service.keys import make_key
from genrec.store.opening import open_store

app = typer.Typer(help="Keys of the HTTP API (`genrec app`).", no_args_is_help=True)


@app.command()
def add(
    store: Address,
    person: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose key it is; without, an operator's, who may do everything.")
    ] = None,
) -> None:
    """Make a key and print it, once. From the first key on, whoever asks must show one.

    The store must be there: `genrec app my.csv` makes it.
    """
    out.print(make_key(open_store(store, create=False), person))
    err.print("Keep it: the store holds its hash alone. Send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_keys(store: Address) -> None:
    """List the keys by their ids (the part between the underscores), and whose they are."""
    keys = open_store(store, create=False).api_keys()
    for key in keys:
        out.print(f"{key.id}  {key.made:%Y-%m-%d %H:%M}  {'operator' if key.person is None else key.person}")


@app.command()
def drop(id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id, see `list`.")], store: Address) -> None:
    """Make a key worthless."""
    open_store(store, create=False).drop_key(id_)
