"""A database, opened: its connections, transactions, and errors in one line."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from genrec.errors import GenRecError, InputError
from genrec.files import PRIVATE, require_file
from genrec.store.protocol import UnavailableError
from genrec.store.sql.tables import VERSION_TABLE
from genrec.terminal import one_line

BUSY_SECONDS = 5.0  # to wait for another process's write
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
# What SQLite says, and what a user can do about it; anything else is shown as it is.
_PROBLEMS = {
    "of another program": "is a database of another program. Name another file.",
    "not a database": "is not a database. Name another file.",
    "malformed": "is a damaged database. Restore it: genrec store load BACKUP --store NEW.",
    "locked": "is being written by another process; try again when it has finished.",
    "full": "has no room left on its disk.",
    "readonly": "may not be written to.",
    "unable to open": "cannot be opened.",
}


class Database:
    """Connections for reading and for writing, each in a transaction of its own. Errors are GenRecErrors."""

    def __init__(self, address: str, *, create: bool) -> None:
        """Raises GenRecError for an address or a file that cannot be used."""
        url = _url(address)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.shown = str(url.database)
            _make_file(Path(self.shown), create=create)
        else:  # without what may hold a password
            self.shown = url.set(drivername="postgresql", password=None, query={}).render_as_string()
        with self.explained():
            self.engine = _engine(url)
        # SQLite's own waiting lets some threads starve until they fail.
        self._turn: AbstractContextManager[object] = Lock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            self._reader = self.engine.execution_options(begin="BEGIN")
        else:
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database, and never waits for writers."""
        with self.explained(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, or has not been."""
        with self._turn, self.explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the errors of drivers into one line, which holds none of the values that were sent."""
        try:
            yield
        except DBAPIError as error:
            raise UnavailableError(f"{self.shown} {_problem(error.orig)}") from None
        except sqlite3.Error as error:  # while connecting
            raise UnavailableError(f"{self.shown} {_problem(error)}") from None
        except UnicodeEncodeError:
            raise GenRecError(f"{self.shown} cannot hold half of a character.") from None
        except SQLAlchemyError as error:
            raise UnavailableError(f"{self.shown} cannot be used ({type(error).__name__}).") from None
        except ModuleNotFoundError as error:
            raise GenRecError(f"{self.shown} needs the package {error.name}: pip install 'genrec[app]'") from None

    def clean(self) -> None:
        """Rewrite the files, so that nothing of what was deleted stays in them.

        `secure_delete` alone does not do: where SQLite has moved a row to another page, its copy may stay in the gap.
        PostgreSQL's write-ahead log is beyond reach from here: it keeps what was written until the server reuses it.
        """
        alone = {"begin": ""} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self._turn, self.explained(), self.engine.connect().execution_options(**alone) as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql("VACUUM (FULL) people, places, checkins, profiles, answers, feedback, keys")
                return
            connection.exec_driver_sql("VACUUM")
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if busy:
                raise GenRecError(
                    f"{self.shown}: what was asked for is done, but another process reads the database, and the log "
                    f"({Path(self.shown).name}-wal) keeps what was before until that ends."
                )


def _url(address: str) -> URL:
    """The address for SQLAlchemy; raises GenRecError that shows no password."""
    scheme, slashes, rest = address.partition("://")
    if not slashes or scheme == "sqlite":
        return URL.create("sqlite", database=str(Path(rest.removeprefix("/") if slashes else address).absolute()))
    fix = "name a file, or postgresql://USER@HOST/DATABASE"
    if scheme not in _POSTGRESQL:
        raise GenRecError(f"a store's address does not begin with {scheme[:20]}://; {fix}")
    try:
        return make_url(address).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise GenRecError(f"the store's address is not a URL; {fix}") from None


def _make_file(path: Path, *, create: bool) -> None:
    """A new file that nobody but its owner can read; raises InputError for what cannot be a store."""
    require_file(path)
    if path.exists():
        return
    if not create or not path.parent.is_dir():
        missing = "no such store." if path.parent.is_dir() else "its folder does not exist."
        raise InputError(missing, file=path, fix="Name it with --store; `genrec app my.csv` makes a store.")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))


def _engine(url: URL) -> Engine:
    pool = {"pool_size": 10, "max_overflow": 30, "pool_pre_ping": True, "hide_parameters": True}
    if url.get_backend_name() != "sqlite":
        return create_engine(url, connect_args={"connect_timeout": 10}, **pool)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None}, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Nothing acknowledged is lost, nothing deleted is left; and a database of another program is left alone."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and VERSION_TABLE not in tables:
        raise sqlite3.DatabaseError("of another program")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer waits for its turn at the beginning, so that nothing changes between what it reads and what it writes.

    Python's driver would begin only at the first write.
    """
    if begin := connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"):
        connection.exec_driver_sql(begin)


def _problem(error: BaseException | None) -> str:
    """What went wrong, from the driver's own message: PostgreSQL's details, which name values, are left out."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    text = primary or one_line(str(error))
    told = _PROBLEMS if isinstance(error, sqlite3.Error) else {}
    return next((said for part, said in told.items() if part in text), f"cannot be used ({text}).")
