"""What the parts of the SQL store share."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from genrec.store.protocol import MissingError
from genrec.store.sql.database import Database
from genrec.store.sql.tables import people, places

CHUNK = 5_000  # values in a statement: both databases end at some 32,000

Item = TypeVar("Item")


class Part:
    """Some methods of the store; the database is what they share."""

    def __init__(self, database: Database) -> None:
        self._database = database


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def key_of(connection: Connection, person: str, *, lock: bool = False) -> int:
    """A person's number; as `keys_of`."""
    return keys_of(connection, [person], lock=lock)[person]


def keys_of(connection: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, int]:
    """The numbers of people; with `lock`, nobody else writes about them until the transaction ends.

    Raises MissingError.
    """
    asked = sorted(set(ids))
    query = select(people.c.id, people.c.key).order_by(people.c.id)
    if lock:  # SQLite has one writer at a time, and no such clause
        query = query.with_for_update()
    found: dict[str, int] = {}
    for chunk in chunks(asked):
        found |= {id_: key for id_, key in connection.execute(query.where(people.c.id.in_(chunk)))}
    return _all_of(asked, found, "person")


def indices_of(connection: Connection, poi_ids: Iterable[str]) -> dict[str, int]:
    """The indices of places; raises MissingError."""
    asked = sorted(set(poi_ids))
    found: dict[str, int] = {}
    for chunk in chunks(asked):
        rows = connection.execute(select(places.c.poi_id, places.c.poi).where(places.c.poi_id.in_(chunk)))
        found |= {poi_id: poi for poi_id, poi in rows}
    return _all_of(asked, found, "place")


def _all_of(asked: Sequence[str], found: dict[str, int], what: str) -> dict[str, int]:
    for id_ in asked:
        if id_ not in found:
            raise MissingError(f"there is no {what} {id_!r} in the store")
    return found


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Add the rows whose keys are not there yet; returns how many."""
    if not rows:
        return 0
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(statement, rows).rowcount
