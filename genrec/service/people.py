"""People and their settings."""

from typing import Annotated
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, Query, Response

from genrec.service.errors import Refused
from genrec.service.models import ChangedSettings, NewPerson, People
from genrec.service.security import Operator, Own, ServiceOf
from genrec.store.records import STORABLE, IdPart, Person, Settings

routes = APIRouter(prefix="/v1/people", tags=["people"])


@routes.get("")
def list_people(
    service: ServiceOf,
    _: Operator,
    after: IdPart = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    search: Annotated[IdPart, Query(description="A part of the id.", json_schema_extra=STORABLE)] = "",
) -> People:
    """A page of people by id; with `search`, of those whose ids hold it, in capital or small letters."""
    found = service.store.people(after=after, limit=limit + 1, search=search)
    return People(people=found[:limit], next=found[limit - 1].id if len(found) > limit else None)


@routes.post("", status_code=201)
def create(new: NewPerson, response: Response, service: ServiceOf, _: Operator) -> Person:
    """Add a person."""
    id_ = new.id or uuid4().hex
    if not service.store.add_people([id_], new.settings):
        raise Refused(409, f"there is a person {id_!r} already")
    response.headers["Location"] = f"/v1/people/{quote(id_, safe='')}"
    return service.store.person(id_)


@routes.get("/{person}")
def read(person: Own, service: ServiceOf) -> Person:
    """A person's settings."""
    return service.store.person(person)


@routes.patch("/{person}")
def change(person: Own, new: ChangedSettings, service: ServiceOf) -> Person:
    """Change a person's settings. Consent that is taken back takes the profile with its history away."""
    old = service.store.person(person)
    changed = service.store.change_settings(
        person,
        Settings.model_validate(old.model_dump(include={"strength", "consent"}) | new.model_dump(exclude_none=True)),
    )
    if not changed.consent:
        service.store.drop_profile(person)
    return changed
