"""Open a store."""

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
