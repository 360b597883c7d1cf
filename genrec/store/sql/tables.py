"""The tables. A change here needs a revision in migrations/versions; a test holds the two together.

Check-ins refer to people by a number, and their primary key begins with it: so one person's lie side by side, and are
read without a further index.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
)
from sqlalchemy import Text as _Text

VERSION_TABLE = "genrec_version"  # of Alembic; also what tells a store from other programs' databases
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Ids are compared and sorted by their bytes everywhere, whatever the database's language.
Text = _Text().with_variant(_Text(collation="C"), "postgresql")
Key = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """A time as microseconds since 1970, as Polars counts it; in UTC where the column is not a local one."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, *, local: bool = False) -> None:
        super().__init__()
        self.local = local

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """See SQLAlchemy."""
        if value is None:
            return None
        return ((value.replace(tzinfo=UTC) if self.local else value) - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """See SQLAlchemy."""
        if value is None:
            return None
        moment = EPOCH + timedelta(microseconds=value)
        return moment.replace(tzinfo=None) if self.local else moment


def _of_person(*, primary_key: bool = False) -> Column[int]:
    return Column("person", Key, ForeignKey("people.key", ondelete="CASCADE"), primary_key=primary_key)


metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("created", Moment(), nullable=False),
    Column("strength", Float(53), nullable=False),
    Column("consent", Boolean, nullable=False),
)
places = Table(
    "places",
    metadata,
    Column("poi", Integer, primary_key=True, autoincrement=False),
    Column("poi_id", Text, nullable=False, unique=True),
    Column("category", Text, nullable=False),
    Column("category_id", Text),
    Column("latitude", Float(53), nullable=False),
    Column("longitude", Float(53), nullable=False),
    Column("name", Text),
    Column("region", Text),
    Column("owner", Key, ForeignKey("people.key", ondelete="SET NULL"), index=True),
)
checkins = Table(
    "checkins",
    metadata,
    _of_person(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("poi", Integer, ForeignKey("places.poi"), nullable=False),
    Column("time", Moment(local=True), nullable=False),
    Column("utc_time", Moment(local=True)),
    sqlite_with_rowid=False,
)
profiles = Table(
    "profiles",
    metadata,
    _of_person(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Moment(), nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reverts", Integer),
)
answers = Table(
    "answers",
    metadata,
    Column("id", Text, primary_key=True),
    _of_person(),
    Column("at", Moment(), nullable=False),
    Column("method", Text, nullable=False),
    Column("used", JSON, nullable=False),
    Column("places", JSON, nullable=False),
    Index("answers_of_person", "person", "at"),
    Index("answers_by_time", "at"),
)
feedback = Table(
    "feedback",
    metadata,
    _of_person(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("poi", Integer, ForeignKey("places.poi"), nullable=False),
    Column("answer", Text),
    Column("at", Moment(), nullable=False),
)
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("person", Key, ForeignKey("people.key", ondelete="CASCADE"), index=True),
    Column("made", Moment(), nullable=False),
)
erased = Table(
    "erased",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("salt", Text, nullable=False),
)
