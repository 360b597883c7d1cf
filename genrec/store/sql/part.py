"""What the parts of the SQL store share: records as rows, and back."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, FromClause, Select, Table, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from genrec.store.protocol import MissingError
from genrec.store.records import Answer, Checkin, Erased, Feedback, Person, Place, Record, Version
from genrec.store.sql.database import Database
from genrec.store.sql.tables import answers, checkins, erased, feedback, people, places, profiles

CHUNK = 5_000  # values in a statement: both databases end at some 32,000
FETCHED = 10_000  # rows at a time
TABLES: dict[type[Record], Table] = {
    Person: people,
    Place: places,
    Checkin: checkins,
    Version: profiles,
    Answer: answers,
    Feedback: feedback,
    Erased: erased,
}  # in the order in which they refer to each other
WHO = ("person", "owner")  # fields that name a person, and columns that hold their number

Item = TypeVar("Item")
Kind = TypeVar("Kind", Person, Place, Checkin, Version, Answer, Feedback)


class Part:
    """Some methods of the store; the database is what they share."""

    def __init__(self, database: Database) -> None:
        self._database = database


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@cache
def all_of(kind: type[Record]) -> Select[Any]:
    """The query of a kind of records, whose columns are named as the fields."""
    table = TABLES[kind]
    source: FromClause = table
    columns: list[Any] = []
    for name in kind.model_fields:
        if name in WHO:
            source = source.outerjoin(people, table.c[name] == people.c.key)
            columns.append(people.c.id.label(name))
        elif name == "poi_id" and table is not places:
            source = source.join(places, table.c.poi == places.c.poi)
            columns.append(places.c.poi_id)
        elif name != "record":
            columns.append(table.c[name])
    return select(*columns).select_from(source)


def fetch(
    connection: Connection, kind: type[Kind], *conditions: Any, by: Sequence[Any] = (), limit: int | None = None
) -> list[Kind]:
    """The records of a kind that meet conditions, in the order of columns."""
    rows = connection.execute(all_of(kind).where(*conditions).order_by(*by).limit(limit)).mappings()
    return [kind.model_validate(dict(row)) for row in rows]


def stream(connection: Connection, kind: type[Record], *conditions: Any, by: Sequence[Any]) -> Iterator[Any]:
    """As `fetch`, for more records than memory holds."""
    query = all_of(kind).where(*conditions).order_by(*by).execution_options(yield_per=FETCHED)
    for row in connection.execute(query).mappings():
        yield kind.model_validate(dict(row))


def rows_of(connection: Connection, records: Sequence[Record], *, lock: bool = False) -> list[dict[str, Any]]:
    """Records of a kind as rows; `lock` as of `keys_of`. Raises MissingError for what they refer to."""
    rows = [record.model_dump(exclude={"record"}) for record in records]
    named = {row[name] for row in rows for name in WHO if row.get(name) is not None}
    keys = keys_of(connection, named, lock=lock)
    visited = bool(records) and "poi_id" in rows[0] and not isinstance(records[0], Place)
    pois = indices_of(connection, {row["poi_id"] for row in rows}) if visited else {}
    for row in rows:
        row |= {name: keys[row[name]] for name in WHO if row.get(name) is not None}
        if visited:
            row["poi"] = pois[row.pop("poi_id")]
    return rows


def add(connection: Connection, records: Sequence[Record], *, lock: bool = False) -> int:
    """Add the records of a kind whose ids are not there yet; returns how many. As `rows_of`."""
    if not records:
        return 0
    insert_new = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert_new(TABLES[type(records[0])]).on_conflict_do_nothing()
    rows = rows_of(connection, records, lock=lock)
    return connection.execute(statement.execution_options(preserve_rowcount=True), rows).rowcount


def add_all(connection: Connection, records: Sequence[Record]) -> None:
    """Add the records of a kind, none of which is there yet."""
    if records:
        connection.execute(insert(TABLES[type(records[0])]), rows_of(connection, records))


def alone(connection: Connection, table: Table) -> None:
    """Let nobody else add to a table until the transaction ends; in SQLite, nobody does.

    Who needs several locks takes people's table, then people, then places: so nobody waits for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def key_of(connection: Connection, person: str, *, lock: bool = False) -> int:
    """A person's number; as `keys_of`."""
    return keys_of(connection, [person], lock=lock)[person]


def keys_of(connection: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, int]:
    """The numbers of people; with `lock`, nobody else writes about them until the transaction ends.

    Raises MissingError.
    """
    query = select(people.c.id, people.c.key).order_by(people.c.id)
    if lock:  # SQLite has one writer at a time, and no such clause
        query = query.with_for_update()
    return _numbers(connection, query, people.c.id, ids, "person")


def indices_of(connection: Connection, poi_ids: Iterable[str]) -> dict[str, int]:
    """The indices of places; raises MissingError."""
    return _numbers(connection, select(places.c.poi_id, places.c.poi), places.c.poi_id, poi_ids, "place")


def _numbers(connection: Connection, query: Select[Any], column: Any, ids: Iterable[str], what: str) -> dict[str, int]:
    asked = sorted(set(ids))
    found: dict[str, int] = {}
    for chunk in chunks(asked):
        found |= {id_: number for id_, number in connection.execute(query.where(column.in_(chunk)))}
    for id_ in asked:
        if id_ not in found:
            raise MissingError(f"there is no {what} {id_!r} in the store")
    return found
