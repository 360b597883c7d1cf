"""All that is in a store, out of it and into another one."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import func, select

from genrec.store.protocol import ConflictError
from genrec.store.records import Erased, Person, Place, Record
from genrec.store.sql.part import FETCHED, TABLES, Part, add_all, chunks, key_of, stream
from genrec.store.sql.places import add_places
from genrec.store.sql.tables import checkins, feedback, people, places


class Transfer(Part):
    """See `genrec.store.protocol`."""

    def counts(self) -> dict[str, int]:
        """See the protocol."""
        with self._database.reading() as connection:
            counted = {table.name: select(func.count()).select_from(table) for table in TABLES.values()}
            return {name: connection.execute(query).scalar_one() for name, query in counted.items()}

    def records(self, person: str | None = None) -> Iterator[Record]:
        """See the protocol."""
        with self._database.reading() as connection:
            key = None if person is None else key_of(connection, person)
            for kind, table in TABLES.items():
                if key is not None and kind is Erased:  # of whom one is, nothing says
                    continue
                conditions = [] if key is None else [_about(kind, key)]
                yield from stream(connection, kind, *conditions, by=list(table.primary_key))

    def restore(self, records: Iterable[Record]) -> int:
        """See the protocol."""
        count = 0
        with self._database.writing() as connection:
            if any(connection.execute(select(table).limit(1)).first() for table in TABLES.values()):
                raise ConflictError(f"{self._database.shown} holds data already; name an empty store")
            for kind, same in groupby(records, type):
                for chunk in chunks(same, FETCHED):
                    if kind is Place:
                        add_places(connection, chunk)  # type: ignore[arg-type]
                    else:
                        add_all(connection, chunk)
                    count += len(chunk)
        return count


def _about(kind: type[Record], key: int) -> Any:
    """What holds for records about a person; of places, those that they have added, visited or said something of."""
    if kind is Person:
        return people.c.key == key
    if kind is not Place:
        return TABLES[kind].c.person == key
    visited = select(checkins.c.poi).where(checkins.c.person == key)
    spoken_of = select(feedback.c.poi).where(feedback.c.person == key)
    return (places.c.owner == key) | places.c.poi.in_(visited) | places.c.poi.in_(spoken_of)
