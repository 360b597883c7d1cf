"""Who was erased, as hashes; and answers in the order of time, so that old ones are found."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "erased",
        sa.Column("hash", TEXT, primary_key=True),
        sa.Column("salt", TEXT, nullable=False),
    )
    op.create_index("answers_by_time", "answers", ["at"])
