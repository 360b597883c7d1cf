"""What routes require of who asks."""

from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from genrec.service.errors import Refused
from genrec.service.guard import Caller
from genrec.service.state import Service, service_of
from genrec.store.records import STORABLE, Id

PersonId = Annotated[Id, Path(description="A person's id.", json_schema_extra=STORABLE)]
bearer = HTTPBearer(auto_error=False, description="A key, made with `genrec key add`.")


def caller(
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """Who asks."""
    host = request.client.host if request.client else ""
    return service.guard.caller(shown.credentials if shown else None, host)


def operator(who: Annotated[Caller, Depends(caller)]) -> Caller:
    """Let nobody but an operator in."""
    if who.person is not None:
        raise Refused(403, "this is for operators; the key is a person's")
    return who


def own(person: PersonId, who: Annotated[Caller, Depends(caller)]) -> str:
    """Let in whoever may ask about the person of the path."""
    who.require(person)
    return person


Anybody = Annotated[Caller, Depends(caller)]
Operator = Annotated[Caller, Depends(operator)]
Own = Annotated[str, Depends(own)]
ServiceOf = Annotated[Service, Depends(service_of)]
