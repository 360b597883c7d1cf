"""People and their settings, and how they are forgotten."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, select, update

from genrec.columns import UNKNOWN
from genrec.store.protocol import MissingError
from genrec.store.records import Person, Settings, made
from genrec.store.sql.erased import bury, forget_erasure
from genrec.store.sql.part import Part, add, alone, chunks, fetch, key_of
from genrec.store.sql.tables import checkins, feedback, people, places


class People(Part):
    """See `genrec.store.protocol`."""

    def add_people(self, ids: Sequence[str], settings: Settings) -> int:
        """See the protocol."""
        with self._database.writing() as connection:
            forget_erasure(connection, ids)
            return add_people(connection, sorted(ids), settings)

    def person(self, person: str) -> Person:
        """See the protocol."""
        with self._database.reading() as connection:
            return _person(connection, person)

    def people(self, *, after: str = "", limit: int = 100, search: str = "") -> list[Person]:
        """See the protocol."""
        meant = [people.c.id > after, *([people.c.id.icontains(search, autoescape=True)] if search else [])]
        with self._database.reading() as connection:
            return fetch(connection, Person, *meant, by=[people.c.id], limit=limit)

    def change_settings(self, person: str, settings: Settings) -> Person:
        """See the protocol."""
        with self._database.writing() as connection:
            key = key_of(connection, person, lock=True)
            connection.execute(update(people).where(people.c.key == key).values(settings.model_dump()))
            return _person(connection, person)

    def erase(self, person: str) -> None:
        """See the protocol. Places that only this person had to do with keep their index and nothing else."""
        try:
            with self._database.writing() as connection:
                key = key_of(connection, person, lock=True)
                _blank_places(connection, key)
                connection.execute(delete(people).where(people.c.key == key))
                bury(connection, person)
        except MissingError:  # perhaps since a call that was killed before it had cleaned
            self._database.clean()
            raise
        self._database.clean()


def _blank_places(connection: Connection, owner: int) -> None:
    """Take away what is known of somebody's own places, but for those that others have been to or spoken of."""
    own = select(places.c.poi).where(places.c.owner == owner)
    visited, spoken_of = (
        select(table.c.poi).where(table.c.poi.in_(own), table.c.person != owner) for table in (checkins, feedback)
    )
    shared = set(connection.execute(visited.union(spoken_of)).scalars())
    lonely = [poi for poi in connection.execute(own).scalars() if poi not in shared]
    # In the middle of the others, where they change no map.
    middle = select(func.avg(places.c.latitude), func.avg(places.c.longitude))
    latitude, longitude = connection.execute(middle.where(places.c.owner.is_distinct_from(owner))).one()
    blank = {
        "poi_id": "erased " + places.c.poi.cast(places.c.poi_id.type),
        "category": UNKNOWN,
        "category_id": None,
        "name": None,
        "region": None,
        "latitude": latitude or 0.0,
        "longitude": longitude or 0.0,
    }
    for chunk in chunks(lonely):
        connection.execute(update(places).where(places.c.poi.in_(chunk)).values(blank))


def add_people(connection: Connection, ids: Iterable[str], settings: Settings) -> int:
    """Add those people who are not there yet, in this order; returns how many."""
    alone(connection, people)
    return add(connection, [made(Person, id=id_, **settings.model_dump()) for id_ in dict.fromkeys(ids)])


def _person(connection: Connection, id_: str) -> Person:
    if found := fetch(connection, Person, people.c.id == id_):
        return found[0]
    raise MissingError(f"there is no person {id_!r} in the store")
