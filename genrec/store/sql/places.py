"""The catalogue of places; an index that was given once is never changed or given again."""

from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection, func, insert, select

from genrec.columns import CATEGORY, CATEGORY_ID, LATITUDE, LONGITUDE, NAME, POI, POI_ID, REGION
from genrec.store.protocol import ConflictError
from genrec.store.records import Place
from genrec.store.sql.part import Part, alone, chunks, fetch, indices_of, keys_of, rows_of
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


class Places(Part):
    """See `genrec.store.protocol`."""

    def add_places(self, new: Sequence[Place]) -> list[int]:
        """See the protocol."""
        with self._database.writing() as connection:
            known = add_places(connection, new)
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


def add_places(connection: Connection, new: Sequence[Place]) -> dict[str, tuple[int, Place]]:
    """Append the places whose ids are not there yet; returns all of `new` by id as they are there, with their index."""
    keys_of(connection, {place.owner for place in new if place.owner is not None}, lock=True)
    alone(connection, places)
    known: dict[str, Place] = {}
    first_of = {place.poi_id: place for place in reversed(new)}
    for chunk in chunks(first_of):
        known |= {place.poi_id: place for place in fetch(connection, Place, places.c.poi_id.in_(chunk))}
    missing = [first_of[poi_id] for poi_id in dict.fromkeys(place.poi_id for place in new) if poi_id not in known]
    if missing:
        start = connection.execute(select(func.count()).select_from(places)).scalar_one()
        rows = rows_of(connection, missing)
        connection.execute(insert(places), [row | {"poi": poi} for poi, row in enumerate(rows, start)])
    pois = indices_of(connection, first_of)
    return {poi_id: (pois[poi_id], known.get(poi_id, place)) for poi_id, place in first_of.items()}


def catalogue(connection: Connection) -> pl.DataFrame:
    """All places as a frame; the optional columns if any place has them."""
    query = select(*(places.c[name] for name in SCHEMA)).order_by(places.c.poi)
    frame = pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=SCHEMA, orient="row")
    return frame.drop([name for name in OPTIONAL if frame[name].null_count() == len(frame)])
