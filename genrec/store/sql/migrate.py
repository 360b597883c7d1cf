"""Bring a database to the tables that this GenRec knows."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from genrec.errors import GenRecError
from genrec.store.sql.database import Database
from genrec.store.sql.tables import VERSION_TABLE

LOCK = 0x47526563  # any number, the same in all processes


def migrate(database: Database) -> None:
    """Upgrade to the latest revision; one process does it, others wait.

    Raises GenRecError for a newer GenRec's database, or another program's.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with database.reading() as connection:
        if _revision(connection) == head:
            return
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        revision = _revision(connection)
        if revision not in {None, *(known.revision for known in script.walk_revisions())}:
            raise GenRecError(
                f"{database.shown} was written by a newer GenRec (its schema is {revision}, this one knows {head}); "
                "update GenRec"
            )
        if revision is None and inspect(connection).get_table_names():
            raise GenRecError(f"{database.shown} is a database of another program; name an empty one")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()
