"""A store in a database, by SQLAlchemy: SQLite or PostgreSQL."""
