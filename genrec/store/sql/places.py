"""The catalogue of places; an index that was given once is never changed or given again."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, func, insert, select, text

from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, POI, POI_ID, REGION
from genrec.store.protocol import ConflictError
from genrec.store.records import Place
from genrec.store.sql.part import Part, chunks, keys_of
from genrec.store.sql.tables import people, places

SCHEMA = {
    POI: pl.UInt32,
    POI_ID: pl.String,
    CATEGORY: pl.String,
    CATEGORY_ID: pl.String,
    LATITUDE: pl.Float64,
    LONGITUDE: pl.Float64,
    NAME: pl.String,
    REGION: pl.String,
}
OPTIONAL = (NAME, REGION)
ROWS = select(places, people.c.id.label("owner_id")).outerjoin_from(places, people).order_by(places.c.poi)


class Places(Part):
    """See `genrec.store.protocol`."""

    def add_places(self, new: Sequence[Place]) -> list[int]:
        """See the protocol."""
        with self._database.writing() as connection:
            known = add(connection, new)
            for place in new:
                if known[place.poi_id][1] != place:
                    raise ConflictError(f"the place {place.poi_id!r} is there already, with other properties")
            return [known[place.poi_id][0] for place in new]

    def catalogue(self) -> pl.DataFrame:
        """See the protocol."""
        with self._database.reading() as connection:
            return catalogue(connection)

    def owners(self) -> dict[int, str]:
        """See the protocol."""
        with self._database.reading() as connection:
            rows = connection.execute(select(places.c.poi, people.c.id).join_from(places, people))
            return {poi: owner for poi, owner in rows}


def add(connection: Connection, new: Sequence[Place]) -> dict[str, tuple[int, Place]]:
    """Append the places whose ids are not there yet; returns all of `new` by id as they are there, with their index."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE places IN SHARE ROW EXCLUSIVE MODE"))
    first_of: dict[str, Place] = {}
    for place in new:
        first_of.setdefault(place.poi_id, place)
    known: dict[str, tuple[int, Place]] = {}
    for chunk in chunks(first_of):
        rows = connection.execute(ROWS.where(places.c.poi_id.in_(chunk)))
        known |= {row.poi_id: (row.poi, place_of(row)) for row in rows}
    missing = [place for poi_id, place in first_of.items() if poi_id not in known]
    if missing:
        start = connection.execute(select(func.count()).select_from(places)).scalar_one()
        keys = keys_of(connection, {place.owner for place in missing if place.owner is not None})
        rows_of = [
            place.model_dump(exclude={"record"}) | {"poi": poi, "owner": place.owner and keys[place.owner]}
            for poi, place in enumerate(missing, start)
        ]
        connection.execute(insert(places), rows_of)
        known |= {place.poi_id: (poi, place) for poi, place in enumerate(missing, start)}
    return known


def place_of(row: Row[Any]) -> Place:
    """A row of `ROWS` as a place."""
    values = row._mapping
    return Place.model_validate({name: values[name] for name in SCHEMA if name != POI} | {"owner": row.owner_id})


def catalogue(connection: Connection) -> pl.DataFrame:
    """All places as a frame; the optional columns if any place has them."""
    query = select(*(places.c[name] for name in SCHEMA)).order_by(places.c.poi)
    frame = pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=SCHEMA, orient="row")
    return frame.drop([name for name in OPTIONAL if frame[name].null_count() == len(frame)])
