"""People, places, check-ins, profiles, answers, feedback."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _people_and_places()
    _visits_and_profiles()
    _answers_and_feedback()
    if op.get_bind().dialect.name == "postgresql":
        _keep_out_of_statistics()


def _person(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column("person", KEY, sa.ForeignKey("people.key", ondelete="CASCADE"), primary_key=primary_key)


def _people_and_places() -> None:
    op.create_table(
        "people",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("strength", sa.Float(53), nullable=False),
        sa.Column("consent", sa.Boolean, nullable=False),
    )
    op.create_table(
        "places",
        sa.Column("poi", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("poi_id", TEXT, nullable=False, unique=True),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("category_id", TEXT),
        sa.Column("latitude", sa.Float(53), nullable=False),
        sa.Column("longitude", sa.Float(53), nullable=False),
        sa.Column("name", TEXT),
        sa.Column("region", TEXT),
        sa.Column("owner", KEY, sa.ForeignKey("people.key", ondelete="SET NULL"), index=True),
    )


def _visits_and_profiles() -> None:
    op.create_table(
        "checkins",
        _person(primary_key=True),
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("poi", sa.Integer, sa.ForeignKey("places.poi"), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("utc_time", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profiles",
        _person(primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("reverts", sa.Integer),
    )


def _answers_and_feedback() -> None:
    op.create_table(
        "answers",
        sa.Column("id", TEXT, primary_key=True),
        _person(),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("used", sa.JSON, nullable=False),
        sa.Column("places", sa.JSON, nullable=False),
    )
    op.create_index("answers_of_person", "answers", ["person", "at"])
    op.create_table(
        "feedback",
        _person(primary_key=True),
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("poi", sa.Integer, sa.ForeignKey("places.poi"), nullable=False),
        sa.Column("answer", TEXT),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _keep_out_of_statistics() -> None:
    """The planner's samples of values would outlive the rows of a person who is erased; it does well without."""
    tables = sa.MetaData()
    tables.reflect(op.get_bind(), only=["people", "places", "checkins", "profiles", "answers", "feedback"])
    for table in tables.sorted_tables:
        for column in table.columns:
            quoted = op.get_bind().dialect.identifier_preparer.quote(column.name)
            op.execute(f"ALTER TABLE {table.name} ALTER COLUMN {quoted} SET STATISTICS 0")
