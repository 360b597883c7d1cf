"""Open a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genrec.errors import GenRecError
from genrec.store.protocol import Store


def open_store(address: str, *, create: bool = True) -> Store:
    """The store in a file (SQLite), or at a URL: postgresql://USER:PASSWORD@HOST/DATABASE.

    Raises GenRecError if it cannot be opened; without `create`, if there is no file.
    """
    try:
        from genrec.store.sql.store import SqlStore  # deferred: belongs to the extra `app`
    except ModuleNotFoundError as error:
        raise GenRecError(f"a store needs the package {error.name}: pip install 'genrec[app]'") from None
    return SqlStore(address, create=create)


@contextmanager
def filling(address: str) -> Iterator[Store]:
    """A store to put something into; if that fails, the store is closed, and gone if it was made for it."""
    new = "://" not in address and not Path(address).exists()
    store = open_store(address)
    try:
        yield store
    except BaseException:
        store.close()
        if new:
            for end in ("", "-wal", "-shm"):
                Path(f"{address}{end}").unlink(missing_ok=True)
        raise
