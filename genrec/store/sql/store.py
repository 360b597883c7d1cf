"""The store in a database."""

from genrec.store.sql.answers import Answers
from genrec.store.sql.checkins import CheckIns
from genrec.store.sql.database import Database
from genrec.store.sql.keys import Keys
from genrec.store.sql.migrate import migrate
from genrec.store.sql.people import People
from genrec.store.sql.places import Places
from genrec.store.sql.profiles import ProfileVersions
from genrec.store.sql.transfer import Transfer


class SqlStore(People, Places, CheckIns, ProfileVersions, Answers, Keys, Transfer):
    """A `genrec.store.protocol.Store`, in as many threads and processes as one likes."""

    def __init__(self, address: str, *, create: bool = True) -> None:
        """Open a file (SQLite) or a URL (PostgreSQL), and bring its tables up to date.

        Raises GenRecError if that cannot be; without `create`, if there is no file.
        """
        database = Database(address, create=create)
        migrate(database)
        super().__init__(database)

    def close(self) -> None:
        """See the protocol."""
        self._database.engine.dispose()
