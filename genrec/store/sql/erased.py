"""Who was erased: hashes of ids, so that a file that still holds somebody does not bring them back.

Whoever has the store can find out whether an id that they guess is among them, but no id from them.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from genrec.store.records import Erased
from genrec.store.sql.part import add, chunks
from genrec.store.sql.tables import erased


def bury(connection: Connection, person: str) -> None:
    """Remember that somebody was erased."""
    salt = next(iter(_salts(connection)), None) or secrets.token_hex(16)
    add(connection, [Erased(hash=_hash(person, salt), salt=salt)])


def buried(connection: Connection, people: Iterable[str]) -> set[str]:
    """Who of these people was erased."""
    ids = {_hash(person, salt): person for salt in _salts(connection) for person in people}
    found: set[str] = set()
    for chunk in chunks(ids):
        there = connection.execute(select(erased.c.hash).where(erased.c.hash.in_(chunk))).scalars()
        found |= {ids[hash_] for hash_ in there}
    return found


def forget_erasure(connection: Connection, people: Iterable[str]) -> None:
    """Let people come back who were erased."""
    hashes = [_hash(person, salt) for salt in _salts(connection) for person in people]
    for chunk in chunks(hashes):
        connection.execute(delete(erased).where(erased.c.hash.in_(chunk)))


def _salts(connection: Connection) -> list[str]:
    """The store's salt, if anybody was erased; several only if dumps were put together."""
    return list(connection.execute(select(erased.c.salt).distinct()).scalars())


def _hash(person: str, salt: str) -> str:
    person = re.sub(r"^(\d+)\.0$", r"\1", person)  # as readers of files take the two for one
    return hashlib.blake2b(person.encode("utf-8", "surrogatepass"), key=bytes.fromhex(salt), digest_size=32).hexdigest()
