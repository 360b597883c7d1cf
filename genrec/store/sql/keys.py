"""Keys of the API: their hashes, and whom they stand for."""

from typing import Any

from sqlalchemy import Row, delete, insert, select

from genrec.store.protocol import MissingError
from genrec.store.records import ApiKey
from genrec.store.sql.part import Part, key_of
from genrec.store.sql.tables import keys, people

KEYS = select(keys, people.c.id.label("of")).outerjoin_from(keys, people)


class Keys(Part):
    """See `genrec.store.protocol`."""

    def add_key(self, key: ApiKey) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            person = None if key.person is None else key_of(connection, key.person, lock=True)
            connection.execute(insert(keys), key.model_dump() | {"person": person})

    def key(self, id_: str) -> ApiKey | None:
        """See the protocol."""
        with self._database.reading() as connection:
            row = connection.execute(KEYS.where(keys.c.id == id_)).first()
        return _key_of(row) if row else None

    def api_keys(self) -> list[ApiKey]:
        """See the protocol."""
        with self._database.reading() as connection:
            return [_key_of(row) for row in connection.execute(KEYS.order_by(keys.c.made, keys.c.id))]

    def drop_key(self, id_: str) -> None:
        """See the protocol."""
        with self._database.writing() as connection:
            if not connection.execute(delete(keys).where(keys.c.id == id_)).rowcount:
                raise MissingError(f"there is no key {id_!r} in the store")


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(id=row.id, hash=row.hash, person=row.of, made=row.made)
