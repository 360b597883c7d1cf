"""`genrec store`: back up and restore what a service keeps."""

from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_data_path

from genrec.cli.console import err, out
from genrec.files import require_regular
from genrec.store.dump import dump as write_dump
from genrec.store.dump import dump_profiles
from genrec.store.dump import load as read_dump
from genrec.store.opening import filling, open_store


def default_store() -> str:
    """Where the store is unless the user names another one."""
    return str(user_data_path("genrec", ensure_exists=True) / "genrec.db")


app = typer.Typer(help="Back up and restore a store.", no_args_is_help=True)

Address = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="FILE|URL",
        envvar="GENREC_STORE",
        help="The store: a file, or postgresql://USER@HOST/DATABASE. Default: genrec.db in the user's data folder.",
        show_default=False,
        default_factory=default_store,
    ),
]


@app.command()
def dump(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the dump goes (JSON Lines).")],
    store: Address,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="Only the latest profiles, as `genrec profile` writes them.")
    ] = False,
) -> None:
    """Write everything in a store to a file, from which `load` makes the same store; an earlier dump is replaced."""
    opened = open_store(store, create=False)
    replaced = path.exists()
    with err.status("writing"):
        count = (dump_profiles if profiles else write_dump)(opened, path)
    out.print(f"{path}: {count:,} {'profiles' if profiles else 'records'}")
    if replaced:
        err.print(f"note: the dump that was in {path} is replaced")


@app.command()
def load(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A dump, or a file of profiles.")],
    store: Address,
) -> None:
    """Fill an empty store from a dump, or add the profiles of a file to any store."""
    require_regular(path)
    with filling(store) as opened, err.status("reading"):
        count = read_dump(opened, path)
    out.print(f"{path}: {count:,} new records")
