"""What Alembic runs to bring a database up to date: in the transaction of who opens it."""

from alembic import context

from genrec.store.sql.tables import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
