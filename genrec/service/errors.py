"""Every failure as a problem in one form (RFC 9457): what is wrong, in one line, and nothing of the inside."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from genrec.errors import GenRecError
from genrec.service.problems import MEDIA, not_understood, problem
from genrec.store.protocol import ConflictError, ConsentError, MissingError, StaleError, UnavailableError

RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What is wrong (RFC 9457).",
        "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
log = logging.getLogger("genrec.service")

_STATUS: dict[type[GenRecError], int] = {
    MissingError: 404,
    ConflictError: 409,
    ConsentError: 403,
    StaleError: 412,
    UnavailableError: 503,
}


class Refused(GenRecError):  # noqa: N818 - it is not always an error: try again later
    """A request that is not answered; `wait` is after how many seconds to try again."""

    def __init__(self, status: int, detail: str, *, wait: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.more = status, more
        self.headers = {} if wait is None else {"Retry-After": str(wait)}
        if status == 401:
            self.headers["WWW-Authenticate"] = "Bearer"


def unforeseen(error: Exception) -> JSONResponse:
    """A failure of the program, of which the sender is told nothing."""
    note_failure("a request", error)
    return problem(500, "something went wrong here; the log says where")


def note_failure(what: str, error: BaseException) -> None:
    """Log what failed and where, but no value: one might be somebody's text."""
    if isinstance(error, GenRecError):
        log.error("%s failed: %s", what, error)
        return
    frames = reversed(traceback.extract_tb(error.__traceback__))
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
    log.error("%s failed: %s at %s", what, type(error).__name__, where)


def handle(app: FastAPI) -> None:
    """Let all failures of an app be problems."""

    @app.exception_handler(GenRecError)
    def of_genrec(_: Request, error: GenRecError) -> JSONResponse:
        if isinstance(error, Refused):
            return problem(error.status, str(error), error.headers, **error.more)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        if isinstance(error, StaleError):
            current = error.current.number if error.current else None
            return problem(status, str(error), kind="urn:genrec:stale", current=current)
        if isinstance(error, UnavailableError):
            note_failure("the store", error)
            return problem(status, "the store cannot be used now; try again", {"Retry-After": "2"})
        return problem(status, str(error))

    @app.exception_handler(RequestValidationError)
    def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return not_understood(request, error)

    @app.exception_handler(HTTPException)
    def of_http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code != 405:
            nothing = "there is nothing at this address; /docs says what there is"
            return problem(error.status_code, nothing if error.status_code == 404 else str(error.detail), error.headers)
        methods = ", ".join(_methods(app, request))  # Starlette would name those of one route alone
        return problem(405, f"{request.method} is not for this address; there is {methods}", {"Allow": methods})


@contextmanager
def referred() -> Iterator[None]:
    """Around the use of what a body names: 404 would say that what the path names is missing."""
    try:
        yield
    except MissingError as error:
        raise Refused(409, str(error)) from None


def _methods(app: FastAPI, request: Request) -> list[str]:
    """What may be asked of the path of a request."""
    matching = (route for route in app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in matching for method in getattr(route, "methods", None) or ()})
