"""A person's visits."""

from typing import Annotated

from fastapi import APIRouter, Query

from genrec.service.errors import referred
from genrec.service.models import Appended, Checkins, NewCheckin, NewCheckins
from genrec.service.security import Own, ServiceOf
from genrec.store.records import Checkin, made

routes = APIRouter(prefix="/v1/people/{person}/checkins", tags=["check-ins"])


@routes.post("")
def append(person: Own, new: NewCheckins, service: ServiceOf) -> Appended:
    """Append visits; the same id twice is one. The person's next ranking starts from the latest of them."""
    service.store.person(person)
    catalogue = service.live.catalogue
    with referred():
        for visit in new.checkins:
            catalogue.poi(visit.poi_id, person)
    rows = [made(Checkin, person=person, **visit.model_dump()) for visit in new.checkins]
    added = service.store.add_checkins(rows)
    if added:
        service.live.changed()
    return Appended(new=added, known=len(rows) - added)


@routes.get("")
def read(
    person: Own,
    service: ServiceOf,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Checkins:
    """A page of a person's visits, by time."""
    visits = service.store.visits(person)
    page = [
        NewCheckin(id=visit.id, poi_id=visit.poi_id, time=visit.time, utc_time=visit.utc_time)
        for visit in visits[after : after + limit]
    ]
    return Checkins(checkins=page, next=after + limit if len(visits) > after + limit else None)
