"""Keys of the API."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "keys",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("person", KEY, sa.ForeignKey("people.key", ondelete="CASCADE"), index=True),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
