"""Check-ins: appended by id, imported from files, read as records and as frames."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from sqlalchemy import BigInteger, Connection, insert, select, type_coerce

from genrec.checkins import Checkins
from genrec.clock import all_midnight, in_order
from genrec.columns import FIRST_SEEN, POI, POI_ID, TIME, USER, UTC
from genrec.merging import far_apart, not_in, spelled_as
from genrec.store.protocol import ConflictError, Imported
from genrec.store.records import Checkin, Place, Settings, made
from genrec.store.sql.erased import buried
from genrec.store.sql.part import Part, add, alone, chunks, fetch, key_of, keys_of
from genrec.store.sql.people import add_people
from genrec.store.sql.places import add_places, catalogue
from genrec.store.sql.tables import checkins, people

INSERTED = 100_000  # rows at a time
NUMBERS = [checkins.c.person, checkins.c.poi, *(type_coerce(checkins.c[name], BigInteger) for name in (TIME, UTC))]


class CheckIns(Part):
    """See `genrec.store.protocol`."""

    def add_checkins(self, new: Sequence[Checkin]) -> int:
        """See the protocol."""
        with self._database.writing() as connection:
            added = add(connection, new, lock=True)
            if added < len(new):
                _require_same(connection, new)
            return added

    def import_checkins(self, new: Checkins, settings: Settings, *, owner: str | None = None) -> Imported:
        """See the protocol."""
        with self._database.writing() as connection:
            there = pl.DataFrame({USER: connection.execute(select(people.c.id)).scalars().all()}, {USER: pl.String})
            before = catalogue(connection)
            alone(connection, people)
            gone = buried(connection, new.frame[USER].unique().to_list())
            new = _without(new, gone)
            pois, frame, _ = spelled_as(before, there, new.pois, new.frame.with_columns(pl.col(USER).cast(pl.String)))
            users = frame[USER].unique(maintain_order=True).to_list()
            added = add_people(connection, users, settings)
            keys = keys_of(connection, users, lock=True)
            known = add_places(connection, [_place(row, owner) for row in pois.iter_rows(named=True)])
            index = pl.Series([known[poi_id][0] for poi_id in pois[POI_ID]], dtype=pl.UInt32)
            frame = frame.with_columns(index.gather(frame[POI]).alias(POI)).select(USER, POI, TIME, UTC)
            rows = _numbered(read(connection, keys), frame)
            for chunk in chunks(rows.iter_rows(named=True), INSERTED):
                connection.execute(insert(checkins), [row | {"person": keys[row["person"]]} for row in chunk])
            fresh = sum(poi >= len(before) for poi, _ in known.values())
            return Imported(added, fresh, len(rows), len(gone), tuple(far_apart(before, pois)))

    def visits(self, person: str) -> list[Checkin]:
        """See the protocol."""
        with self._database.reading() as connection:
            theirs = checkins.c.person == key_of(connection, person)
            return fetch(connection, Checkin, theirs, by=[checkins.c.time, checkins.c.id])

    def frame(self, person: str) -> pl.DataFrame:
        """See the protocol."""
        with self._database.reading() as connection:
            return in_order(read(connection, {person: key_of(connection, person)}))

    def checkins(self) -> Checkins:
        """See the protocol."""
        with self._database.reading() as connection:
            frame = in_order(read(connection, None))
            pois = catalogue(connection)
        seen = frame.group_by(POI).agg(pl.col(TIME).min().alias(FIRST_SEEN))
        pois = pois.join(seen, on=POI, how="left", maintain_order="left")
        dates_only = bool(len(frame)) and all_midnight(frame[TIME])
        return Checkins(frame, pois, self._database.shown, [], dates_only)


def read(connection: Connection, keys: dict[str, int] | None) -> pl.DataFrame:
    """The check-ins of these people, or of all, as `Checkins.frame` has them, by person and id."""
    if keys is None:
        keys = {id_: key for id_, key in connection.execute(select(people.c.id, people.c.key))}
    schema = {"person": pl.Int64, POI: pl.UInt32, TIME: pl.Int64, UTC: pl.Int64}
    parts = [pl.DataFrame(schema=schema)]
    for chunk in chunks(sorted(keys.values())):
        query = select(*NUMBERS).where(checkins.c.person.in_(chunk)).order_by(checkins.c.person, checkins.c.id)
        # The driver's own rows: SQLAlchemy's would take most of the time.
        parts.append(pl.DataFrame(connection.execute(query).cursor.fetchall(), schema, orient="row"))
    ids = pl.DataFrame({USER: list(keys), "person": list(keys.values())}, {USER: pl.String, "person": pl.Int64})
    times = [pl.col(name).cast(pl.Datetime("us")) for name in (TIME, UTC)]
    return pl.concat(parts).join(ids, on="person", how="left", maintain_order="left").select(USER, POI, *times)


def _without(new: Checkins, people: set[str]) -> Checkins:
    """Check-ins without those of some people, and without the places that only these have been to."""
    if not people:
        return new
    frame = new.frame.filter(~pl.col(USER).cast(pl.String).is_in(list(people)))
    lonely = set(new.frame[POI].to_list()) - set(frame[POI].to_list())
    pois = new.pois.filter(~pl.col(POI).is_in(list(lonely)))
    moved = dict(zip(pois[POI], range(len(pois)), strict=True))
    frame = frame.with_columns(pl.col(POI).replace_strict(moved, return_dtype=pl.UInt32))
    return replace(new, frame=frame, pois=pois.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(POI)))


def _require_same(connection: Connection, new: Sequence[Checkin]) -> None:
    """Raise ConflictError if one of the check-ins is there with other content."""
    sent: dict[str, list[Checkin]] = defaultdict(list)
    for checkin in new:
        sent[checkin.person].append(checkin)
    keys = keys_of(connection, sent)
    for person, theirs in sent.items():  # one by one: SQLite looks for pairs (person, id) through the whole table
        for chunk in chunks(theirs):
            these = checkins.c.id.in_([checkin.id for checkin in chunk])
            there = {one.id: one for one in fetch(connection, Checkin, checkins.c.person == keys[person], these)}
            for checkin in chunk:
                if there[checkin.id] != checkin:
                    raise ConflictError(f"the check-in {checkin.id!r} is there already, with other content")


def _numbered(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Rows for what of `new` is not there yet; their ids keep the order in which the file has equal times."""
    before = old.group_by(USER, TIME).agg(pl.len().alias("before"))
    rows = not_in(old, new).join(before, on=[USER, TIME], how="left", maintain_order="left")
    number = pl.int_range(pl.len()).over(USER, TIME) + pl.col("before").fill_null(0)
    # A prefix, so that they are not taken for ids that somebody has chosen.
    named = pl.format("#{}.{}", pl.col(TIME).dt.timestamp("us"), number.cast(pl.String).str.zfill(4))
    return rows.select(pl.col(USER).alias("person"), named.alias("id"), POI, TIME, UTC)


def _place(row: dict[str, Any], owner: str | None) -> Place:
    return made(Place, **{name: row[name] for name in Place.model_fields if name in row}, owner=owner)
