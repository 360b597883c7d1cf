"""All that is in a store, out of it and into another one."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, insert, select

from genrec.store.protocol import ConflictError
from genrec.store.records import Answer, Checkin, Feedback, Person, Place, Record, Version
from genrec.store.sql import answers as answers_part
from genrec.store.sql import checkins as checkins_part
from genrec.store.sql import people as people_part
from genrec.store.sql import places as places_part
from genrec.store.sql import profiles as profiles_part
from genrec.store.sql.part import Part, chunks, indices_of, key_of, keys_of
from genrec.store.sql.tables import answers, checkins, feedback, people, places, profiles

FETCHED = 10_000  # rows at a time
CHECKINS = (
    select(checkins, people.c.id.label("of"), places.c.poi_id)
    .join_from(checkins, people)
    .join(places, places.c.poi == checkins.c.poi)
    .order_by(checkins.c.person, checkins.c.id)
)


class Transfer(Part):
    """See `genrec.store.protocol`."""

    def counts(self) -> dict[str, int]:
        """See the protocol."""
        tables = (people, places, checkins, profiles, answers, feedback)
        with self._database.reading() as connection:
            counted = {table.name: select(func.count()).select_from(table) for table in tables}
            return {name: connection.execute(query).scalar_one() for name, query in counted.items()}

    def records(self, person: str | None = None) -> Iterator[Record]:
        """See the protocol."""
        with self._database.reading() as connection:
            key = None if person is None else key_of(connection, person)
            yield from _rows(
                connection, select(people).order_by(people.c.key), people_part.person_of, people.c.key, key
            )
            yield from _rows(connection, places_part.ROWS, places_part.place_of, places.c.poi, _places_of(key))
            yield from _rows(connection, CHECKINS, _checkin_of, checkins.c.person, key)
            versions = profiles_part.ROWS.order_by(profiles.c.person, profiles.c.number)
            yield from _rows(connection, versions, profiles_part.version_of, profiles.c.person, key)
            given = answers_part.ANSWERS.order_by(answers.c.id)
            yield from _rows(connection, given, answers_part.answer_of, answers.c.person, key)
            said = answers_part.FEEDBACK.order_by(feedback.c.person, feedback.c.id)
            yield from _rows(connection, said, answers_part.feedback_of, feedback.c.person, key)

    def restore(self, records: Iterable[Record]) -> int:
        """See the protocol."""
        count = 0
        with self._database.writing() as connection:
            if any(connection.execute(select(table.c[0]).limit(1)).first() for table in (people, places, answers)):
                raise ConflictError(f"{self._database.shown} holds data already; name an empty store")
            for kind, same in groupby(records, type):
                for chunk in chunks(same, FETCHED):
                    _insert(connection, kind, chunk)
                    count += len(chunk)
        return count


def _places_of(key: int | None) -> Any:
    """The places that a person has added, visited or said something of."""
    if key is None:
        return None
    return (
        select(places.c.poi)
        .where(places.c.owner == key)
        .union(
            select(checkins.c.poi).where(checkins.c.person == key),
            select(feedback.c.poi).where(feedback.c.person == key),
        )
    )


def _rows(connection: Connection, query: Any, record_of: Callable[[Any], Record], column: Any, one: Any) -> Any:
    """The records of a query, or those whose column is `one`, or among what `one` selects."""
    if one is not None:
        query = query.where(column == one if isinstance(one, int) else column.in_(one))
    for row in connection.execute(query.execution_options(yield_per=FETCHED)):
        yield record_of(row)


def _checkin_of(row: Any) -> Checkin:
    return Checkin(person=row.of, id=row.id, poi_id=row.poi_id, time=row.time, utc_time=row.utc_time)


def _insert(connection: Connection, kind: type[Record], records: list[Any]) -> None:
    """Add records of one kind; raises MissingError for what they refer to and is not there."""
    if kind is Person:
        connection.execute(insert(people), [people_part.row_of(record) for record in records])
        return
    if kind is Place:
        places_part.add(connection, records)
        return
    keys = keys_of(connection, {record.person for record in records if record.person is not None})
    if kind is Checkin:
        pois = indices_of(connection, {record.poi_id for record in records})
        connection.execute(insert(checkins), [checkins_part.row_of(record, keys, pois) for record in records])
    elif kind is Version:
        rows = [record.model_dump(exclude={"record"}) | {"person": keys[record.person]} for record in records]
        connection.execute(insert(profiles), rows)
    elif kind is Answer:
        rows = [answers_part.answer_row(record, record.person and keys[record.person]) for record in records]
        connection.execute(insert(answers), rows)
    elif kind is Feedback:
        pois = indices_of(connection, {record.poi_id for record in records})
        rows = [answers_part.feedback_row(record, keys[record.person], pois) for record in records]
        connection.execute(insert(feedback), rows)
