"""People and their settings, and how they are forgotten."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from genrec.columns import UNKNOWN
from genrec.store.protocol import MissingError
from genrec.store.records import Person, Settings, made
from genrec.store.sql.part import Part, chunks, insert_new, key_of
from genrec.store.sql.tables import checkins, people, places


class People(Part):
    """See `genrec.store.protocol`."""

    def add_people(self, ids: Sequence[str], settings: Settings) -> int:
        """See the protocol."""
        with self._database.writing() as connection:
            return add(connection, sorted(ids), settings)

    def person(self, person: str) -> Person:
        """See the protocol."""
        with self._database.reading() as connection:
            row = connection.execute(select(people).where(people.c.id == person)).first()
        if row is None:
            raise MissingError(f"there is no person {person!r} in the store")
        return person_of(row)

    def people(self, *, after: str = "", limit: int = 100) -> list[Person]:
        """See the protocol."""
        query = select(people).where(people.c.id > after).order_by(people.c.id).limit(limit)
        with self._database.reading() as connection:
            return [person_of(row) for row in connection.execute(query)]

    def change_settings(self, person: str, settings: Settings) -> Person:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, person, lock=True)
            connection.execute(update(people).where(people.c.key == key).values(settings.model_dump()))
            return person_of(connection.execute(select(people).where(people.c.key == key)).one())

    def erase(self, person: str) -> None:
        """See the protocol. Places that only this person had to do with keep their index and nothing else."""
        with self._database.writing() as connection:
            key = key_of(connection, person, lock=True)
            own = select(places.c.poi).where(places.c.owner == key)
            by_others = select(checkins.c.poi).where(checkins.c.poi.in_(own), checkins.c.person != key)
            shared = set(connection.execute(by_others.distinct()).scalars())
            alone = [poi for poi in connection.execute(own).scalars() if poi not in shared]
            others = select(func.avg(places.c.latitude), func.avg(places.c.longitude)).where(
                places.c.owner.is_distinct_from(key)
            )
            latitude, longitude = connection.execute(others).one()
            blank = {
                "poi_id": "erased " + places.c.poi.cast(places.c.poi_id.type),
                "category": UNKNOWN,
                "category_id": None,
                "name": None,
                "region": None,
                "latitude": latitude or 0.0,
                "longitude": longitude or 0.0,
            }
            for chunk in chunks(alone):
                connection.execute(update(places).where(places.c.poi.in_(chunk)).values(blank))
            connection.execute(delete(people).where(people.c.key == key))
        self._database.clean()


def add(connection: Connection, ids: Iterable[str], settings: Settings) -> int:
    """Add those people who are not there yet, in this order; returns how many."""
    rows = [row_of(made(Person, id=id_, settings=settings)) for id_ in dict.fromkeys(ids)]
    return insert_new(connection, people, rows)


def row_of(person: Person) -> dict[str, Any]:
    """A person as a row."""
    return {"id": person.id, "created": person.created, **person.settings.model_dump()}


def person_of(row: Row[Any]) -> Person:
    """A row as a person."""
    settings = Settings(strength=row.strength, consent=row.consent)
    return Person(id=row.id, created=row.created, settings=settings)
