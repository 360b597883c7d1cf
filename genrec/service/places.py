"""The catalogue: searched, looked around in, and added to."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import polars as pl
from fastapi import APIRouter, Query

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI_ID
from genrec.geo import haversine_km
from genrec.service.guard import Caller
from genrec.service.live import Catalogue
from genrec.service.models import FoundPlace, NewPlace, Places
from genrec.service.security import Anybody, ServiceOf
from genrec.store.protocol import MissingError
from genrec.store.records import Id, Place

routes = APIRouter(prefix="/v1/places", tags=["places"])

Limit = Annotated[int, Query(ge=1, le=200)]


@routes.get("")
def search(
    service: ServiceOf,
    who: Anybody,
    q: Annotated[str, Query(min_length=1, max_length=200, description="A part of the name, the category or the id.")],
    limit: Limit = 20,
) -> Places:
    """Places by their names, categories or ids."""
    catalogue = service.live.catalogue
    part = q.lower()
    said = [pl.col(name) for name in (NAME, CATEGORY, POI_ID) if name in catalogue.pois.columns]
    hits = catalogue.pois.select(
        pl.any_horizontal(
            text.str.to_lowercase().str.contains(part, literal=True).fill_null(value=False) for text in said
        )
    ).to_series()
    return _shown(catalogue, who, np.flatnonzero(hits.to_numpy()).tolist(), limit)


@routes.get("/near")
def near(
    service: ServiceOf,
    who: Anybody,
    latitude: Annotated[float, Query(ge=-90, le=90)],
    longitude: Annotated[float, Query(ge=-180, le=180)],
    km: Annotated[float, Query(gt=0, le=20_100)] = 1.0,
    limit: Limit = 20,
) -> Places:
    """Places around a position, the nearest first."""
    catalogue = service.live.catalogue
    pois = catalogue.pois
    away = haversine_km(pois[LATITUDE].to_numpy(), pois[LONGITUDE].to_numpy(), latitude, longitude)
    order = np.argsort(away, kind="stable")
    return _shown(catalogue, who, [poi for poi in order.tolist() if away[poi] <= km], limit, away)


@routes.get("/{poi_id:path}")
def read(poi_id: Id, service: ServiceOf, who: Anybody) -> FoundPlace:
    """One place."""
    catalogue = service.live.catalogue
    if poi_id in catalogue.index:
        shown = _shown(catalogue, who, [catalogue.index[poi_id]], 1).places
        if shown:
            return shown[0]
    raise MissingError(f"there is no place {poi_id!r} in the store")


@routes.post("", status_code=201)
def add(new: NewPlace, service: ServiceOf, who: Anybody) -> FoundPlace:
    """Add a place; the same twice is one. A person's is named to them alone, an operator's to everybody."""
    values = new.model_dump() | {"poi_id": new.poi_id or uuid4().hex}
    place = Place(owner=who.person, **values)
    service.store.add_places([place])
    service.live.changed(places=True)
    return FoundPlace(**place.model_dump())


def _shown(catalogue: Catalogue, who: Caller, pois: Sequence[int], limit: int, away: Any = None) -> Places:
    """The first of these places, without those of other people."""
    places = []
    for poi in pois:
        owner = catalogue.owners.get(poi)
        if owner is not None and who.person not in {None, owner}:
            continue
        row = catalogue.pois.row(poi, named=True)
        values = {name: row[name] for name in FoundPlace.model_fields if name in row}
        places.append(FoundPlace(**values, owner=owner, km=None if away is None else float(away[poi])))
        if len(places) == limit:
            break
    return Places(places=places)
